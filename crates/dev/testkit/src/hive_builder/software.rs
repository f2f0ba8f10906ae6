//! SOFTWARE: the list of profiles and what else names accounts.

use super::descriptors::{Descriptors, known};
use super::{BuildError, Dice, MachineSpec, Tree, areas, tasks};
use gw_hive::RegValue;
use gw_secdesc::Sid;

const NT: &str = "Microsoft\\Windows NT\\CurrentVersion";
const WINDOWS: &str = "Microsoft\\Windows\\CurrentVersion";

pub(super) fn build(spec: &MachineSpec) -> Result<Vec<u8>, BuildError> {
    let mut descriptors = Descriptors::new(None, &spec.others, spec.seed ^ 0x50f7);
    let mut dice = Dice::new(spec.seed ^ 0x50f7);
    let mut tree = Tree::new("SOFTWARE", 5, &descriptors.root()?, spec.at)?;
    for (name, text) in [
        ("ProductName", "Windows 10 Enterprise"),
        ("CurrentVersion", "6.3"),
        ("CurrentBuild", "22631"),
        ("DisplayVersion", "23H2"),
        ("SystemRoot", "C:\\Windows"),
    ] {
        tree.string(NT, name, text)?;
    }
    tree.dword(NT, "CurrentMajorVersionNumber", 10)?;
    profiles(&mut tree, spec)?;
    sign_in(&mut tree, spec)?;
    per_account(&mut tree, spec)?;
    areas::in_software(&mut tree, spec, &mut descriptors, &mut dice)?;
    tasks::cache(&mut tree, spec, &mut dice)?;
    for number in 0..240 {
        let name = format!("Contoso\\Product {number:03}");
        if number % 3 == 0 {
            tree.key_with(&name, &descriptors.another()?)?;
        }
        tree.string(
            &name,
            "InstallDir",
            &format!("C:\\Program Files\\Contoso\\{number}"),
        )?;
        tree.string(
            &format!("Classes\\CLSID\\{}", dice.guid()),
            "",
            "Contoso object",
        )?;
    }
    Ok(tree.finish()?)
}

fn profiles(tree: &mut Tree, spec: &MachineSpec) -> Result<(), BuildError> {
    let list = format!("{NT}\\ProfileList");
    for (name, text) in [
        ("ProfilesDirectory", "%SystemDrive%\\Users"),
        ("Default", "%SystemDrive%\\Users\\Default"),
        ("Public", "%SystemDrive%\\Users\\Public"),
        ("ProgramData", "%SystemDrive%\\ProgramData"),
    ] {
        tree.set(&list, name, &RegValue::expand_string(text))?;
    }
    for (rid, folder) in [
        (18, "%systemroot%\\system32\\config\\systemprofile"),
        (19, "%systemroot%\\ServiceProfiles\\LocalService"),
        (20, "%systemroot%\\ServiceProfiles\\NetworkService"),
    ] {
        entry(tree, &list, &known(5, &[rid]), folder, 0xc, 0)?;
    }
    for profile in &spec.profiles {
        entry(tree, &list, &profile.sid, &profile.path, 0, profile.state)?;
        let key = format!("{list}\\{}", profile.sid);
        tree.dword(&key, "FullProfile", 1)?;
        tree.dword(&key, "RunLogonScriptSync", 0)?;
        for name in [
            "LocalProfileLoadTimeLow",
            "LocalProfileLoadTimeHigh",
            "LocalProfileUnloadTimeLow",
            "LocalProfileUnloadTimeHigh",
        ] {
            tree.dword(&key, name, (spec.at.0 >> 32) as u32)?;
        }
        if let Some(guid) = &profile.guid {
            tree.string(&key, "Guid", guid)?;
            let by_guid = format!("{NT}\\ProfileGuid\\{guid}");
            tree.string(&by_guid, "SidString", &profile.sid.to_string())?;
        }
    }
    Ok(())
}

fn entry(
    tree: &mut Tree,
    list: &str,
    sid: &Sid,
    folder: &str,
    flags: u32,
    state: u32,
) -> Result<(), BuildError> {
    let key = format!("{list}\\{sid}");
    tree.set(&key, "ProfileImagePath", &RegValue::expand_string(folder))?;
    tree.set(&key, "Sid", &RegValue::binary(sid.to_bytes()))?;
    tree.dword(&key, "Flags", flags)?;
    tree.dword(&key, "State", state)?;
    tree.dword(&key, "RefCount", 0)?;
    Ok(())
}

fn sign_in(tree: &mut Tree, spec: &MachineSpec) -> Result<(), BuildError> {
    let winlogon = format!("{NT}\\Winlogon");
    for (name, text) in [
        ("Shell", "explorer.exe"),
        ("Userinit", "C:\\Windows\\system32\\userinit.exe,"),
        ("CachedLogonsCount", "10"),
        ("AutoAdminLogon", "0"),
    ] {
        tree.string(&winlogon, name, text)?;
    }
    let domain = spec
        .domain
        .as_ref()
        .map_or(spec.name.as_str(), |domain| &domain.netbios);
    tree.string(&winlogon, "DefaultDomainName", domain)?;
    if let Some(last) = spec.profiles.first() {
        let ui = format!("{WINDOWS}\\Authentication\\LogonUI");
        let name = last.path.rsplit('\\').next().unwrap_or_default();
        let account = format!("{domain}\\{name}");
        let sid = last.sid.to_string();
        tree.string(&ui, "LastLoggedOnUser", &account)?;
        tree.string(&ui, "LastLoggedOnSAMUser", &account)?;
        tree.string(&ui, "LastLoggedOnUserSID", &sid)?;
        tree.string(&ui, "SelectedUserSID", &sid)?;
    }
    Ok(())
}

fn per_account(tree: &mut Tree, spec: &MachineSpec) -> Result<(), BuildError> {
    for profile in &spec.profiles {
        let sid = &profile.sid;
        for key in [
            format!("{WINDOWS}\\Appx\\AppxAllUserStore\\{sid}\\Contoso.App_1.0.0.0_x64"),
            format!("{WINDOWS}\\Group Policy\\DataStore\\{sid}\\0"),
            format!("{WINDOWS}\\Group Policy\\State\\{sid}\\Extension-List"),
            format!("{WINDOWS}\\Installer\\UserData\\{sid}\\Products"),
        ] {
            tree.key(&key)?;
        }
    }
    tree.key(&format!(
        "{WINDOWS}\\Installer\\UserData\\S-1-5-18\\Products"
    ))?;
    tree.key("Policies\\Microsoft\\Windows")?;
    Ok(())
}
