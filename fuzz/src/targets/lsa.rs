//! Secrets of the machine in a SECURITY hive, with the boot key that opens them.

use crate::{Target, targets::hive::fix_checksum};
use gw_hive::{
    Hive,
    lsa::{BootKey, read_secret},
};
use gw_testkit::hive_builder::{MachineSpec, machine_hives};

pub(crate) const TARGET: Target = Target {
    name: "lsa",
    seeds,
    repair: fix_checksum,
    run,
};

/// Of the machine that the seed is from.
const BOOT_KEY: [u8; 16] = [9; 16];

fn run(data: &[u8]) {
    let Ok(hive) = Hive::open(data.to_vec(), None, None) else {
        return;
    };
    for name in ["$MACHINE.ACC", "DPAPI_SYSTEM"] {
        let _ = read_secret(&hive, &BootKey(BOOT_KEY), name);
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut machine = MachineSpec::new("GW-1", "S-1-5-21-11-22-33".parse()?);
    machine.boot_key = BOOT_KEY;
    let security = machine_hives(&machine)?.security;
    let hive = Hive::open(security.clone(), None, None)?;
    // One that every machine has, in a domain or not.
    let secret = read_secret(&hive, &BootKey(BOOT_KEY), "DPAPI_SYSTEM")?;
    anyhow::ensure!(secret.is_some(), "the seed holds no secret");
    Ok(vec![security])
}
