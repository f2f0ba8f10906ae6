//! Access lists and single entries.

use crate::{Target, leave_alone};
use gw_secdesc::{Ace, Acl, Sid};

pub(crate) const TARGET: Target = Target {
    name: "acl",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    if let Ok(entry) = Ace::from_bytes(data) {
        assert_eq!(entry.as_bytes(), data, "an entry changed on its way");
        known(&entry);
    }
    let Ok((list, length)) = Acl::parse(data) else {
        return;
    };
    assert!(length <= data.len());
    list.aces.iter().for_each(known);
    // Slack behind the entries may be left out, so the second writing is the one to hold to.
    let written = list.to_bytes().expect("what was read can be written");
    let (again, _) = Acl::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_bytes().as_ref(), Ok(&written), "codec not stable");
    assert_eq!(again.aces, list.aces, "a list changed on its way");
}

fn known(entry: &Ace) {
    let _ = (entry.mask(), entry.sid(), entry.flags(), entry.ace_type());
    let _ = (entry.object_guids(), entry.application_data());
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let user: Sid = "S-1-5-21-397955417-626881126-188441444-1105".parse()?;
    let entry = |kind: u8| Ace::new(kind, 3, 0x0012_00a9, &user);
    let mut out = vec![Acl::new(vec![entry(0), entry(1), entry(2)]).to_bytes()?];
    // Object entries have flags and up to two GUIDs between mask and SID.
    for guids in 0..4_usize {
        let between = [
            &[guids as u8, 0, 0, 0][..],
            &vec![7; 16 * guids.count_ones() as usize],
        ];
        let body = [&between.concat()[..], user.as_bytes()].concat();
        let size = (8 + body.len()) as u16;
        let head = [5, 0, size as u8, (size >> 8) as u8, 1, 0, 0, 0];
        out.push([&head[..], &body].concat());
    }
    out.push(entry(9).as_bytes().to_vec());
    Ok(out)
}
