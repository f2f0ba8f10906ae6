//! The hives of a user: `NTUSER.DAT` and `UsrClass.dat`.

use super::descriptors::Descriptors;
use super::text::Language;
use super::{BuildError, Dice, Tree, UserSpec};
use gw_hive::{FileTime, NewKey, RegValue, kind};

const APPS: [&str; 8] = [
    "Contoso Notes",
    "Fabrikam CAD",
    "Adventure Reader",
    "Tailspin Player",
    "Wingtip Sync",
    "Litware ERP",
    "Proseware Mail",
    "Northwind Client",
];

/// `NTUSER.DAT`.
///
/// # Errors
/// When a name does not fit where Windows keeps it.
pub fn ntuser(spec: &UserSpec) -> Result<Vec<u8>, BuildError> {
    let mut descriptors = Descriptors::new(Some(&spec.sid), &spec.others, spec.seed);
    let mut dice = Dice::new(spec.seed);
    let mut tree = Tree::new(
        "\\Users\\user\\ntuser.dat",
        5,
        &descriptors.root()?,
        spec.at,
    )?;
    skeleton(&mut tree, spec)?;
    every_kind_of_value(&mut tree, &mut dice)?;
    // Policies are read-only for the user: an explicit descriptor with its own mask.
    for path in [
        "Software\\Policies",
        "Software\\Microsoft\\Windows\\CurrentVersion\\Policies",
        "Software\\Microsoft\\SystemCertificates\\Root\\ProtectedRoots",
    ] {
        tree.key_with(path, &descriptors.another()?)?;
    }
    fill(&mut tree, spec, &mut descriptors, &mut dice, "Software")?;
    Ok(tree.finish()?)
}

/// `UsrClass.dat`.
///
/// # Errors
/// When a name does not fit where Windows keeps it.
pub fn usrclass(spec: &UserSpec) -> Result<Vec<u8>, BuildError> {
    let mut descriptors = Descriptors::new(Some(&spec.sid), &spec.others, spec.seed ^ 0xc1a55);
    let mut dice = Dice::new(spec.seed ^ 0xc1a55);
    let mut tree = Tree::new(
        "\\Microsoft\\Windows\\UsrClass.dat",
        3,
        &descriptors.root()?,
        spec.at,
    )?;
    for (path, name, text) in [
        (".note", "", "NotesFile"),
        ("NotesFile\\shell\\open\\command", "", "notes.exe \"%1\""),
        (
            "CLSID\\{018D5C66-4533-4307-9B53-224DE2ED1FE6}",
            "",
            "OneDrive",
        ),
        (
            "Local Settings\\MuiCache\\1a\\52C64B7E",
            "@%SystemRoot%\\system32\\shell32.dll,-21770",
            "Documents",
        ),
    ] {
        tree.string(path, name, text)?;
    }
    fill(
        &mut tree,
        spec,
        &mut descriptors,
        &mut dice,
        "Local Settings\\Software\\Microsoft\\Windows\\CurrentVersion\\AppContainer\\Storage",
    )?;
    Ok(tree.finish()?)
}

fn skeleton(tree: &mut Tree, spec: &UserSpec) -> Result<(), BuildError> {
    let explorer = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer";
    let profile = &spec.profile;
    let documents = match spec.language {
        Language::English => "Documents",
        Language::German => "Dokumente",
    };
    for key in [
        "AppEvents\\EventLabels\\.Default",
        "AppEvents\\Schemes\\Apps\\.Default\\.Default\\.Current",
        "Console\\%SystemRoot%_System32_cmd.exe",
        "Control Panel\\Accessibility\\StickyKeys",
        "Control Panel\\Cursors",
        "EUDC\\1252",
        "Keyboard Layout\\Preload",
        "Network",
        "Printers\\Connections",
        "System\\CurrentControlSet\\Policies",
        "Software\\Wow6432Node",
    ] {
        tree.key(key)?;
    }
    for (path, name, text) in [
        (
            "Control Panel\\Desktop",
            "Wallpaper",
            "C:\\Windows\\web\\wallpaper\\Windows\\img0.jpg",
        ),
        (
            "Control Panel\\International",
            "LocaleName",
            match spec.language {
                Language::English => "en-GB",
                Language::German => "de-DE",
            },
        ),
        ("Environment", "TMP", "%USERPROFILE%\\AppData\\Local\\Temp"),
        (
            "Software\\Microsoft\\Windows\\CurrentVersion\\Run",
            "OneDrive",
            "\"C:\\Program Files\\Microsoft OneDrive\\OneDrive.exe\" /background",
        ),
        (
            "Software\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon",
            "PUUActive",
            "0",
        ),
    ] {
        tree.string(path, name, text)?;
    }
    let folders = format!("{explorer}\\Shell Folders");
    tree.string(&folders, "Personal", &format!("{profile}\\{documents}"))?;
    tree.string(&folders, "AppData", &format!("{profile}\\AppData\\Roaming"))?;
    let user_folders = format!("{explorer}\\User Shell Folders");
    let personal = RegValue::expand_string("%USERPROFILE%\\Documents");
    tree.set(&user_folders, "Personal", &personal)?;
    // Text that names the user, as caches of the shell do.
    let recent = format!("{explorer}\\FeatureUsage\\{}", spec.sid);
    tree.string(
        &recent,
        "Owner",
        &format!("\\Registry\\User\\{}_Classes", spec.sid),
    )?;
    tree.string("Volatile Environment", "USERNAME", &spec.name)?;
    Ok(())
}

