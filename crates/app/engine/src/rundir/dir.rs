//! A run directory that is a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use gw_platform::Secret;

use super::storage::{BlobSink, Storage};

/// A folder, locked by this process.
pub struct DirStorage {
    root: PathBuf,
    journal: Option<File>,
    // Held until the process ends; the system frees them even after a crash.
    _locks: [File; 2],
}

/// Why a run directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another engine works on this device.
    #[error("another run is at work on this device ({path} is locked); wait until it has ended")]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// The folder or a lock file cannot be used.
    #[error("{path} cannot be opened")]
    Io {
        /// What.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl DirStorage {
    /// Opens and locks `root` and, in the folder above, the machine.
    ///
    /// # Errors
    /// When it is not there, or another process holds a lock.
    pub fn open(root: &Path) -> Result<DirStorage, OpenError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        let root = fs::canonicalize(root).map_err(io(root))?;
        let above = root.parent().unwrap_or(&root).to_owned();
        let machine = lock(&above.join("machine.lock"))?;
        let own = lock(&root.join("lock"))?;
        for folder in ["secrets", "maps", "undo"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(io(&path))?;
        }
        Ok(DirStorage {
            root,
            journal: None,
            _locks: [machine, own],
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn journal(&mut self) -> io::Result<&mut File> {
        if self.journal.is_none() {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.root.join("journal"))?;
            sync_folder(&self.root)?;
            self.journal = Some(file);
        }
        self.journal
            .as_mut()
            .ok_or_else(|| io::Error::other("the journal was just opened"))
    }

    fn blob_path(&self, seq: u64, name: &str) -> io::Result<PathBuf> {
        let legal = (1..=64).contains(&name.len())
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if !legal {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{name:?} is not a blob name"),
            ));
        }
        Ok(self.root.join("undo").join(seq.to_string()).join(name))
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Busy {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Windows needs no flush of a folder and has no way to ask for one.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path);
    let mut file = File::create(&beside)?;
    write(&mut file)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Storage for DirStorage {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        absent(fs::read(self.root.join(name)))
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace(&self.root.join(name), |file| file.write_all(bytes))
    }

    fn secret(&self, id: &str) -> io::Result<Option<Secret>> {
        let legal = (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !legal {
            return Ok(None);
        }
        let bytes = absent(fs::read(self.root.join("secrets").join(id)))?;
        Ok(bytes.map(Secret::new))
    }

    fn destroy_secrets(&mut self) -> io::Result<()> {
        let folder = self.root.join("secrets");
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let length = fs::metadata(&path)?.len();
            let mut file = OpenOptions::new().write(true).open(&path)?;
            io::copy(&mut io::repeat(0).take(length), &mut file)?;
            file.sync_all()?;
            drop(file);
            fs::remove_file(&path)?;
        }
        sync_folder(&folder)
    }

    fn stop_requested(&self) -> bool {
        self.root.join("stop").exists()
    }

    fn journal_load(&mut self) -> io::Result<Vec<u8>> {
        let file = self.journal()?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn journal_cut(&mut self, length: u64) -> io::Result<()> {
        let file = self.journal()?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()
    }

    fn journal_append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.journal()?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)
    }

    fn journal_flush(&mut self) -> io::Result<()> {
        self.journal()?.sync_data()
    }

    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let path = self.root.join("reserve");
        if fs::metadata(&path).is_ok_and(|meta| meta.len() >= bytes) {
            return Ok(());
        }
        // Written, not only sized: a sparse file reserves nothing.
        replace(&path, |file| {
            io::copy(&mut io::repeat(0).take(bytes), file).map(drop)
        })
    }

    fn release(&mut self) {
        // Absent or not removable: then there is nothing to gain.
        let _ = fs::remove_file(self.root.join("reserve"));
    }

    fn blob_create(&mut self, seq: u64, name: &str) -> io::Result<Box<dyn BlobSink>> {
        let path = self.blob_path(seq, name)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            sync_folder(&self.root.join("undo"))?;
        }
        let beside = beside(&path);
        Ok(Box::new(FileBlob {
            file: BufWriter::with_capacity(1 << 16, File::create(&beside)?),
            beside,
            path,
        }))
    }

    fn blob_open(&self, seq: u64, name: &str) -> io::Result<Box<dyn Read>> {
        let file = File::open(self.blob_path(seq, name)?)?;
        Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
    }
}

struct FileBlob {
    file: BufWriter<File>,
    beside: PathBuf,
    path: PathBuf,
}

impl Write for FileBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobSink for FileBlob {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        drop(file);
        fs::rename(&self.beside, &self.path)?;
        self.path.parent().map_or(Ok(()), sync_folder)
    }
}
