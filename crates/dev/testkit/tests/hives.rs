//! The built hives hold what they promise, and the product's readers of machine
//! hives (groups, rights, secrets) and their edits agree with each other.

use gw_hive::lsa::{BootKey, boot_key, read_secret, write_secret};
use gw_hive::sam::accounts::{
    NewAdministrator, account, account_image, free_rid, make_administrator, password_is,
    put_account, set_administrator, set_enabled,
};
use gw_hive::sam::hash::{NtHash, SamKey};
use gw_hive::sam::{
    Domain, add_member, alias, aliases, groups_of, machine_sid, remove_member, replace_member,
};
use gw_hive::{FileTime, Hive, RegValue, rights};
use gw_secdesc::{Mode, Sid, SidMap};
use gw_testkit::hive_builder::{
    AccountRights, JoinedDomain, Language, MachineHives, MachineSpec, ProfileEntry, UserSpec,
    machine_hives, ntuser, usrclass,
};
use gw_testkit::hive_peer::remap_key_by_key;

const LATER: FileTime = FileTime(134_000_000_000_000_000);

fn sid(text: &str) -> Sid {
    text.parse().expect("tests name real SIDs")
}

fn user() -> Sid {
    sid("S-1-5-21-100-200-300-1105")
}

fn target() -> Sid {
    sid("S-1-12-1-1-2-3-4294967295")
}

fn spec() -> MachineSpec {
    let mut spec = MachineSpec::new("GW-TEST", sid("S-1-5-21-11-22-33"));
    spec.domain = Some(JoinedDomain {
        netbios: "SOURCE".into(),
        dns: "source.test".into(),
        forest: "source.test".into(),
        sid: sid("S-1-5-21-100-200-300"),
        guid: [9; 16],
        machine_rid: 1150,
    });
    spec.machine_secret = b"a\0b\0c\0".to_vec();
    spec.profiles = vec![ProfileEntry {
        sid: user(),
        path: "C:\\Users\\anna".into(),
        guid: None,
        state: 0,
    }];
    spec.members = vec![(544, user()), (555, user())];
    spec.rights = vec![AccountRights {
        sid: user(),
        logon: 0x400,
        privileges: vec![17, 23],
    }];
    spec.others = vec![user()];
    spec.language = Language::German;
    spec
}

fn built() -> MachineHives {
    machine_hives(&spec()).expect("the specification fits")
}

fn open(bytes: Vec<u8>) -> Hive {
    let hive = Hive::open(bytes, None, None).expect("a built hive opens");
    hive.check().expect("a built hive is sound");
    hive
}

fn reopened(hive: &Hive) -> Hive {
    open(hive.to_bytes())
}

#[test]
fn a_user_hive_is_no_toy_and_the_same_each_time() {
    let mut spec = UserSpec::new(user(), "anna");
    spec.others = vec![sid("S-1-5-21-100-200-300-512"), sid("S-1-5-21-5-5-5-1000")];
    for build in [ntuser, usrclass] {
        let bytes = build(&spec).expect("it can be built");
        assert_eq!(bytes, build(&spec).expect("again"));
        let mut hive = open(bytes);
        let map = SidMap::new([(user(), target())]).expect("one pair");
        let report = hive.remap(&map, Mode::Replace).expect("sound");
        assert!(
            report.descriptors >= 60,
            "{} descriptors",
            report.descriptors
        );
        assert!(report.keys >= 2500, "{} keys", report.keys);
        assert!(report.changed >= 60 && report.unreadable.is_empty());
        let left = reopened(&hive).sids().expect("sound");
        assert!(!left.cells.contains_key(&user()));
        assert!(left.cells.contains_key(&target()));
    }
}

#[test]
fn groups_have_names_in_the_language_of_the_machine() {
    let sam = open(built().sam);
    assert_eq!(
        machine_sid(&sam).expect("it is there"),
        sid("S-1-5-21-11-22-33")
    );
    let all = aliases(&sam).expect("sound");
    let named: Vec<(u32, &str)> = all.iter().map(|one| (one.rid, one.name.as_str())).collect();
    assert_eq!(named[..2], [(544, "Administratoren"), (545, "Benutzer")]);
    assert_eq!(all.len(), 10);
}

