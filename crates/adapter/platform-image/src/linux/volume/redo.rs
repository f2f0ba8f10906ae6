//! The redo file: what is to be written to a volume, before any of it is.
//!
//! Eight bytes of magic, then frames: kind, length, the first eight bytes of the SHA-256 of
//! kind and content, content. What must stay true:
//! - the volume is not written before the frame that commits is on stable storage;
//! - a file without that frame promises nothing: it is begun afresh;
//! - a file with it is enough to finish, whatever a power cut has left of the volume.

use gw_ntfs::{BlockWrite, Guard};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"GWREDO1\n";
/// A frame of writes is closed when it is this long.
const FRAME: usize = 1 << 20;
/// No honest frame is longer.
const LONGEST: u32 = 256 << 20;

/// What kind of frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Which job this is: [`Job`] as JSON.
    Job = b'J',
    /// What will be told at the end, as JSON.
    Report = b'R',
    /// Parts of the volume that must not have changed.
    Guards = b'G',
    /// Writes that mark the volume for chkdsk.
    Mark = b'M',
    /// Writes.
    Writes = b'W',
    /// Writes that take the mark away.
    Clear = b'U',
    /// The end: all of the above is whole and may be carried out.
    Commit = b'C',
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [
            Self::Job,
            Self::Report,
            Self::Guards,
            Self::Mark,
            Self::Writes,
            Self::Clear,
            Self::Commit,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// Which job a redo file belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    /// Serial number of the volume.
    pub(super) serial: u64,
    /// Size of the image in bytes.
    pub(super) size: u64,
    /// Digest of map, mode and excluded areas.
    pub(super) arguments: String,
}

/// A redo file being written.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    path: PathBuf,
    open: Vec<u8>,
}

impl Writer {
    /// Begins a file in the place of what there is, and makes its name last.
    pub(super) fn create(path: &Path, job: &Job) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let mut writer = Self {
            file,
            path: path.to_path_buf(),
            open: Vec::new(),
        };
        writer.file.write_all(MAGIC)?;
        writer.frame(Kind::Job, &serde_json::to_vec(job)?)?;
        writer.flush()?;
        Ok(writer)
    }

    pub(super) fn frame(&mut self, kind: Kind, content: &[u8]) -> io::Result<()> {
        let len = u32::try_from(content.len())
            .ok()
            .filter(|&len| len <= LONGEST)
            .ok_or_else(|| io::Error::other("a frame of the redo file is too long"))?;
        let mut head = vec![kind as u8];
        head.extend_from_slice(&len.to_le_bytes());
        head.extend_from_slice(&check(kind as u8, content));
        self.file.write_all(&head)?;
        self.file.write_all(content)
    }

    pub(super) fn guards(&mut self, guards: &[Guard]) -> io::Result<()> {
        let mut content = Vec::new();
        for guard in guards {
            content.extend_from_slice(&guard.offset.to_le_bytes());
            content.extend_from_slice(&guard.len.to_le_bytes());
            content.extend_from_slice(&guard.hash);
        }
        self.frame(Kind::Guards, &content)
    }

    pub(super) fn writes(&mut self, kind: Kind, writes: &[BlockWrite]) -> io::Result<()> {
        let mut content = Vec::new();
        writes.iter().for_each(|write| write.encode(&mut content));
        self.frame(kind, &content)
    }

    /// Adds one write; many share a frame.
    pub(super) fn push(&mut self, write: &BlockWrite) -> io::Result<()> {
        write.encode(&mut self.open);
        if self.open.len() >= FRAME {
            let content = std::mem::take(&mut self.open);
            self.frame(Kind::Writes, &content)?;
        }
        Ok(())
    }

    /// Ends the file; when this returns, it is on stable storage.
    pub(super) fn commit(mut self) -> io::Result<()> {
        if !self.open.is_empty() {
            let content = std::mem::take(&mut self.open);
            self.frame(Kind::Writes, &content)?;
        }
        self.frame(Kind::Commit, &[])?;
        self.flush()
    }

    fn flush(&self) -> io::Result<()> {
        self.file.sync_data()?;
        sync_folder(&self.path)
    }
}

