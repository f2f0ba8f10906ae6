//! Places outside descriptors of keys that name accounts: services, printers, COM, firewall,
//! packages, sign-in. Tasks have a file of their own ([`super::tasks`]).
//!
//! Every place is there for a user of the machine and, where Windows allows it, for a group, so
//! that a run that forgets one leaves a name behind that a checker sees.

use super::descriptors::{Descriptors, known};
use super::system::SET;
use super::{BuildError, Dice, MachineSpec, Tree};
use gw_hive::RegValue;
use gw_secdesc::{Ace, Acl, SecurityDescriptor, Sid, ace_types};

const WINDOWS: &str = "Microsoft\\Windows\\CurrentVersion";
/// Where connections to printers are cached per user.
const CONNECTIONS: &str = "Print\\Providers\\Client Side Rendering Print Provider";

/// Services, printers and firewall rules.
pub(super) fn in_system(
    tree: &mut Tree,
    spec: &MachineSpec,
    descriptors: &mut Descriptors,
    dice: &mut Dice,
) -> Result<(), BuildError> {
    let services = format!("{SET}\\Services");
    for number in (0..180).step_by(15) {
        let guard = RegValue::binary(descriptors.another()?);
        let key = format!("{services}\\gwsvc{number:03}\\Security");
        tree.set(&key, "Security", &guard)?;
    }
    let prefix = account_prefix(spec);
    tree.string(
        &format!("{services}\\ContosoBackup"),
        "ObjectName",
        &format!("{prefix}svc.backup"),
    )?;
    for (number, name) in ["Contoso 4000", "Büro 2. OG", "Fax"].iter().enumerate() {
        let guard = match spec.profiles.get(number) {
            Some(profile) => guard(&profile.sid, &spec.others)?,
            None => descriptors.another()?,
        };
        let key = format!("{SET}\\Control\\Print\\Printers\\{name}");
        tree.set(&key, "Security", &RegValue::binary(guard))?;
        tree.string(&key, "Name", name)?;
    }
    for profile in &spec.profiles {
        let key = format!("{SET}\\Control\\{CONNECTIONS}\\{}", profile.sid);
        tree.string(
            &format!("{key}\\Printers\\Connections\\,,print,Contoso"),
            "Server",
            "print",
        )?;
    }
    firewall(tree, spec, &services, dice)
}

fn firewall(
    tree: &mut Tree,
    spec: &MachineSpec,
    services: &str,
    dice: &mut Dice,
) -> Result<(), BuildError> {
    let policy = format!("{services}\\SharedAccess\\Parameters\\FirewallPolicy");
    let rules = format!("{policy}\\FirewallRules");
    let begin = "v2.31|Action=Allow|Active=TRUE";
    tree.string(
        &rules,
        "RemoteDesktop-In-TCP",
        &format!("{begin}|Dir=In|Protocol=6|LPort=3389|App=System|Name=Remote Desktop|"),
    )?;
    for other in spec.others.iter().take(2) {
        let list = format!("O:LSD:(A;;CC;;;{other})(A;;CC;;;S-1-5-32-544)");
        let rule = format!(
            "{begin}|Dir=In|Protocol=6|LPort=8443|App=C:\\Data\\contoso.exe|Name=Contoso|LUAuth={list}|RMAuth=O:LSD:(A;;CC;;;{other})|"
        );
        tree.string(&rules, &dice.guid(), &rule)?;
    }
    for profile in &spec.profiles {
        let rule = format!(
            "{begin}|Dir=Out|Name=Contoso.App|LUOwn={}|AppPkgId=S-1-15-2-1-2-3-4-5-6-7|",
            profile.sid
        );
        tree.string(&rules, &dice.guid(), &rule)?;
        let isolated = format!("{policy}\\RestrictedServices\\AppIso\\FirewallRules");
        tree.string(&isolated, &dice.guid(), &rule)?;
    }
    Ok(())
}