/// Every member is in the index and every entry of the index is a membership.
fn assert_consistent(sam: &Hive) {
    let all = aliases(sam).expect("sound");
    let mut indexed = 0;
    for group in &all {
        for member in &group.members {
            let groups = groups_of(sam, group.domain, member).expect("sound");
            assert!(groups.contains(&group.rid), "{member} in {}", group.name);
        }
    }
    let top = sam
        .key("SAM\\Domains\\Builtin\\Aliases\\Members")
        .expect("sound")
        .expect("there");
    for domain in top.subkeys().expect("sound") {
        let own = domain.value("").expect("sound").expect("a count");
        assert_eq!(own.kind(), domain.subkey_count(), "{}", domain.name());
        for member in domain.subkeys().expect("sound") {
            let value = member.value("").expect("sound").expect("groups");
            assert_eq!(value.kind() as usize * 4, value.len());
            indexed += value.len() / 4;
        }
    }
    let members: usize = all.iter().map(|group| group.members.len()).sum();
    assert_eq!(indexed, members);
}

#[test]
fn members_and_their_index_change_together() {
    let mut sam = open(built().sam);
    assert_consistent(&sam);
    let before = alias(&sam, Domain::Builtin, 544).expect("there");
    let mut edit = sam.edit(LATER).expect("sound");
    let builtin = Domain::Builtin;
    assert!(replace_member(&mut edit, builtin, 544, &user(), &target()).expect("there"));
    assert!(!replace_member(&mut edit, builtin, 544, &user(), &target()).expect("gone"));
    assert!(add_member(&mut edit, builtin, 555, &target()).expect("there"));
    assert!(!add_member(&mut edit, builtin, 555, &target()).expect("a member already"));
    let mut sam = reopened(&sam);
    assert_consistent(&sam);
    let after = alias(&sam, builtin, 544).expect("there");
    let place = before
        .members
        .iter()
        .position(|one| *one == user())
        .expect("it was");
    assert_eq!(
        after.members[place],
        target(),
        "the new one has the old one's place"
    );
    assert_eq!(after.name, before.name);
    assert_eq!(
        groups_of(&sam, builtin, &target()).expect("sound"),
        [544, 555]
    );
    assert_eq!(groups_of(&sam, builtin, &user()).expect("sound"), [555]);

    // Taking the target out of one and replacing into the other, where it is a member.
    let mut edit = sam.edit(LATER).expect("sound");
    assert!(replace_member(&mut edit, builtin, 555, &user(), &target()).expect("there"));
    assert!(remove_member(&mut edit, builtin, 544, &target()).expect("there"));
    let mut sam = reopened(&sam);
    assert_consistent(&sam);
    assert_eq!(
        groups_of(&sam, builtin, &user()).expect("sound"),
        Vec::<u32>::new()
    );
    assert_eq!(
        alias(&sam, builtin, 555).expect("there").members,
        [target()]
    );

    // The last one out takes the keys of the index with it.
    let mut edit = sam.edit(LATER).expect("sound");
    assert!(remove_member(&mut edit, builtin, 555, &target()).expect("there"));
    let sam = reopened(&sam);
    assert_consistent(&sam);
    let path = "SAM\\Domains\\Builtin\\Aliases\\Members\\S-1-12-1-1-2-3";
    assert!(sam.key(path).expect("sound").is_none());
}

#[test]
fn the_machine_secret_is_read_written_and_kept_as_old() {
    let hives = built();
    let system = open(hives.system);
    let mut security = open(hives.security);
    let key = boot_key(&system).expect("four class names");
    assert_eq!(key, BootKey(spec().boot_key));
    let read = |security: &Hive| {
        read_secret(security, &key, "$MACHINE.ACC")
            .expect("it decrypts")
            .expect("it is there")
    };
    assert_eq!(read(&security).current, spec().machine_secret);
    assert_eq!(read(&security).old, None);
    let new: Vec<u8> = (0..240).collect();
    write_secret(&mut security, &key, "$MACHINE.ACC", &new, [3; 32], LATER).expect("sealed");
    let after = reopened(&security);
    let secret = read(&after);
    assert_eq!(secret.current, new);
    assert_eq!(secret.old, Some(spec().machine_secret));
    assert_eq!(secret.updated, LATER);
    assert!(read_secret(&after, &BootKey([1; 16]), "$MACHINE.ACC").is_err());
    assert!(
        read_secret(&after, &key, "nothing")
            .expect("sound")
            .is_none()
    );
    let shown = format!("{secret:?} {key:?}");
    assert!(!shown.contains("0, 1, 2"), "{shown}");

    // One that is new is guarded like the others.
    write_secret(&mut security, &key, "_SC_svc", b"x\0", [4; 32], LATER).expect("sealed");
    let guard = security
        .key("Policy\\Secrets\\_SC_svc\\SecDesc")
        .expect("sound");
    assert!(guard.is_some());
}

