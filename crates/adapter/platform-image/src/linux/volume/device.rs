//! The volume as bytes: an image file or a block device that nobody has mounted.

use gw_ntfs::{BlockRead, ReadError};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom},
    os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// What the executor of writes needs of a volume.
pub(super) trait Disk: BlockRead {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Everything written so far is on stable storage when this returns.
    fn flush(&self) -> io::Result<()>;
}

/// An image file or block device.
#[derive(Debug)]
pub(in crate::linux) struct Device {
    file: File,
    size: u64,
}

impl Device {
    /// Opens for reading only.
    pub(in crate::linux) fn read_only(path: &Path) -> io::Result<Self> {
        Self::sized(OpenOptions::new().read(true).open(path)?)
    }

    /// Opens for reading and writing; a block device must be nobody else's.
    pub(super) fn writable(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if is_block_device(path) {
            options.custom_flags(rustix::fs::OFlags::EXCL.bits() as i32);
        }
        Self::sized(options.open(path)?)
    }

    fn sized(mut file: File) -> io::Result<Self> {
        // Also the size of a block device, whose metadata says 0.
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, size })
    }
}

impl BlockRead for Device {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let len = buffer.len();
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| ReadError {
                offset,
                len,
                source: error.into(),
            })
    }
}

impl Disk for Device {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Whether it is a device, beside whose name no file lasts.
pub(super) fn is_block_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|status| status.file_type().is_block_device())
}

/// Who has the image mounted or attached, if anybody.
pub(super) fn user_of(image: &Path) -> Option<String> {
    let wanted = image.canonicalize().ok()?;
    let same = |text: &str| {
        text.starts_with('/')
            && Path::new(&text.replace("\\040", " "))
                .canonicalize()
                .is_ok_and(|path| path == wanted)
    };
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for line in table.lines() {
        let mut words = line.split(' ');
        if let (Some(source), Some(point)) = (words.next(), words.next())
            && same(source)
        {
            return Some(format!("it is mounted at {}", point.replace("\\040", " ")));
        }
    }
    for device in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let backing = fs::read_to_string(device.path().join("loop/backing_file"));
        if backing.is_ok_and(|file| same(file.trim_end())) {
            return Some(format!(
                "it is attached as /dev/{}",
                device.file_name().to_string_lossy()
            ));
        }
    }
    // One that is mounted in a mount namespace that cannot be seen from here.
    super::super::mount::serves(&wanted)
        .then(|| "an ntfs-3g that is running has it open".to_owned())
}