/// COM, the installer, packages, identities and who signed in.
pub(super) fn in_software(
    tree: &mut Tree,
    spec: &MachineSpec,
    descriptors: &mut Descriptors,
    dice: &mut Dice,
) -> Result<(), BuildError> {
    com(tree, spec, descriptors, dice)?;
    for profile in &spec.profiles {
        let sid = profile.sid.to_string();
        let name = profile.path.rsplit('\\').next().unwrap_or_default();
        identity(tree, spec, &sid, name, dice)?;
        let managed = format!("{WINDOWS}\\Installer\\Managed\\{sid}\\Installer\\Products");
        tree.dword(&managed, "Version", 1)?;
        let connection = format!("Microsoft\\Windows NT\\CurrentVersion\\{CONNECTIONS}\\{sid}");
        tree.dword(&connection, "Version", 3)?;
        let tile = format!("{WINDOWS}\\Authentication\\LogonUI\\UserTile");
        tree.string(&tile, &sid, "{60B78E88-EAD8-445C-9CFD-0B87F74EA6CD}")?;
        let applied = format!("{WINDOWS}\\Group Policy\\{sid}\\GroupMembership");
        tree.string(&applied, "Group0", &sid)?;
    }
    if let Some(profile) = spec.profiles.get(1).or(spec.profiles.first()) {
        let session = format!("{WINDOWS}\\Authentication\\LogonUI\\SessionData\\1");
        let name = profile.path.rsplit('\\').next().unwrap_or_default();
        let account = format!("{}{name}", account_prefix(spec));
        tree.string(&session, "LoggedOnUser", &account)?;
        tree.string(&session, "LoggedOnSAMUser", &account)?;
        tree.string(&session, "LoggedOnUserSID", &profile.sid.to_string())?;
    }
    Ok(())
}

fn com(
    tree: &mut Tree,
    spec: &MachineSpec,
    descriptors: &mut Descriptors,
    dice: &mut Dice,
) -> Result<(), BuildError> {
    for root in ["Classes\\AppID", "Classes\\WOW6432Node\\AppID"] {
        for number in 0..4 {
            let class = format!("{root}\\{}", dice.guid());
            let value = ["LaunchPermission", "AccessPermission"][number % 2];
            let guard = RegValue::binary(descriptors.another()?);
            tree.set(&class, value, &guard)?;
        }
    }
    let class = format!("Classes\\AppID\\{}", dice.guid());
    let account = format!("{}svc.com", account_prefix(spec));
    tree.string(&class, "RunAs", &account)?;
    for value in ["DefaultLaunchPermission", "MachineAccessRestriction"] {
        let guard = RegValue::binary(descriptors.another()?);
        tree.set("Microsoft\\Ole", value, &guard)?;
    }
    if let Some(group) = spec.others.first() {
        let list = format!("O:BAG:BAD:(A;;CCDCLCSWRP;;;BA)(A;;CCDCSW;;;{group})");
        let policy = "Policies\\Microsoft\\Windows NT\\DCOM";
        tree.string(policy, "MachineLaunchRestriction", &list)?;
    }
    Ok(())
}

/// What Windows remembers of the names of an account.
fn identity(
    tree: &mut Tree,
    spec: &MachineSpec,
    sid: &str,
    name: &str,
    dice: &mut Dice,
) -> Result<(), BuildError> {
    const STORE: &str = "Microsoft\\IdentityStore";
    let account = format!("{}{name}", account_prefix(spec));
    let cache = format!("{STORE}\\Cache\\{sid}\\IdentityCache\\{sid}");
    tree.string(&cache, "SAMName", &account)?;
    // One provider for all of them, as on a device with one directory.
    let provider = format!("{STORE}\\LogonCache\\{{{:08X}}}", spec.seed as u32);
    let by_sid = format!("{provider}\\Sid2Name\\{sid}");
    tree.string(&by_sid, "IdentityName", &account)?;
    for list in ["Name2Sid", "SAM_Name"] {
        let entry = format!("{provider}\\{list}\\{name}-{:04x}", dice.next() as u16);
        tree.string(&entry, "Sid", sid)?;
        tree.string(&entry, "IdentityName", &account)?;
    }
    Ok(())
}

/// `SOURCE\`, or `.\` on a machine of a workgroup.
fn account_prefix(spec: &MachineSpec) -> String {
    let domain = spec
        .domain
        .as_ref()
        .map_or(".", |domain| domain.netbios.as_str());
    format!("{domain}\\")
}

/// A descriptor that an account owns and some others may use.
pub(super) fn guard(owner: &Sid, others: &[Sid]) -> Result<Vec<u8>, BuildError> {
    let full = 0x001f_01ff;
    let mut aces = vec![
        Ace::new(ace_types::ALLOW, 0, full, &known(5, &[18])),
        Ace::new(ace_types::ALLOW, 0, full, owner),
    ];
    let read = others.iter().take(2);
    aces.extend(read.map(|other| Ace::new(ace_types::ALLOW, 0, 0x0012_0089, other)));
    let sd = SecurityDescriptor::new(owner.clone(), known(5, &[18]), Acl::new(aces));
    Ok(sd.to_bytes()?)
}