#[test]
fn rights_are_carried_replaced_and_united() {
    let other = sid("S-1-12-1-8-8-8-8");
    let mut security = open(built().security);
    let before = rights::accounts(&security).expect("sound");
    assert_eq!(before[&user()].logon, 0x400);
    let mut edit = security.edit(LATER).expect("sound");
    assert!(rights::carry(&mut edit, &user(), &other, Mode::Add).expect("sound"));
    assert!(rights::carry(&mut edit, &user(), &target(), Mode::Replace).expect("sound"));
    assert!(!rights::carry(&mut edit, &user(), &target(), Mode::Replace).expect("gone"));
    let after = rights::accounts(&reopened(&security)).expect("sound");
    assert_eq!(after[&target()], before[&user()]);
    assert_eq!(after[&other], before[&user()]);
    assert!(!after.contains_key(&user()));
    let own = security
        .key(&format!("Policy\\Accounts\\{}\\Sid", target()))
        .expect("sound")
        .expect("there");
    let bytes = own
        .value("")
        .expect("sound")
        .expect("set")
        .to_owned()
        .expect("sound");
    assert_eq!(bytes.bytes, target().to_bytes());

    // Into one that has rights of its own.
    let mut edit = security.edit(LATER).expect("sound");
    let admins = sid("S-1-5-32-544");
    assert!(rights::carry(&mut edit, &other, &admins, Mode::Replace).expect("sound"));
    let united = rights::accounts(&security).expect("sound");
    assert_eq!(united[&admins].logon, 0x403 | 0x400);
    assert!(united[&admins].privileges.contains_key(&23));
    assert!(united[&admins].privileges.contains_key(&5));
}

#[test]
fn an_account_that_is_made_is_guarded_like_the_others() {
    let guard = |hive: &Hive, sid: &Sid| {
        let path = format!("Policy\\Accounts\\{sid}\\SecDesc");
        let key = hive.key(&path).expect("sound")?;
        let value = key.value("").expect("sound")?.to_owned().expect("sound");
        Some(value.bytes)
    };
    let mut security = open(built().security);
    let made = sid("S-1-12-1-8-8-8-8");
    let mut edit = security.edit(LATER).expect("sound");
    rights::make_account(&mut edit, &made).expect("there are others");
    let admins = guard(&security, &sid("S-1-5-32-544")).expect("built with one");
    assert_eq!(guard(&security, &made), Some(admins.clone()));

    // One that stands there bare gets its guard with the rights that it is given.
    let path = format!("Policy\\Accounts\\{made}\\SecDesc");
    let mut edit = security.edit(LATER).expect("sound");
    edit.delete_key(&path).expect("sound");
    rights::carry(&mut edit, &user(), &made, Mode::Replace).expect("sound");
    assert_eq!(guard(&reopened(&security), &made), Some(admins));
}

#[test]
fn a_profile_is_re_keyed() {
    let mut software = open(built().software);
    let list = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
    let before = software.key(&format!("{list}\\{}", user())).expect("sound");
    let values = before.expect("there").values().expect("sound").len();
    let mut edit = software.edit(LATER).expect("sound");
    edit.rename_key(&format!("{list}\\{}", user()), &target().to_string())
        .expect("free");
    let path = format!("{list}\\{}", target());
    edit.set_value(&path, "Sid", &RegValue::binary(target().to_bytes()))
        .expect("there");
    let software = reopened(&software);
    let key = software.key(&path).expect("sound").expect("there");
    assert_eq!(key.values().expect("sound").len(), values);
    assert_eq!(key.last_written(), LATER);
    assert!(
        software
            .key(&format!("{list}\\{}", user()))
            .expect("sound")
            .is_none()
    );
}

#[test]
fn one_translation_per_descriptor_gives_what_one_per_key_gives() {
    let mut spec = UserSpec::new(user(), "anna");
    spec.keys = 600;
    let bytes = ntuser(&spec).expect("it can be built");
    let map = SidMap::new([(user(), target())]).expect("one pair");
    for mode in [Mode::Replace, Mode::Add] {
        let (mut fast, mut slow) = (open(bytes.clone()), open(bytes.clone()));
        let report = fast.remap(&map, mode).expect("sound");
        let changed = remap_key_by_key(&mut slow, &map, mode, LATER).expect("sound");
        assert_eq!(report.keys_changed, changed);
        let (fast, slow) = (reopened(&fast), reopened(&slow));
        let all = |hive: &Hive| {
            let mut all: Vec<(Vec<u8>, u32)> = hive
                .descriptors()
                .expect("sound")
                .into_iter()
                .map(|(sd, keys)| (sd.to_vec(), keys))
                .collect();
            all.sort();
            all
        };
        assert_eq!(all(&fast), all(&slow), "{mode:?}");
    }
}

