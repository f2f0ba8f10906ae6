//! Small hives for the tests of this crate.

use gw_hive::{FileTime, Hive, NewHive, NewKey, RegValue};
use gw_secdesc::{Ace, Acl, SecurityDescriptor, Sid, ace_flags, ace_types};
use std::collections::BTreeMap;

pub(crate) const AT: FileTime = FileTime(133_000_000_000_000_000);

pub(crate) fn sid(text: &str) -> Sid {
    text.parse().expect("tests name real SIDs")
}

/// A descriptor that allows `mask` to each of `who`.
pub(crate) fn descriptor(who: &[&str], mask: u32) -> Vec<u8> {
    let aces = who
        .iter()
        .map(|text| {
            Ace::new(
                ace_types::ALLOW,
                ace_flags::CONTAINER_INHERIT,
                mask,
                &sid(text),
            )
        })
        .collect();
    SecurityDescriptor::new(sid("S-1-5-18"), sid("S-1-5-18"), Acl::new(aces))
        .to_bytes()
        .expect("small descriptors fit")
}

pub(crate) fn empty(minor_version: u32) -> Hive {
    Hive::create(&NewHive {
        minor_version,
        root_name: "ROOT",
        file_name: "TEST",
        descriptor: &descriptor(&["S-1-5-18", "S-1-5-32-544"], 0xf003f),
        at: AT,
    })
    .expect("an empty hive can be made")
}

/// 40 keys in two levels with four descriptors that name `S-1-5-21-1-2-3-*`.
pub(crate) fn sample(minor_version: u32) -> Hive {
    let mut hive = empty(minor_version);
    let mut edit = hive.edit(AT).expect("it is sound");
    for number in 0..40_u32 {
        let path = format!("Level {}\\Key {number:02}", number % 4);
        let user = format!("S-1-5-21-1-2-3-{}", 1000 + number % 4);
        let own = descriptor(&[&user, "S-1-5-18"], 0xf003f);
        let new = NewKey {
            class: (number % 5 == 0).then_some("Class"),
            descriptor: Some(&own),
        };
        edit.create_key_with(&path, new).expect("names are good");
        edit.set_value(&path, "Number", &RegValue::dword(number))
            .expect("it exists");
        edit.set_value(&path, "Text", &RegValue::string(&format!("\\{user}\\")))
            .expect("it exists");
    }
    hive
}

/// Everything in a hive by path: class, descriptor, values by name.
pub(crate) type Contents = BTreeMap<String, (Option<String>, Vec<u8>, BTreeMap<String, RegValue>)>;

pub(crate) fn contents(hive: &Hive) -> Contents {
    let mut all = Contents::new();
    let mut stack = vec![hive.root().expect("there is a root")];
    while let Some(key) = stack.pop() {
        let values = key
            .values()
            .expect("sound")
            .iter()
            .map(|value| (value.name(), value.to_owned().expect("sound")))
            .collect();
        all.insert(
            key.path(),
            (
                key.class_name().expect("sound"),
                key.descriptor().expect("sound").to_vec(),
                values,
            ),
        );
        stack.extend(key.subkeys().expect("sound"));
    }
    all
}

/// Numbers that look random and are the same every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}
