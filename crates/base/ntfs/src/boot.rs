//! The boot sector.

use crate::bytes::{u16_at, u64_at};
use crate::error::NtfsError;

/// Shape of a volume, from its boot sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// Bytes in a sector, 256 to 4096.
    pub sector_size: u32,
    /// Bytes in a cluster, up to 2 MiB.
    pub cluster_size: u32,
    /// Bytes in a file record, 512 to 64 KiB.
    pub record_size: u32,
    /// Bytes in an index block, unless an index says otherwise.
    pub index_size: u32,
    /// Number of clusters.
    pub clusters: u64,
    /// First cluster of `$MFT`.
    pub mft_cluster: u64,
    /// First cluster of `$MFTMirr`.
    pub mirror_cluster: u64,
    /// Serial number of the volume.
    pub serial: u64,
}

impl Boot {
    /// Reads the first 512 bytes of a volume of `size` bytes.
    ///
    /// # Errors
    /// When it is BitLocker's, not NTFS's, or describes an impossible shape.
    pub fn parse(sector: &[u8], size: u64) -> Result<Self, NtfsError> {
        let signature = sector.get(3..11).ok_or(NtfsError::NotNtfs("too short"))?;
        if signature == b"-FVE-FS-" {
            return Err(NtfsError::BitLocker);
        }
        if signature != b"NTFS    " {
            return Err(NtfsError::NotNtfs("no NTFS signature"));
        }
        if sector.get(510..512) != Some(&[0x55, 0xAA]) {
            return Err(NtfsError::NotNtfs("no boot signature"));
        }
        let short = || NtfsError::NotNtfs("too short");
        let sector_size = u32::from(u16_at(sector, 0x0B).ok_or_else(short)?);
        if !sector_size.is_power_of_two() || !(256..=4096).contains(&sector_size) {
            return Err(NtfsError::Geometry {
                what: "bytes per sector",
                value: sector_size.into(),
            });
        }
        let per_cluster = match sector[0x0D] {
            count @ 1..=0x80 => u32::from(count),
            // Clusters over 64 KiB: a negative power of two.
            power @ 0xF4..=0xFF => 1 << (256 - u32::from(power)),
            other => {
                return Err(NtfsError::Geometry {
                    what: "sectors per cluster",
                    value: other.into(),
                });
            }
        };
        let cluster_size = sector_size * per_cluster;
        if !per_cluster.is_power_of_two() || cluster_size > 2 << 20 {
            return Err(NtfsError::Geometry {
                what: "bytes per cluster",
                value: cluster_size.into(),
            });
        }
        let sectors = u64_at(sector, 0x28).ok_or_else(short)?;
        let bytes = sectors
            .checked_mul(sector_size.into())
            .filter(|&bytes| bytes <= size && bytes > 0);
        let bytes = bytes.ok_or(NtfsError::Geometry {
            what: "number of sectors",
            value: sectors,
        })?;
        let clusters = bytes / u64::from(cluster_size);
        let place = |at: usize, what| {
            let cluster = u64_at(sector, at).ok_or_else(short)?;
            if cluster == 0 || cluster >= clusters {
                return Err(NtfsError::Geometry {
                    what,
                    value: cluster,
                });
            }
            Ok(cluster)
        };
        Ok(Self {
            sector_size,
            cluster_size,
            record_size: structure_size(sector[0x40], cluster_size, "bytes per file record")?,
            index_size: structure_size(sector[0x44], cluster_size, "bytes per index block")?,
            clusters,
            mft_cluster: place(0x30, "first cluster of $MFT")?,
            mirror_cluster: place(0x38, "first cluster of $MFTMirr")?,
            serial: u64_at(sector, 0x48).ok_or_else(short)?,
        })
    }
}

/// Clusters when positive, a power of two in bytes when negative.
fn structure_size(value: u8, cluster_size: u32, what: &'static str) -> Result<u32, NtfsError> {
    let size = match value {
        count @ 1..=0x7F => u32::from(count).checked_mul(cluster_size),
        power @ 0xF0..=0xF7 => Some(1 << (256 - u32::from(power))),
        _ => None,
    };
    match size {
        Some(size) if size.is_power_of_two() && (512..=65_536).contains(&size) => Ok(size),
        _ => Err(NtfsError::Geometry {
            what,
            value: value.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector() -> Vec<u8> {
        let mut out = vec![0; 512];
        out[3..11].copy_from_slice(b"NTFS    ");
        out[0x0B..0x0D].copy_from_slice(&512u16.to_le_bytes());
        out[0x0D] = 8;
        out[0x28..0x30].copy_from_slice(&8191u64.to_le_bytes());
        out[0x30] = 4;
        out[0x38] = 200;
        out[0x40] = 0xF6;
        out[0x44] = 1;
        out[510..].copy_from_slice(&[0x55, 0xAA]);
        out
    }

    #[test]
    fn reads_the_usual_shape() {
        let boot = Boot::parse(&sector(), 4 << 20).unwrap();
        assert_eq!(
            (boot.cluster_size, boot.record_size, boot.index_size),
            (4096, 1024, 4096)
        );
        assert_eq!(boot.clusters, 1023);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let cases: [(usize, u8); 7] = [
            (0x0C, 0x30),
            (0x0D, 3),
            (0x0D, 0),
            (0x2F, 1),
            (0x40, 0x80),
            (0x31, 0xFF),
            (510, 0),
        ];
        for (at, value) in cases {
            let mut bad = sector();
            bad[at] = value;
            assert!(
                Boot::parse(&bad, 4 << 20).is_err(),
                "byte {at:#x} = {value:#x}"
            );
        }
        let mut sealed = sector();
        sealed[3..11].copy_from_slice(b"-FVE-FS-");
        assert!(matches!(
            Boot::parse(&sealed, 4 << 20),
            Err(NtfsError::BitLocker)
        ));
        assert!(Boot::parse(&sector()[..100], 4 << 20).is_err());
        assert!(
            Boot::parse(&sector(), 1 << 20).is_err(),
            "the volume is larger than the device"
        );
    }
}
