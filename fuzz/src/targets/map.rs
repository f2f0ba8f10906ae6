//! The CSV map of the offline tools.

use crate::{Target, leave_alone};

/// The agent's own file: it is a program, not a library.
#[allow(dead_code)]
#[path = "../../../bin/godwit-agent/src/offline/map.rs"]
pub(super) mod csv_map;

pub(crate) const TARGET: Target = Target {
    name: "map",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    if let Ok(map) = csv_map::parse(data) {
        for (source, target) in map.pairs() {
            assert!(!source.is_never_mapped(), "{source} is mapped");
            assert!(
                map.target(target).is_none(),
                "{target} would be mapped again"
            );
        }
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    Ok([
        "source_sid,target_sid\nS-1-5-21-1-2-3-1001,S-1-12-1-1-2-3-4\n",
        "\u{feff}name,target_sid,source_sid\r\n\"a, b\",S-1-12-1-1-2-3-4,S-1-5-21-1-2-3-1001\r\n",
        "source_sid,target_sid\nS-1-5-21-1-2-3-1001,S-1-5-21-4-5-6-1001\nS-1-5-21-1-2-3-1002,S-1-5-21-4-5-6-1002\n",
        "source_sid,target_sid\nS-1-5-21-1-2-3-1001,S-1-0x0123456789ab-1\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec())
}
