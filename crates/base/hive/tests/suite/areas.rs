//! Areas of the machine hives: each place, both modes, owners, refusals.

use crate::support::{AT, descriptor, empty, sid};
use gw_hive::areas::{Area, MachineHive, Report, Rules, sids, subtree, tasks, translate};
use gw_hive::{Hive, RegValue};
use gw_secdesc::{Mode, Sid, SidMap};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const ANNA: &str = "S-1-5-21-1-2-3-1001";
const NEW: &str = "S-1-5-21-4-5-6-2001";
const OTHER: &str = "S-1-5-21-1-2-3-1999";
const SET: &str = r"ControlSet001\Services";
const TASKS: &str = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks";
const UI: &str = r"Microsoft\Windows\CurrentVersion\Authentication\LogonUI";

fn put(hive: &mut Hive, key: &str, name: &str, value: &RegValue) {
    let mut edit = hive.edit(AT).unwrap();
    edit.create_key(key).unwrap();
    edit.set_value(key, name, value).unwrap();
}

fn get(hive: &Hive, key: &str, name: &str) -> Option<RegValue> {
    let value = hive.key(key).unwrap()?.value(name).unwrap()?;
    Some(value.to_owned().unwrap())
}

fn text(hive: &Hive, key: &str, name: &str) -> String {
    get(hive, key, name).unwrap().as_string().unwrap()
}

struct Setup {
    map: SidMap,
    mode: Mode,
    handed: BTreeSet<Sid>,
    names: BTreeMap<Sid, String>,
    areas: BTreeSet<Area>,
    ignored: Vec<&'static str>,
}

