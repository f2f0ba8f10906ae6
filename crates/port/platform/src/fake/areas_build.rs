//! What the areas of a sample PC hold: each names every mapped user, the
//! stranger, and accounts that every Windows has.

use gw_hive::{FileTime, Hive, HiveError, NewHive, RegValue};
use sha2::{Digest, Sha256};

use super::areas::BytesCell;
use super::sd::{AceSpec, descriptor};
use crate::sid::SidText;

const AT: FileTime = FileTime(133_400_000_000_000_000);
const WINDOWS: &str = r"Microsoft\Windows\CurrentVersion";
const CACHE: &str = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache";

/// Cells `registry/SYSTEM`, `registry/SOFTWARE` and `task/…` of a PC with these
/// users, the stranger among them.
pub(super) fn cells(users: &[(String, SidText)]) -> Vec<(String, BytesCell)> {
    let mut out = Vec::new();
    // The builder only makes names that can be names.
    let made = build(users, &mut out);
    made.unwrap_or_else(|error| unreachable!("a sample hive: {error}"));
    out
}

fn build(users: &[(String, SidText)], out: &mut Vec<(String, BytesCell)>) -> Result<(), HiveError> {
    let mut system = Building::new("SYSTEM")?;
    let mut software = Building::new("SOFTWARE")?;
    for (name, sid) in users {
        let services = r"ControlSet001\Services";
        system.set(
            &format!(r"{services}\gw-{name}\Security"),
            "Security",
            &guard(sid),
        )?;
        let account = RegValue::string(&format!(r"SOURCE\{name}"));
        system.set(&format!(r"{services}\gw-{name}"), "ObjectName", &account)?;
        let shares = format!(r"{services}\LanmanServer\Shares\Security");
        system.set(&shares, &format!("Share of {name}"), &guard(sid))?;
        let printer = format!(r"ControlSet001\Control\Print\Printers\Printer of {name}");
        system.set(&printer, "Security", &guard(sid))?;
        let rule = format!(
            "v2.31|Action=Allow|Active=TRUE|Dir=In|LUAuth=O:LSD:(A;;CC;;;{sid})|LUOwn={sid}|"
        );
        let rules = format!(r"{services}\SharedAccess\Parameters\FirewallPolicy\FirewallRules");
        system.set(&rules, &format!("{{{name}}}"), &RegValue::string(&rule))?;
        let class = format!(r"Classes\AppID\{{gw-{name}}}");
        software.set(&class, "LaunchPermission", &guard(sid))?;
        software.set(&class, "AccessPermission", &guard(sid))?;
        for key in [
            format!(r"{WINDOWS}\Installer\UserData\{sid}\Products"),
            format!(r"{WINDOWS}\Appx\AppxAllUserStore\{sid}\Contoso.App"),
            format!(r"Microsoft\IdentityStore\Cache\{sid}\IdentityCache\{sid}"),
            format!(r"{WINDOWS}\Group Policy\State\{sid}\Extension-List"),
        ] {
            software.set(&key, "Version", &RegValue::dword(1))?;
        }
        let tile = format!(r"{WINDOWS}\Authentication\LogonUI\UserTile");
        software.set(&tile, sid.as_str(), &RegValue::string("{60B78E88}"))?;
        let (task, file) = task(&mut software, name, sid)?;
        out.push((format!("task/{task}"), BytesCell { bytes: file }));
    }
    if let Some((name, sid)) = users.first() {
        let ui = format!(r"{WINDOWS}\Authentication\LogonUI");
        let account = format!(r"SOURCE\{name}");
        for (value, text) in [
            ("LastLoggedOnUser", account.as_str()),
            ("LastLoggedOnSAMUser", account.as_str()),
            ("LastLoggedOnUserSID", sid.as_str()),
            ("SelectedUserSID", sid.as_str()),
        ] {
            software.set(&ui, value, &RegValue::string(text))?;
        }
        for value in ["DefaultLaunchPermission", "MachineAccessRestriction"] {
            software.set(r"Microsoft\Ole", value, &guard(sid))?;
        }
    }
    for (name, hive) in [("SYSTEM", system), ("SOFTWARE", software)] {
        let bytes = hive.0.into_bytes();
        out.push((format!("registry/{name}"), BytesCell { bytes }));
    }
    Ok(())
}

/// A task as file and in the cache.
fn task(
    software: &mut Building,
    name: &str,
    sid: &SidText,
) -> Result<(String, Vec<u8>), HiveError> {
    let path = format!(r"\Contoso\Task of {name}");
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Task version=\"1.4\">\r\n\
         <RegistrationInfo><SecurityDescriptor>O:BAD:(A;;FA;;;SY)(A;;FRFX;;;{sid})</SecurityDescriptor>\
         </RegistrationInfo>\r\n<Triggers><LogonTrigger><UserId>{sid}</UserId></LogonTrigger></Triggers>\r\n\
         <Principals><Principal id=\"Author\"><UserId>{sid}</UserId>\
         <LogonType>InteractiveToken</LogonType></Principal></Principals>\r\n</Task>\r\n"
    );
    let body: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let tree = format!(r"{CACHE}\Tree{path}");
    let id = format!("{{task-{name}}}");
    software.set(&tree, "Id", &RegValue::string(&id))?;
    software.set(&tree, "SD", &guard(sid))?;
    let key = format!(r"{CACHE}\Tasks\{id}");
    software.set(&key, "Path", &RegValue::string(&path))?;
    let hash = Sha256::digest(&body).to_vec();
    software.set(&key, "Hash", &RegValue::binary(hash))?;
    let mut triggers = vec![0x17, 0, 0, 0, 0, 0, 0, 0];
    triggers.extend(super::sd::binary(sid));
    triggers.extend([0x48; 12]);
    software.set(&key, "Triggers", &RegValue::binary(triggers))?;
    let file = [0xff, 0xfe].into_iter().chain(body).collect();
    Ok((path, file))
}

struct Building(Hive);

impl Building {
    fn new(name: &str) -> Result<Building, HiveError> {
        let system: SidText = SidText::SYSTEM
            .parse()
            .unwrap_or_else(|_| unreachable!("a constant"));
        let root = descriptor(&system, &system, &[ace(&system)]);
        Ok(Building(Hive::create(&NewHive {
            minor_version: 5,
            root_name: "ROOT",
            file_name: name,
            descriptor: &root,
            at: AT,
        })?))
    }

    fn set(&mut self, key: &str, name: &str, value: &RegValue) -> Result<(), HiveError> {
        let mut edit = self.0.edit(AT)?;
        edit.create_key(key)?;
        edit.set_value(key, name, value)
    }
}

fn guard(sid: &SidText) -> RegValue {
    let system: SidText = SidText::SYSTEM
        .parse()
        .unwrap_or_else(|_| unreachable!("a constant"));
    RegValue::binary(descriptor(&system, &system, &[ace(&system), ace(sid)]))
}

fn ace(sid: &SidText) -> AceSpec {
    AceSpec {
        deny: false,
        flags: 0,
        mask: 0x0002_01FF,
        sid: sid.clone(),
    }
}