/// One value of each type and size that a hive stores differently.
fn every_kind_of_value(tree: &mut Tree, dice: &mut Dice) -> Result<(), BuildError> {
    let path = "Software\\Godwit Test\\Values";
    let filler =
        |len: usize, dice: &mut Dice| -> Vec<u8> { (0..len).map(|_| dice.next() as u8).collect() };
    for (name, value) in [
        ("", RegValue::string("default value")),
        ("empty", RegValue::binary(Vec::new())),
        ("none", RegValue::new(kind::NONE, vec![1, 2, 3, 4, 5])),
        ("one byte", RegValue::binary(vec![0x5a])),
        ("three bytes", RegValue::binary(vec![1, 2, 3])),
        ("dword", RegValue::dword(0xdead_beef)),
        ("qword", RegValue::qword(0x0123_4567_89ab_cdef)),
        ("expand", RegValue::expand_string("%SystemRoot%\\system32")),
        ("multi", RegValue::multi_string(&["one", "zwei", "три"])),
        ("multi empty", RegValue::multi_string::<&str>(&[])),
        (
            "Ünïcode ключ 値",
            RegValue::string("Grüße — привет — 你好 — 🐦"),
        ),
        ("odd type", RegValue::new(0x0101_0017, vec![7; 40])),
        ("16344 bytes", RegValue::binary(filler(16_344, dice))),
        ("16345 bytes", RegValue::binary(filler(16_345, dice))),
        ("big", RegValue::binary(filler(81_725, dice))),
    ] {
        tree.set(path, name, &value)?;
    }
    Ok(())
}

/// Keys of invented programs until there are as many keys and descriptors as asked for.
fn fill(
    tree: &mut Tree,
    spec: &UserSpec,
    descriptors: &mut Descriptors,
    dice: &mut Dice,
    below: &str,
) -> Result<(), BuildError> {
    let mut made = 0;
    let mut distinct = 8;
    let mut number = 0_u32;
    while made < spec.keys || distinct < spec.descriptors {
        let app = APPS[dice.below(APPS.len())];
        let top = format!("{below}\\{app}\\{number:05}");
        number += 1;
        if distinct < spec.descriptors || number.is_multiple_of(40) {
            let descriptor = descriptors.another()?;
            let mut edit = tree.edit()?;
            let class = number.is_multiple_of(9).then_some("GenericClass");
            let new = NewKey {
                class,
                descriptor: Some(&descriptor),
            };
            edit.create_key_with(&top, new)?;
            distinct += 1;
        }
        for part in ["Settings", "Recent Files", dice.guid().as_str()] {
            let key = format!("{top}\\{part}");
            tree.dword(&key, "Version", dice.next() as u32)?;
            tree.string(&key, "Path", &format!("{}\\AppData\\{app}", spec.profile))?;
            tree.set(&key, "Seen", &RegValue::qword(FileTime(dice.next() >> 3).0))?;
            let len = dice.below(200);
            let data: Vec<u8> = (0..len).map(|_| dice.next() as u8).collect();
            tree.set(&key, "State", &RegValue::binary(data))?;
        }
        made += 4;
    }
    Ok(())
}
