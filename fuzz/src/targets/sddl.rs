//! Accounts in the security descriptor definition language, found and exchanged as text.

use crate::{Target, leave_alone};
use gw_hive::areas::sddl_text::{sids, translate};
use gw_secdesc::{Mode, Sid, SidMap};

pub(crate) const TARGET: Target = Target {
    name: "sddl",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = sids(&text);
    let target = |n: usize| -> Option<Sid> { format!("S-1-12-1-9-9-9-{n}").parse().ok() };
    let pairs = found
        .into_iter()
        .filter(|sid| !sid.is_never_mapped() && sid.authority() == 5)
        .enumerate()
        .filter_map(|(n, sid)| Some((sid, target(n)?)));
    let Ok(map) = SidMap::new(pairs) else {
        return;
    };
    assert_eq!(translate(&text, &SidMap::default(), Mode::Replace), None);
    for mode in [Mode::Replace, Mode::Add] {
        if let Some(new) = translate(&text, &map, mode) {
            assert_ne!(new, text, "a change that changes nothing");
            assert_eq!(translate(&new, &map, mode), None, "not idempotent: {new:?}");
        }
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let (anna, other) = ("S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1999");
    Ok([
        format!("O:{anna}G:BAD:P(A;OICI;FA;;;{anna})(D;;GW;;;{other})S:(AU;SA;FA;;;WD)"),
        format!("O:{anna}G:{other}D:(XA;;FX;;;S-1-1-0;(@User.Title==\"P)M ({anna}\" && Member_of {{SID({other})}}))"),
        format!("v2.31|Action=Allow|LUAuth=O:LSD:(A;;CC;;;{anna})|LUOwn={anna}|"),
        format!("D:(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;{anna})(A;;FA;;;S-1-12-1-9-9-9-0)"),
    ]
    .map(String::into_bytes)
    .to_vec())
}
