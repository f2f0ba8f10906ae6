//! Measures `translate` on one core and prints budget rows as JSON lines.
//!
//! The mix is what a profile volume looks like: file descriptors with owner,
//! group and three to six entries, of which half name a migrated account
//! and half do not; a few with an audit list, a few long ones. Half of the
//! translations replace, half add. Descriptors and map are made before the
//! clock starts; every output is looked at, so that nothing is optimised away.

use gw_secdesc::{Ace, Acl, Mode, SecurityDescriptor, Sid, SidMap, Translated, translate};
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() {
    let accounts: u32 = 500;
    let source = |n: u32| account(5, &[21, 397_955_417, 626_881_126, 188_441_444, 1000 + n]);
    let target = |n: u32| account(12, &[1, 1_108_400_239 + n, 1_258_278_551, 935_196_567, n]);
    let map = match SidMap::new((0..accounts).map(|n| (source(n), target(n)))) {
        Ok(map) => map,
        Err(error) => return eprintln!("the map cannot be made: {error}"),
    };
    let descriptors: Vec<Vec<u8>> = (0..1024_u32)
        .filter_map(|n| descriptor(n, source(n * 7 % accounts)))
        .collect();
    let bytes: usize = descriptors.iter().map(Vec::len).sum();
    let (replace, replaced) = measure(&descriptors, &map, Mode::Replace);
    let (add, added) = measure(&descriptors, &map, Mode::Add);
    let unchanged: Vec<_> = descriptors.iter().skip(1).step_by(2).cloned().collect();
    let (none, _) = measure(&unchanged, &map, Mode::Replace);
    let both = 2.0 / (1.0 / replace + 1.0 / add);
    eprintln!(
        "replace {replace:.0}/s, add {add:.0}/s, unchanged {none:.0}/s; {:.0} % changed, {} bytes on average",
        (replaced + added) * 50.0,
        bytes / descriptors.len(),
    );
    let because = "the processor's other work counts here; see the unchanged and replace rates";
    row("secdesc-translate", both, because);
    row("secdesc-unchanged", none, because);
}

fn row(name: &str, per_second: f64, because: &str) {
    let millions = per_second / 1e6;
    let met = millions >= 5.0;
    println!(
        "{{\"name\":\"{name}\",\"value\":{millions:.2},\"unit\":\"million/s/core\",\"goal\":\">= 5 million\",\
         \"peer\":\"absolute\",\"ratio\":null,\"met\":{met},\"because\":\"{}\"}}",
        if met { "" } else { because }
    );
}

/// Translations per second, the best of five rounds, and the share that changed.
fn measure(descriptors: &[Vec<u8>], map: &SidMap, mode: Mode) -> (f64, f64) {
    let mut best = 0.0_f64;
    let (mut changed, mut done) = (0_u64, 0_u64);
    for _ in 0..5 {
        let start = Instant::now();
        let mut round = 0_u64;
        while start.elapsed() < Duration::from_millis(200) {
            for sd in descriptors {
                let outcome = translate(black_box(sd), map, mode);
                if let Ok(Translated::Changed { bytes, .. }) = black_box(outcome) {
                    changed += u64::from(!bytes.is_empty());
                }
            }
            round += descriptors.len() as u64;
        }
        done += round;
        best = best.max(round as f64 / start.elapsed().as_secs_f64());
    }
    (best, changed as f64 / done as f64)
}

fn descriptor(n: u32, user: Sid) -> Option<Vec<u8>> {
    let system = account(5, &[18]);
    let administrators = account(5, &[32, 544]);
    let users = account(5, &[32, 545]);
    let local = account(5, &[21, 1, 2, 3, 1001]);
    let who = if n.is_multiple_of(2) { user } else { local };
    let mut aces = vec![
        Ace::new(0, 0x10, 0x1f01ff, &system),
        Ace::new(0, 0x10, 0x1f01ff, &administrators),
        Ace::new(0, 0x10, 0x1f01ff, &who),
    ];
    for extra in 0..n % 4 {
        aces.push(Ace::new(0, 3, 0x1200a9 + extra, &users));
    }
    if n.is_multiple_of(64) {
        aces.extend((0..20).map(|flags| Ace::new(0, flags, 0x1301bf, &users)));
    }
    let mut sd = SecurityDescriptor::new(who.clone(), who, Acl::new(aces));
    if n.is_multiple_of(16) {
        sd.control |= gw_secdesc::control::SACL_PRESENT;
        sd.sacl = Some(Acl::new(vec![Ace::new(2, 0x40, 2, &users)]));
    }
    sd.to_bytes().ok()
}

fn account(authority: u64, subs: &[u32]) -> Sid {
    Sid::new(authority, subs).unwrap_or_else(|| Sid::from_entra_object_id([0; 16]))
}