fn sam_key(hives: &MachineHives) -> SamKey {
    let boot = boot_key(&open(hives.system.clone())).expect("built whole");
    SamKey::open(&open(hives.sam.clone()), &boot).expect("sealed under the boot key")
}

fn administrator(rid: u32, password: &str) -> NewAdministrator<'static> {
    NewAdministrator {
        name: "GodwitFallback",
        rid,
        hash: NtHash::of(password),
        salt: [3; 16],
    }
}

#[test]
fn a_local_administrator_is_made_switched_off_and_made_again() {
    let hives = built();
    let key = sam_key(&hives);
    let mut sam = open(hives.sam);
    let before = alias(&sam, Domain::Builtin, 544).expect("there").members;
    assert_eq!(account(&sam, "GodwitFallback").expect("sound"), None);
    let known = account(&sam, "Administrator")
        .expect("sound")
        .expect("RID 500");
    assert!(known.rid == 500 && !known.enabled && known.administrator);
    let rid = free_rid(&sam).expect("sound");
    assert_eq!(rid, 1100);

    let mut edit = sam.edit(LATER).expect("editable");
    make_administrator(&mut edit, &key, &administrator(rid, "first")).expect("a free number");
    let sam1 = reopened(&sam);
    let made = account(&sam1, "godwitFALLBACK")
        .expect("sound")
        .expect("made");
    assert_eq!((made.rid, made.name.as_str()), (rid, "GodwitFallback"));
    assert!(made.enabled && made.administrator);
    assert!(password_is(&sam1, &key, rid, "first").expect("an AES hash"));
    assert!(!password_is(&sam1, &key, rid, "First").expect("an AES hash"));
    assert_eq!(
        free_rid(&sam1).expect("sound"),
        rid + 1,
        "never given twice"
    );
    assert_eq!(
        groups_of(&sam1, Domain::Builtin, &sid("S-1-5-21-11-22-33-1100")).expect("sound"),
        [544]
    );

    // Repeated, nothing changes.
    let mut again = reopened(&sam);
    let mut edit = again.edit(LATER).expect("editable");
    make_administrator(&mut edit, &key, &administrator(rid, "first")).expect("repeated");
    assert_eq!(
        account_image(&again, rid).expect("sound"),
        account_image(&sam, rid).expect("sound")
    );
    assert_eq!(free_rid(&again).expect("sound"), rid + 1);

    let image = account_image(&sam, rid).expect("sound").expect("made");
    let mut edit = sam.edit(LATER).expect("editable");
    set_enabled(&mut edit, rid, false).expect("there");
    set_administrator(&mut edit, rid, false).expect("there");
    let off = reopened(&sam);
    let now = account(&off, "GodwitFallback")
        .expect("sound")
        .expect("it stays");
    assert!(!now.enabled && !now.administrator);
    assert_eq!(
        alias(&off, Domain::Builtin, 544).expect("there").members,
        before
    );

    // The next run finds it, and gives it another password; its way back restores the first.
    let mut edit = sam.edit(LATER).expect("editable");
    make_administrator(&mut edit, &key, &administrator(rid, "second")).expect("it is there");
    assert!(password_is(&reopened(&sam), &key, rid, "second").expect("an AES hash"));
    let mut edit = sam.edit(LATER).expect("editable");
    put_account(&mut edit, rid, &image).expect("saved before");
    assert!(password_is(&reopened(&sam), &key, rid, "first").expect("an AES hash"));
}

#[test]
fn a_number_or_a_name_of_another_account_is_not_taken() {
    let hives = built();
    let key = sam_key(&hives);
    let mut sam = open(hives.sam);
    let mut edit = sam.edit(LATER).expect("editable");
    let taken = make_administrator(&mut edit, &key, &administrator(501, "x"));
    assert!(taken.is_err(), "the guest's number");
    make_administrator(&mut edit, &key, &administrator(1100, "x")).expect("free");
    assert!(make_administrator(&mut edit, &key, &administrator(1101, "x")).is_err());
    // Hives of two machines do not open each other's secrets.
    let mut other = spec();
    other.seed ^= 1;
    other.boot_key[0] ^= 1;
    let other = machine_hives(&other).expect("it fits");
    let boot = boot_key(&open(other.system)).expect("built whole");
    let wrong = SamKey::open(&open(built().sam), &boot);
    let right = password_is(&sam, &key, 1100, "x").expect("an AES hash");
    assert!(right && wrong.is_ok_and(|key| !password_is(&sam, &key, 1100, "x").unwrap_or(false)));
}
