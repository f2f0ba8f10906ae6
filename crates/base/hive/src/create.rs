//! A new, empty hive.

use crate::base::{BASE_BLOCK, seal};
use crate::error::HiveError;
use crate::hive::{Hive, NIL};
use crate::key::{nk, stored_name};
use crate::raw::{put, put_u16, put_u32, put_u64, utf16};
use crate::security::sk;
use crate::time::FileTime;

/// What a new hive is made with.
#[derive(Debug, Clone, Copy)]
pub struct NewHive<'a> {
    /// Minor version: 3 (user hives up to Windows 10) to 6.
    pub minor_version: u32,
    /// Name of the root key, such as `ROOT` or `CMI-CreateHive{…}`.
    pub root_name: &'a str,
    /// File name noted in the base block, of which 31 characters are kept.
    pub file_name: &'a str,
    /// Descriptor of the root key.
    pub descriptor: &'a [u8],
    /// When it was made.
    pub at: FileTime,
}

impl Hive {
    /// A hive with a root key and nothing else.
    ///
    /// # Errors
    /// When the version cannot be edited, the name is no key name or the descriptor is too long.
    pub fn create(new: &NewHive<'_>) -> Result<Self, HiveError> {
        if !(3..=6).contains(&new.minor_version) {
            return Err(HiveError::ReadOnlyVersion(new.minor_version));
        }
        let units: Vec<u16> = new.root_name.encode_utf16().collect();
        if units.is_empty() || units.len() > 255 || new.root_name.contains('\\') {
            return Err(HiveError::KeyName(new.root_name.to_owned()));
        }
        let (name, compressed) = stored_name(&units);
        let node_size = (4 + nk::NAME + name.len()).next_multiple_of(8);
        let security_size = (4 + sk::DESCRIPTOR + new.descriptor.len()).next_multiple_of(8);
        let bin_size = (32 + node_size + security_size).next_multiple_of(4096);
        let mut data = vec![0; BASE_BLOCK + bin_size];
        base_block(&mut data, new, bin_size as u32);

        let bin = &mut data[BASE_BLOCK..];
        let _ = put(bin, 0, b"hbin");
        let _ = put_u32(bin, 8, bin_size as u32);
        let _ = put_u64(bin, 20, new.at.0);
        let node = 32;
        let security = node + node_size;
        let free = security + security_size;
        let _ = put_u32(bin, node, (node_size as u32).wrapping_neg());
        root_node(
            &mut bin[node + 4..security],
            new,
            &name,
            compressed,
            security as u32,
        );
        let _ = put_u32(bin, security, (security_size as u32).wrapping_neg());
        root_security(
            &mut bin[security + 4..free],
            new.descriptor,
            security as u32,
        );
        if free < bin_size {
            let _ = put_u32(bin, free, (bin_size - free) as u32);
        }
        Self::open(data, None, None)
    }
}

fn base_block(data: &mut [u8], new: &NewHive<'_>, bin_size: u32) {
    let _ = put(data, 0, b"regf");
    for (at, value) in [
        (20, 1),
        (24, new.minor_version),
        (32, 1),
        (36, 32),
        (40, bin_size),
        (44, 1),
    ] {
        let _ = put_u32(data, at, value);
    }
    let file_name = utf16(new.file_name);
    let _ = put(data, 48, &file_name[..file_name.len().min(62)]);
    seal(data, 1, new.at.0);
}

fn root_node(cell: &mut [u8], new: &NewHive<'_>, name: &[u8], compressed: bool, security: u32) {
    let flags =
        nk::FLAG_ROOT | nk::FLAG_NO_DELETE | if compressed { nk::FLAG_COMPRESSED } else { 0 };
    let _ = put(cell, 0, b"nk");
    let _ = put_u16(cell, nk::FLAGS, flags);
    let _ = put_u64(cell, nk::LAST_WRITTEN, new.at.0);
    for at in [
        nk::PARENT,
        nk::SUBKEY_LIST,
        nk::VOLATILE_LIST,
        nk::VALUE_LIST,
        nk::CLASS,
    ] {
        let _ = put_u32(cell, at, NIL);
    }
    let _ = put_u32(cell, nk::SECURITY, security);
    let _ = put_u16(cell, nk::NAME_LEN, name.len() as u16);
    let _ = put(cell, nk::NAME, name);
}

fn root_security(cell: &mut [u8], descriptor: &[u8], own: u32) {
    let _ = put(cell, 0, b"sk");
    let _ = put_u32(cell, sk::FLINK, own);
    let _ = put_u32(cell, sk::BLINK, own);
    let _ = put_u32(cell, sk::REFERENCES, 1);
    let _ = put_u32(cell, sk::SIZE, descriptor.len() as u32);
    let _ = put(cell, sk::DESCRIPTOR, descriptor);
}