impl Setup {
    fn new(mode: Mode) -> Self {
        Self {
            map: SidMap::new([(sid(ANNA), sid(NEW))]).unwrap(),
            mode,
            handed: BTreeSet::new(),
            names: BTreeMap::from([(sid(NEW), "TARGET\\anna".to_owned())]),
            areas: Area::ALL.into(),
            ignored: Vec::new(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Rules<'_>) -> T) -> T {
        let ignored = |at: &str| self.ignored.iter().any(|part| at.contains(part));
        work(&Rules {
            areas: &self.areas,
            map: &self.map,
            mode: self.mode,
            handed: &self.handed,
            names: &self.names,
            ignored: &ignored,
        })
    }

    fn run(&self, hive: &mut Hive, which: MachineHive) -> Report {
        self.with(|rules| translate(hive, which, rules, AT).unwrap())
    }
}

fn system() -> Hive {
    let mut hive = empty(5);
    let sd = RegValue::binary(descriptor(&[ANNA, OTHER], 0x1f));
    put(
        &mut hive,
        &format!(r"{SET}\agent\Security"),
        "Security",
        &sd,
    );
    let account = RegValue::string(r"SOURCE\svc-agent");
    put(&mut hive, &format!(r"{SET}\agent"), "ObjectName", &account);
    let local = RegValue::string(r"NT-AUTORITÄT\LocalService");
    put(&mut hive, &format!(r"{SET}\other"), "ObjectName", &local);
    put(
        &mut hive,
        &format!(r"{SET}\LanmanServer\Shares\Security"),
        "Team",
        &sd,
    );
    put(
        &mut hive,
        r"ControlSet001\Control\Print\Printers\P1",
        "Security",
        &sd,
    );
    let broken = RegValue::binary([1, 0, 4, 0x80]);
    put(
        &mut hive,
        r"ControlSet002\Control\Print\Printers\P2",
        "Security",
        &broken,
    );
    let rule =
        format!("v2.31|Action=Allow|Name=Svc S-1-5|LUAuth=O:LSD:(A;;CC;;;{ANNA})|LUOwn={ANNA}|");
    put(
        &mut hive,
        &format!(r"{SET}\SharedAccess\Parameters\FirewallPolicy\FirewallRules"),
        "r1",
        &RegValue::string(&rule),
    );
    hive
}

fn software() -> Hive {
    let mut hive = empty(5);
    for key in [
        format!(r"Microsoft\Windows\CurrentVersion\Installer\UserData\{ANNA}\Products"),
        format!(r"Microsoft\Windows\CurrentVersion\Installer\UserData\{NEW}\Mine"),
        format!(r"Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\{ANNA}\App"),
        format!(r"Microsoft\IdentityStore\Cache\{ANNA}\IdentityCache\{ANNA}"),
    ] {
        hive.edit(AT).unwrap().create_key(&key).unwrap();
    }
    put(
        &mut hive,
        UI,
        "LastLoggedOnUser",
        &RegValue::string(r"SOURCE\anna"),
    );
    put(
        &mut hive,
        UI,
        "LastLoggedOnUserSID",
        &RegValue::string(ANNA),
    );
    put(
        &mut hive,
        &format!(r"{UI}\UserTile"),
        ANNA,
        &RegValue::string("{60B7}"),
    );
    let sd = RegValue::binary(descriptor(&[ANNA], 0x1f));
    put(&mut hive, r"Classes\AppID\{1}", "LaunchPermission", &sd);
    put(&mut hive, r"Microsoft\Ole", "MachineLaunchRestriction", &sd);
    hive
}

fn bytes(text: &str) -> Vec<u8> {
    let wide = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(wide).collect()
}

fn xml(owner: &str) -> String {
    format!(
        "<Task><RegistrationInfo><SecurityDescriptor>D:(A;;FA;;;{owner})</SecurityDescriptor>\
         </RegistrationInfo><Principals><Principal><UserId>{owner}</UserId>\
         <LogonType>Password</LogonType></Principal></Principals></Task>"
    )
}

fn with_task(hive: &mut Hive, file: &[u8]) {
    let key = format!(r"{TASKS}\{{A}}");
    put(hive, &key, "Path", &RegValue::string(r"\Contoso\Backup"));
    let hash = Sha256::digest(&file[2..]).to_vec();
    put(hive, &key, "Hash", &RegValue::binary(hash));
    let mut triggers = vec![0x17, 1, 1];
    triggers.extend(sid(ANNA).as_bytes());
    triggers.extend([9, 9]);
    put(hive, &key, "Triggers", &RegValue::binary(triggers));
}

#[test]
fn a_value_that_the_target_has_already_is_kept_beside_the_new_one() {
    let mut setup = Setup::new(Mode::Replace);
    setup.handed.insert(sid(ANNA));
    let mut hive = software();
    let tile = format!(r"{UI}\UserTile");
    put(&mut hive, &tile, NEW, &RegValue::string("{OWN}"));
    let report = setup.run(&mut hive, MachineHive::Software);
    hive.check().unwrap();
    assert_eq!(get(&hive, &tile, ANNA), None);
    assert_eq!(text(&hive, &tile, NEW), "{60B7}");
    let parked = format!("{NEW}.godwit-parked");
    assert_eq!(text(&hive, &tile, &parked), "{OWN}");
    assert!(
        report.notes.iter().any(|note| note.contains(&parked)),
        "{report:?}"
    );
}

#[test]
fn replace_leaves_no_source_at_any_place() {
    let setup = Setup::new(Mode::Replace);
    for (mut hive, which) in [
        (system(), MachineHive::System),
        (software(), MachineHive::Software),
    ] {
        let none = |_: &str| false;
        let before = sids(&hive, which, &setup.areas, &none).unwrap();
        assert!(
            before
                .sids
                .values()
                .any(|found| found.contains_key(&sid(ANNA)))
        );
        let mut report = setup.run(&mut hive, which);
        hive.check().unwrap();
        let after = sids(&hive, which, &setup.areas, &none).unwrap();
        for (area, found) in &after.sids {
            assert!(!found.contains_key(&sid(ANNA)), "{area:?}");
        }
        // Again, nothing is left to change.
        let again = setup.run(&mut hive, which);
        assert!(
            again.areas.values().all(|tally| tally.changed == 0),
            "{again:?}"
        );
        if which == MachineHive::System {
            assert_eq!(report.of(Area::Services).accounts, 1);
            assert_eq!(report.of(Area::Printers).refused, 1);
            assert_eq!(after.unreadable.len(), 1);
        } else {
            assert_eq!(text(&hive, UI, "LastLoggedOnUser"), r"TARGET\anna");
            let users = r"Microsoft\Windows\CurrentVersion\Installer\UserData";
            assert!(
                hive.key(&format!(r"{users}\{NEW}\Products"))
                    .unwrap()
                    .is_some()
            );
            assert!(
                hive.key(&format!(r"{users}\{NEW}.godwit-parked\Mine"))
                    .unwrap()
                    .is_some()
            );
            assert!(
                hive.key(r"Microsoft\IdentityStore\Cache")
                    .unwrap()
                    .unwrap()
                    .subkeys()
                    .unwrap()
                    .is_empty()
            );
        }
    }
}

#[test]
fn add_keeps_owners_unless_their_profile_changes_hands() {
    let mut setup = Setup::new(Mode::Add);
    let mut hive = software();
    let mut report = setup.run(&mut hive, MachineHive::Software);
    assert_eq!(text(&hive, UI, "LastLoggedOnUserSID"), ANNA);
    assert_eq!(report.of(Area::Installer).kept, 1);
    assert_eq!(report.of(Area::Com).changed, 2);
    setup.handed.insert(sid(ANNA));
    let mut report = setup.run(&mut hive, MachineHive::Software);
    assert_eq!(text(&hive, UI, "LastLoggedOnUserSID"), NEW);
    assert_eq!(
        report.of(Area::Com).changed,
        0,
        "the lists were done already"
    );
    assert_eq!(report.of(Area::Installer).changed, 1);

    let mut hive = system();
    setup.handed.clear();
    setup.run(&mut hive, MachineHive::System);
    let rule = text(
        &hive,
        &format!(r"{SET}\SharedAccess\Parameters\FirewallPolicy\FirewallRules"),
        "r1",
    );
    assert_eq!(
        rule,
        format!(
            "v2.31|Action=Allow|Name=Svc S-1-5|LUAuth=O:LSD:(A;;CC;;;{ANNA})(A;;CC;;;{NEW})|LUOwn={ANNA}|"
        )
    );
}

#[test]
fn what_is_off_or_ignored_stays_byte_for_byte() {
    for (hive, which) in [
        (system(), MachineHive::System),
        (software(), MachineHive::Software),
    ] {
        let old = hive.clone().into_bytes();
        let mut off = Setup::new(Mode::Replace);
        off.areas.clear();
        let mut same = hive.clone();
        off.run(&mut same, which);
        assert_eq!(same.into_bytes(), old);
        let mut ignored = Setup::new(Mode::Replace);
        ignored.ignored = vec![r"\"];
        let mut same = hive.clone();
        let report = ignored.run(&mut same, which);
        assert_eq!(same.into_bytes(), old);
        assert!(report.areas.values().any(|tally| tally.ignored > 0));
    }
    // One share of two.
    let mut hive = system();
    let sd = RegValue::binary(descriptor(&[ANNA], 0x1f));
    let shares = format!(r"{SET}\LanmanServer\Shares\Security");
    put(&mut hive, &shares, "Public", &sd);
    let mut setup = Setup::new(Mode::Replace);
    setup.ignored = vec![r"\Public"];
    setup.run(&mut hive, MachineHive::System);
    assert_eq!(get(&hive, &shares, "Public"), Some(sd.clone()));
    assert_ne!(get(&hive, &shares, "Team"), Some(sd));
}

#[test]
fn a_task_changes_with_its_hash_or_not_at_all() {
    let setup = Setup::new(Mode::Replace);
    let file = bytes(&xml(ANNA));
    let read = |path: &str| (path == r"\Contoso\Backup").then(|| file.clone());
    let none = |_: &str| false;
    let key = format!(r"{TASKS}\{{A}}");
    let mut hive = empty(5);
    with_task(&mut hive, &file);
    let (report, files) =
        setup.with(|rules| tasks::translate(&mut hive, rules, AT, &read, &none).unwrap());
    assert_eq!(files.len(), 1, "{report:?}");
    assert_eq!(files[0].content, bytes(&xml(NEW)));
    assert_eq!(
        get(&hive, &key, "Hash").unwrap().bytes,
        Sha256::digest(&files[0].content[2..]).to_vec()
    );
    let triggers = get(&hive, &key, "Triggers").unwrap().bytes;
    assert_eq!(&triggers[3..31], sid(NEW).as_bytes());
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("keeps a password"))
    );

    // A hash of something else: nothing changes, and it is said.
    let mut hive = empty(5);
    with_task(&mut hive, &file);
    put(&mut hive, &key, "Hash", &RegValue::binary([7; 32]));
    let old = hive.clone().into_bytes();
    let (mut report, files) =
        setup.with(|rules| tasks::translate(&mut hive, rules, AT, &read, &none).unwrap());
    assert!(files.is_empty());
    assert_eq!(report.of(Area::ScheduledTasks).refused, 1);
    let reading = tasks::sids(&hive, &read, &none, &none).unwrap();
    assert_eq!(reading.unreadable.len(), 1);
    assert_eq!(hive.into_bytes(), old);

    // In add, the list gets the target, the principal stays.
    let mut hive = empty(5);
    with_task(&mut hive, &file);
    let add = Setup::new(Mode::Add);
    let (_, files) =
        add.with(|rules| tasks::translate(&mut hive, rules, AT, &read, &none).unwrap());
    let wanted = xml(ANNA).replace(
        &format!("D:(A;;FA;;;{ANNA})"),
        &format!("D:(A;;FA;;;{ANNA})(A;;FA;;;{NEW})"),
    );
    assert_eq!(files[0].content, bytes(&wanted));
}

#[test]
fn a_subtree_is_put_back_exactly() {
    let mut hive = software();
    let path = r"Microsoft\Windows\CurrentVersion\Installer";
    let saved = subtree::capture(&hive, path).unwrap().unwrap();
    let mut edit = hive.edit(AT).unwrap();
    edit.delete_key(&format!(r"{path}\UserData\{ANNA}"))
        .unwrap();
    edit.set_value(path, "x", &RegValue::dword(1)).unwrap();
    assert!(subtree::put_back(&mut edit, path, Some(&saved)).unwrap());
    assert!(!subtree::put_back(&mut edit, path, Some(&saved)).unwrap());
    assert!(subtree::put_back(&mut edit, r"No\Such", None).is_ok_and(|changed| !changed));
    hive.check().unwrap();
    assert_eq!(subtree::capture(&hive, path).unwrap(), Some(saved));
}
