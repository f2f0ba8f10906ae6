//! Run lists: where on the volume the clusters of a value lie.

/// A stretch of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// First cluster on the volume; `None` for a hole.
    pub(crate) start: Option<u64>,
    /// Number of clusters, over zero.
    pub(crate) clusters: u64,
}

/// Decodes mapping pairs up to their end marker; `None` when they are malformed.
pub(crate) fn decode_runs(bytes: &[u8]) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    let mut at = 0;
    let mut cluster: i64 = 0;
    loop {
        let header = *bytes.get(at)?;
        if header == 0 {
            return Some(runs);
        }
        at += 1;
        let (length_size, offset_size) = (usize::from(header & 0xF), usize::from(header >> 4));
        if length_size == 0 || length_size > 8 || offset_size > 8 {
            return None;
        }
        let clusters = u64::try_from(signed(bytes.get(at..at + length_size)?))
            .ok()
            .filter(|&n| n > 0)?;
        at += length_size;
        let start = if offset_size == 0 {
            None
        } else {
            cluster = cluster.checked_add(signed(bytes.get(at..at + offset_size)?))?;
            at += offset_size;
            Some(u64::try_from(cluster).ok()?)
        };
        runs.push(Run { start, clusters });
    }
}

/// A little-endian number of 1 to 8 bytes with sign.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|&last| last & 0x80 != 0);
    let mut out = [if negative { 0xFF } else { 0 }; 8];
    out[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_forward_backward_and_holes() {
        let runs =
            decode_runs(&[0x21, 0x18, 0x34, 0x56, 0x11, 0x10, 0xF0, 0x01, 0x05, 0x00]).unwrap();
        assert_eq!(
            runs,
            [
                Run {
                    start: Some(0x5634),
                    clusters: 0x18
                },
                Run {
                    start: Some(0x5624),
                    clusters: 0x10
                },
                Run {
                    start: None,
                    clusters: 5
                },
            ]
        );
    }

    #[test]
    fn refuses_what_is_malformed() {
        for bytes in [
            &[][..],
            &[0x21, 0x18, 0x34],
            &[0x01, 0x80, 0],
            &[0x11, 0x01, 0x80, 0],
            &[0x10, 1, 0],
            &[0x9F, 0],
        ] {
            assert_eq!(decode_runs(bytes), None, "{bytes:?}");
        }
    }
}
