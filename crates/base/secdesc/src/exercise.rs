//! One entrance for arbitrary bytes, for fuzzers and property tests.

use crate::{Mode, SecurityDescriptor, Sid, SidMap, Translated, sddl, sids, translate};

/// Runs everything in this crate over `data` and holds the answers against
/// each other: same verdict from every reader, codec and translation
/// idempotent, a change really a change.
///
/// The first byte decides which of the SIDs found in the rest are mapped and
/// to SIDs of what length.
///
/// # Panics
/// When one of the promises of this crate is broken.
pub fn exercise(data: &[u8]) {
    let Some((&choice, sd)) = data.split_first() else {
        return;
    };
    let _ = Sid::parse(sd);
    let mut found = Vec::new();
    let listed = sids(sd, |_, sid| found.push(sid));
    let parsed = SecurityDescriptor::parse(sd);
    assert_eq!(listed.is_ok(), parsed.is_ok(), "readers disagree");
    let map = map_for(choice, found);
    for mode in [Mode::Add, Mode::Replace] {
        let none = translate(sd, &SidMap::default(), mode);
        assert_eq!(none.is_ok(), parsed.is_ok(), "readers disagree");
        assert!(matches!(none, Err(_) | Ok(Translated::Unchanged)));
        let Ok(Translated::Changed { bytes, fallback }) = translate(sd, &map, mode) else {
            continue;
        };
        assert_ne!(bytes, sd, "a change that changes nothing");
        assert!(!fallback || mode == Mode::Add);
        let again = translate(&bytes, &map, mode);
        assert_eq!(again, Ok(Translated::Unchanged), "not idempotent");
    }
    let Ok(parsed) = parsed else {
        return;
    };
    assert!(!sddl(&parsed).is_empty() || parsed.owner.is_none());
    let written = parsed.to_bytes().expect("what was read can be written");
    let again = SecurityDescriptor::parse(&written).expect("what was written can be read");
    let twice = again.to_bytes().expect("what was read can be written");
    assert_eq!(written, twice, "codec not stable");
}

fn map_for(choice: u8, mut found: Vec<Sid>) -> SidMap {
    found.sort();
    found.dedup();
    let length = usize::from(choice >> 4) % 15;
    let pairs = found.into_iter().enumerate().filter_map(|(index, sid)| {
        let mut subs = vec![u32::from(choice); length];
        subs.push(index as u32 >> (choice & 3));
        let target = Sid::new(0x7FFF_FFFF_FFFF, &subs)?;
        let taken = !sid.is_never_mapped() && sid.authority() != target.authority();
        (taken && (index as u8 ^ choice) & 4 == 0).then_some((sid, target))
    });
    SidMap::new(pairs).unwrap_or_default()
}
