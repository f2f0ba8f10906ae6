//! Scheduled tasks: the files, and what SOFTWARE keeps of them.
//!
//! File and cache belong together (the cache holds the file's hash), so both are made from one
//! list. One task has a wrong hash on purpose: it is to be left alone.

use super::areas::guard;
use super::descriptors::known;
use super::{BuildError, Dice, MachineSpec, Tree};
use gw_hive::RegValue;
use gw_secdesc::Sid;
use sha2::{Digest, Sha256};

const CACHE: &str = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache";

/// A task's file below `Windows\System32\Tasks`.
pub struct TaskFile {
    /// `\Contoso\Report of anna`.
    pub path: String,
    /// UTF-16LE with its mark, as Windows writes it.
    pub content: Vec<u8>,
}

struct Task {
    path: String,
    /// Who runs it: a SID, or a name.
    principal: String,
    logon: &'static str,
    /// Whose sign-in starts it.
    trigger: Option<Sid>,
    owner: Sid,
    others: Vec<Sid>,
    hash_is_right: bool,
}

/// The tasks of a machine with these profiles.
fn tasks(spec: &MachineSpec) -> Vec<Task> {
    let system = known(5, &[18]);
    let mut all: Vec<Task> = spec
        .profiles
        .iter()
        .map(|profile| Task {
            path: format!(
                "\\Contoso\\Report of {}",
                profile.path.rsplit('\\').next().unwrap_or_default()
            ),
            principal: profile.sid.to_string(),
            logon: "InteractiveToken",
            trigger: Some(profile.sid.clone()),
            owner: profile.sid.clone(),
            others: spec.others.iter().take(1).cloned().collect(),
            hash_is_right: true,
        })
        .collect();
    let groups: Vec<Sid> = spec.others.iter().take(2).cloned().collect();
    let mut more = |name: &str, principal: String, logon, hash_is_right| {
        all.push(Task {
            path: format!("\\Contoso\\{name}"),
            principal,
            logon,
            trigger: None,
            owner: system.clone(),
            others: groups.clone(),
            hash_is_right,
        });
    };
    more("Inventory", "S-1-5-18".into(), "ServiceAccount", true);
    let domain = spec.domain.as_ref().map_or(".", |d| d.netbios.as_str());
    more(
        "Nightly backup",
        format!("{domain}\\svc.backup"),
        "Password",
        true,
    );
    more("Edited by hand", "S-1-5-18".into(), "ServiceAccount", false);
    all
}

/// The files of the tasks that the cache of this machine names.
#[must_use]
pub fn task_files(spec: &MachineSpec) -> Vec<TaskFile> {
    let file = |task: &Task| TaskFile {
        path: task.path.clone(),
        content: [vec![0xff, 0xfe], body(task)].concat(),
    };
    tasks(spec).iter().map(file).collect()
}

/// The cache in SOFTWARE.
pub(super) fn cache(
    tree: &mut Tree,
    spec: &MachineSpec,
    dice: &mut Dice,
) -> Result<(), BuildError> {
    for task in tasks(spec) {
        let id = dice.guid();
        let branch = format!("{CACHE}\\Tree{}", task.path);
        tree.string(&branch, "Id", &id)?;
        tree.dword(&branch, "Index", 3)?;
        let list = RegValue::binary(guard(&task.owner, &task.others)?);
        tree.set(&branch, "SD", &list)?;
        let key = format!("{CACHE}\\Tasks\\{id}");
        tree.string(&key, "Path", &task.path)?;
        tree.string(&key, "URI", &task.path)?;
        let mut hash = Sha256::digest(body(&task)).to_vec();
        if !task.hash_is_right {
            hash.reverse();
        }
        tree.set(&key, "Hash", &RegValue::binary(hash))?;
        tree.string(&key, "SecurityDescriptor", &sddl(&task))?;
        let mut triggers = vec![0x17, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x07];
        if let Some(sid) = &task.trigger {
            triggers.extend((sid.encoded_len() as u32).to_le_bytes());
            triggers.extend([0x48; 4]);
            triggers.extend(sid.to_bytes());
            triggers.extend([0x48; 8]);
        }
        tree.set(&key, "Triggers", &RegValue::binary(triggers))?;
        let kind = if task.trigger.is_some() {
            "Logon"
        } else {
            "Plain"
        };
        tree.key(&format!("{CACHE}\\{kind}\\{id}"))?;
    }
    Ok(())
}

fn sddl(task: &Task) -> String {
    let mut list = format!("O:{}G:SYD:(A;;FA;;;SY)(A;;FA;;;{})", task.owner, task.owner);
    for other in &task.others {
        list.push_str(&format!("(A;;FRFX;;;{other})"));
    }
    list
}

/// The XML without its mark; the hash is over these bytes.
fn body(task: &Task) -> Vec<u8> {
    let trigger = task.trigger.as_ref().map_or_else(
        || "    <BootTrigger />\r\n".to_owned(),
        |sid| {
            format!("    <LogonTrigger>\r\n      <UserId>{sid}</UserId>\r\n    </LogonTrigger>\r\n")
        },
    );
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n\
         <Task version=\"1.4\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\r\n\
         \x20 <RegistrationInfo>\r\n    <URI>{path}</URI>\r\n    \
         <SecurityDescriptor>{list}</SecurityDescriptor>\r\n  </RegistrationInfo>\r\n\
         \x20 <Triggers>\r\n{trigger}  </Triggers>\r\n\
         \x20 <Principals>\r\n    <Principal id=\"Author\">\r\n      <UserId>{principal}</UserId>\r\n      \
         <LogonType>{logon}</LogonType>\r\n    </Principal>\r\n  </Principals>\r\n\
         \x20 <Actions Context=\"Author\">\r\n    <Exec>\r\n      \
         <Command>C:\\Data\\contoso.exe</Command>\r\n    </Exec>\r\n  </Actions>\r\n</Task>\r\n",
        path = task.path,
        list = sddl(task),
        principal = task.principal,
        logon = task.logon,
    );
    xml.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
