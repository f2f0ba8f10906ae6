//! SYSTEM: names, services, and the boot key in four class names.

use super::descriptors::{Descriptors, known};
use super::{BuildError, Dice, MachineSpec, Tree, areas};
use gw_hive::lsa::BootKey;
use gw_hive::{NewKey, RegValue};

pub(super) const SET: &str = "ControlSet001";

pub(super) fn build(spec: &MachineSpec) -> Result<Vec<u8>, BuildError> {
    let mut descriptors = Descriptors::new(None, &spec.others, spec.seed ^ 0x5e57);
    let mut dice = Dice::new(spec.seed ^ 0x5e57);
    let mut tree = Tree::new("SYSTEM", 5, &descriptors.root()?, spec.at)?;
    for (name, number) in [
        ("Current", 1),
        ("Default", 1),
        ("Failed", 0),
        ("LastKnownGood", 1),
    ] {
        tree.dword("Select", name, number)?;
    }
    tree.key("MountedDevices")?;
    tree.dword("Setup", "SystemSetupInProgress", 0)?;
    names(&mut tree, spec)?;
    lsa(&mut tree, spec, &mut descriptors)?;
    services(&mut tree, spec, &mut descriptors, &mut dice)?;
    areas::in_system(&mut tree, spec, &mut descriptors, &mut dice)?;
    Ok(tree.finish()?)
}

fn names(tree: &mut Tree, spec: &MachineSpec) -> Result<(), BuildError> {
    let control = format!("{SET}\\Control");
    let upper = spec.name.to_uppercase();
    for key in ["ComputerName", "ActiveComputerName"] {
        tree.string(
            &format!("{control}\\ComputerName\\{key}"),
            "ComputerName",
            &upper,
        )?;
    }
    let parameters = format!("{SET}\\Services\\Tcpip\\Parameters");
    let domain = spec.domain.as_ref().map_or("", |domain| &domain.dns);
    for name in ["Hostname", "NV Hostname"] {
        tree.string(&parameters, name, &spec.name)?;
    }
    for name in ["Domain", "NV Domain"] {
        tree.string(&parameters, name, domain)?;
    }
    tree.string(
        &format!("{control}\\ProductOptions"),
        "ProductType",
        "WinNT",
    )?;
    let manager = format!("{control}\\Session Manager");
    tree.set(
        &manager,
        "BootExecute",
        &RegValue::multi_string(&["autocheck autochk *"]),
    )?;
    let environment = format!("{manager}\\Environment");
    let path = RegValue::expand_string("%SystemRoot%\\system32;%SystemRoot%");
    tree.set(&environment, "Path", &path)?;
    tree.key(&format!("{control}\\hivelist"))?;
    Ok(())
}

fn lsa(
    tree: &mut Tree,
    spec: &MachineSpec,
    descriptors: &mut Descriptors,
) -> Result<(), BuildError> {
    let lsa = format!("{SET}\\Control\\Lsa");
    tree.key_with(&lsa, &descriptors.another()?)?;
    tree.dword(&lsa, "NoLMHash", 1)?;
    tree.dword(&lsa, "LimitBlankPasswordUse", 1)?;
    let packages = RegValue::multi_string(&["kerberos", "msv1_0", "schannel", "wdigest"]);
    tree.set(&lsa, "Security Packages", &packages)?;
    for (piece, class) in BootKey(spec.boot_key).class_names() {
        let new = NewKey {
            class: Some(&class),
            descriptor: None,
        };
        tree.edit()?
            .create_key_with(&format!("{lsa}\\{piece}"), new)?;
    }
    if let Some(domain) = &spec.domain {
        let join = format!("{lsa}\\Kerberos\\Domains");
        tree.string(&join, "Default", &domain.dns.to_uppercase())?;
    }
    Ok(())
}

fn services(
    tree: &mut Tree,
    spec: &MachineSpec,
    descriptors: &mut Descriptors,
    dice: &mut Dice,
) -> Result<(), BuildError> {
    let services = format!("{SET}\\Services");
    let joined = spec.domain.is_some();
    let parameters = format!("{services}\\Netlogon\\Parameters");
    tree.dword(&parameters, "DisablePasswordChange", 0)?;
    if let Some(domain) = &spec.domain {
        tree.string(&parameters, "DynamicSiteName", "Default-First-Site-Name")?;
        let cache = format!("{services}\\Netlogon\\JoinInformation");
        tree.string(&cache, "Domain", &domain.netbios)?;
    }
    tree.dword(
        &format!("{services}\\Netlogon"),
        "Start",
        if joined { 2 } else { 3 },
    )?;
    let shares = format!("{services}\\LanmanServer\\Shares");
    tree.key(&shares)?;
    let guarded: Vec<_> = spec.others.iter().take(2).cloned().collect();
    for (number, _) in guarded.iter().enumerate() {
        let name = format!("Share{number}");
        let text = [
            format!("Path=C:\\Shares\\{number}"),
            format!("ShareName={name}"),
        ];
        tree.set(&shares, &name, &RegValue::multi_string(&text))?;
        let guard = RegValue::binary(descriptors.another()?);
        tree.set(&format!("{shares}\\Security"), &name, &guard)?;
    }
    for profile in &spec.profiles {
        let bam = format!("{services}\\bam\\State\\UserSettings\\{}", profile.sid);
        tree.dword(&bam, "Version", 1)?;
    }
    for number in 0..180 {
        let name = format!("{services}\\gwsvc{number:03}");
        if number % 3 == 0 {
            tree.key_with(&name, &descriptors.another()?)?;
        }
        tree.dword(&name, "Type", 0x20)?;
        tree.dword(&name, "Start", 2 + dice.below(3) as u32)?;
        let image = RegValue::expand_string(&format!("%SystemRoot%\\System32\\gwsvc{number}.exe"));
        tree.set(&name, "ImagePath", &image)?;
        let account = if number % 11 == 0 {
            "NT AUTHORITY\\LocalService"
        } else {
            "LocalSystem"
        };
        tree.string(&name, "ObjectName", account)?;
    }
    // One service key that only its own service account and administrators may read.
    tree.string(
        &format!("{services}\\TrustedInstaller"),
        "ServiceSid",
        &known(5, &[80, 956_008_885, 3_418_522_649, 1_831_038_044]).to_string(),
    )?;
    Ok(())
}
