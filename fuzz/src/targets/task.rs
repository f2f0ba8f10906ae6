//! Files of scheduled tasks, and the cache that names them.
//!
//! Input: one byte for the mode, one for the length of the cached triggers, the triggers, the file.

use crate::{
    Target, leave_alone,
    targets::areas::{empty, put},
};
use gw_hive::{
    FileTime, Hive, RegValue,
    areas::{Area, Rules, tasks},
};
use gw_secdesc::{Mode, Sid, SidMap};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const TARGET: Target = Target {
    name: "task",
    seeds,
    repair: leave_alone,
    run,
};

const ANNA: &str = "S-1-5-21-1-2-3-1001";
const KEY: &str = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks\{A}";
const AT: FileTime = FileTime(133_000_000_000_000_000);

fn run(data: &[u8]) {
    let Some(([mode, length], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let (triggers, file) = rest.split_at(usize::from(*length).min(rest.len()));
    let (mut hive, map) = cache(triggers).expect("a small hive can be made");
    let read = |_: &str| Some(file.to_vec());
    let before = tasks::sids(&hive, &read, &|_| false, &|_| false);
    before.expect("the hive is sound");
    let areas: BTreeSet<Area> = Area::ALL.into();
    let rules = Rules {
        areas: &areas,
        map: &map,
        mode: match mode & 1 {
            0 => Mode::Replace,
            _ => Mode::Add,
        },
        handed: &map.pairs().map(|(source, _)| source.clone()).collect(),
        names: &BTreeMap::new(),
        ignored: &|_| false,
    };
    let translate = |hive: &mut Hive, file: &[u8]| {
        let read = |_: &str| Some(file.to_vec());
        tasks::translate(hive, &rules, AT, &read, &|_| false)
    };
    let (_, files) = translate(&mut hive, file).expect("the hive is sound");
    hive.check().expect("a changed hive is sound");
    if let [edit] = files.as_slice() {
        let again = translate(&mut hive, &edit.content).expect("the hive is sound");
        assert!(again.1.is_empty(), "not idempotent");
    }
}

fn cache(triggers: &[u8]) -> anyhow::Result<(Hive, SidMap)> {
    let mut hive = empty()?;
    put(
        &mut hive,
        KEY,
        "Path",
        &RegValue::string(r"\Contoso\Backup"),
    )?;
    put(
        &mut hive,
        KEY,
        "Triggers",
        &RegValue::binary(triggers.to_vec()),
    )?;
    let map = SidMap::new([(ANNA.parse()?, "S-1-5-21-4-5-6-2001".parse()?)])?;
    Ok((hive, map))
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let anna: Sid = ANNA.parse()?;
    let xml = format!(
        "<?xml version=\"1.0\"?><Task><!-- c --><RegistrationInfo><SecurityDescriptor>D:(A;;FA;;;{ANNA})\
         </SecurityDescriptor></RegistrationInfo><Principals><Principal id=\"a\"><UserId>{ANNA}</UserId>\
         <GroupId>SOURCE\\staff</GroupId><LogonType>Password</LogonType></Principal></Principals>\
         <Actions><Exec><Command><![CDATA[<UserId>]]></Command></Exec></Actions></Task>"
    );
    let wide: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files = [
        xml.clone().into_bytes(),
        [&[0xef, 0xbb, 0xbf][..], xml.as_bytes()].concat(),
        [&[0xff, 0xfe][..], &wide].concat(),
        wide,
    ];
    let triggers = [&[0x17, 1, 1][..], anna.as_bytes(), &[9, 9]].concat();
    let mut out = Vec::new();
    for file in files {
        for mode in [0, 1] {
            let head = [mode, triggers.len() as u8];
            out.push([&head[..], &triggers, &file].concat());
        }
    }
    Ok(out)
}
