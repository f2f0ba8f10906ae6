//! Block writes as a redo file holds them, and boot sectors.
//!
//! Input: encoded writes one after the other; the same bytes are taken for a boot sector, too.

use crate::{Target, leave_alone};
use gw_ntfs::{BlockWrite, Boot, block_hash, descriptor_hash};

pub(crate) const TARGET: Target = Target {
    name: "redo",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    let _ = Boot::parse(data, data.len() as u64);
    let _ = Boot::parse(data, u64::MAX);
    let _ = descriptor_hash(data);
    let mut rest = data;
    while let Some(write) = BlockWrite::decode(&mut rest) {
        let mut again = Vec::new();
        write.encode(&mut again);
        let read = BlockWrite::decode(&mut again.as_slice());
        assert_eq!(read.as_ref(), Some(&write), "a write changed on its way");
        assert!(write.end() >= write.offset);
        let mut block = vec![0; write.len.min(0x1_0000) as usize];
        if write.apply(&mut block).is_ok() {
            let _ = write.apply(&mut block).expect("a write can be repeated");
        }
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    // offset, length, number of pieces, hash of what stood there, pieces, old bytes, new bytes.
    let write = |len: usize, pieces: &[(u32, u32)]| {
        let mut out = 4096_u64.to_le_bytes().to_vec();
        out.extend((len as u32).to_le_bytes());
        out.extend((pieces.len() as u32).to_le_bytes());
        out.extend(block_hash(&vec![0; len]));
        for (at, length) in pieces {
            out.extend(at.to_le_bytes());
            out.extend(length.to_le_bytes());
        }
        let total: u32 = pieces.iter().map(|piece| piece.1).sum();
        out.extend(vec![0; total as usize]);
        out.extend(vec![7; total as usize]);
        out
    };
    let one = write(512, &[(3, 5), (100, 1), (508, 4)]);
    let two = write(1024, &[(0, 8)]);
    let mut rest = one.as_slice();
    let read = BlockWrite::decode(&mut rest);
    let applied = read.is_some_and(|read| read.apply(&mut [0; 512]).is_ok());
    anyhow::ensure!(applied && rest.is_empty(), "a seed is not read");
    Ok(vec![one.clone(), [one, two].concat(), boot()])
}

/// Clusters of 4096 bytes, records of 1024.
fn boot() -> Vec<u8> {
    let mut sector = vec![0; 512];
    sector[..11].copy_from_slice(b"\xeb\x52\x90NTFS    ");
    sector[0x0b..0x0e].copy_from_slice(&[0, 2, 8]);
    sector[0x15] = 0xf8;
    sector[0x24..0x28].copy_from_slice(&[0x80, 0, 0x80, 0]);
    sector[0x28..0x30].copy_from_slice(&4095_u64.to_le_bytes());
    sector[0x30..0x38].copy_from_slice(&4_u64.to_le_bytes());
    sector[0x38..0x40].copy_from_slice(&255_u64.to_le_bytes());
    sector[0x40] = 0xf6;
    sector[0x44] = 1;
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}