/// Makes names in the folder of `path` last.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Takes the file away for good.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)?;
    sync_folder(path)
}

/// A redo file that was found.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    pub(super) job: Option<Job>,
    pub(super) report: Vec<u8>,
    pub(super) guards: Vec<Guard>,
    pub(super) mark: Vec<BlockWrite>,
    pub(super) clear: Vec<BlockWrite>,
    pub(super) committed: bool,
}

impl Reader {
    /// Reads all but the writes; `None` when there is no such file, or it is empty.
    ///
    /// A torn tail ends the file. Something that is no redo file is an error: it is somebody's.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut reader = Self {
            path: path.to_path_buf(),
            job: None,
            report: Vec::new(),
            guards: Vec::new(),
            mark: Vec::new(),
            clear: Vec::new(),
            committed: false,
        };
        let mut frames = match Frames::open(path) {
            Ok(Some(frames)) => frames,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        while let Some((kind, content)) = frames.next()? {
            match kind {
                Kind::Job => reader.job = serde_json::from_slice(&content).ok(),
                Kind::Report => reader.report = content,
                Kind::Guards => reader.guards = decode_guards(&content),
                Kind::Mark => reader.mark = decode_writes(&content)?,
                Kind::Clear => reader.clear = decode_writes(&content)?,
                Kind::Writes => {}
                Kind::Commit => {
                    reader.committed = true;
                    break;
                }
            }
        }
        Ok(Some(reader))
    }

    /// Runs `visit` over every write, in order.
    pub(super) fn each<E: From<io::Error>>(
        &self,
        mut visit: impl FnMut(BlockWrite) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(mut frames) = Frames::open(&self.path)? else {
            return Ok(());
        };
        while let Some((kind, content)) = frames.next()? {
            if kind == Kind::Writes {
                for write in decode_writes(&content)? {
                    visit(write)?;
                }
            }
        }
        Ok(())
    }
}

struct Frames {
    file: BufReader<File>,
}

impl Frames {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut magic = Vec::new();
        (&mut file)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut magic)?;
        // A file cut inside its magic was never begun.
        if magic.len() < MAGIC.len() && MAGIC.starts_with(&magic) {
            return Ok(None);
        }
        if magic != MAGIC {
            return Err(io::Error::other(format!(
                "{} is no redo file; name another one with --journal",
                path.display()
            )));
        }
        Ok(Some(Self { file }))
    }

    /// The next whole frame; `None` at the end or where the file is torn.
    fn next(&mut self) -> io::Result<Option<(Kind, Vec<u8>)>> {
        let mut head = [0; 13];
        if !fill(&mut self.file, &mut head)? {
            return Ok(None);
        }
        let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let Some(kind) = Kind::of(head[0]).filter(|_| len <= LONGEST) else {
            return Ok(None);
        };
        let mut content = Vec::new();
        (&mut self.file)
            .take(len.into())
            .read_to_end(&mut content)?;
        let whole = content.len() == len as usize && check(head[0], &content) == head[5..];
        Ok(whole.then_some((kind, content)))
    }
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn check(kind: u8, content: &[u8]) -> [u8; 8] {
    let digest = Sha256::new()
        .chain_update([kind])
        .chain_update(content)
        .finalize();
    let mut out = [0; 8];
    out.copy_from_slice(&digest[..8]);
    out
}

fn decode_writes(mut content: &[u8]) -> io::Result<Vec<BlockWrite>> {
    let mut writes = Vec::new();
    while let Some(write) = BlockWrite::decode(&mut content) {
        writes.push(write);
    }
    if content.is_empty() {
        Ok(writes)
    } else {
        Err(io::Error::other("a frame of the redo file does not parse"))
    }
}

fn decode_guards(content: &[u8]) -> Vec<Guard> {
    let number = |bytes: &[u8]| {
        let mut out = [0; 8];
        out.copy_from_slice(bytes);
        u64::from_le_bytes(out)
    };
    content
        .chunks_exact(32)
        .map(|bytes| {
            let mut hash = [0; 16];
            hash.copy_from_slice(&bytes[16..]);
            Guard {
                offset: number(&bytes[..8]),
                len: number(&bytes[8..16]),
                hash,
            }
        })
        .collect()
}
