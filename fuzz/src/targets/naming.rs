//! Names of computers: patterns with placeholders, serial numbers as firmware tells them, names that
//! an agent reports.
//!
//! Input: a pattern, a line feed, a serial number.

use crate::{Target, leave_alone};
use gw_directory::ComputerName;
use gw_runbook::{check_computer_name, computer_name};

pub(crate) const TARGET: Target = Target {
    name: "naming",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (pattern, serial) = text.split_once('\n').unwrap_or((&text, "SN-1"));
    let mut drawn = 0_u8;
    let made = computer_name(pattern, serial, || {
        drawn = drawn.wrapping_add(7);
        drawn
    });
    if let Ok(name) = made {
        check_computer_name(&name).expect("a name that is made is a name");
    }
    for name in [pattern, serial] {
        let checked = check_computer_name(name);
        if let Ok(read) = ComputerName::new(name) {
            let again = ComputerName::new(read.as_str()).expect("its own text");
            assert_eq!(read.account_name(), again.account_name());
        } else {
            assert!(
                checked.is_err(),
                "a runbook may say {name}, a directory not"
            );
        }
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    Ok([
        "PC-%SERIAL%\nA1 B2-C3",
        "%RAND:8%\nnone",
        "X%RAND:3%-%SERIAL%\n-7-",
        "PC-0001$\nPC-1",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec())
}
