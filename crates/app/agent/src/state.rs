//! The state folder: every file is written beside its place, flushed, renamed over, and belongs to
//! the system only.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system said no.
    #[error("cannot {what} {path}; check that the agent runs as SYSTEM and the disk has space")]
    Io {
        /// Read, write, …
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{path} is damaged; run `godwit-agent prepare-image` to begin anew")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Another agent works in the folder.
    #[error("another agent is running in {path}")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
}

/// How secrets lie on the disk. On Windows an implementation seals them by DPAPI for the machine,
/// beside the SYSTEM-only access list; elsewhere file modes are what there is ([`FileModes`]).
pub trait AtRest: Send + Sync {
    /// What is written for this secret.
    ///
    /// # Errors
    /// The operating system refused.
    fn seal(&self, plain: &[u8]) -> io::Result<Vec<u8>>;
    /// The secret that was written.
    ///
    /// # Errors
    /// It was sealed on another device, or is damaged.
    fn unseal(&self, sealed: &[u8]) -> io::Result<Vec<u8>>;
}

/// Owner-only file modes; no further sealing.
#[derive(Debug, Default, Clone, Copy)]
pub struct FileModes;

impl AtRest for FileModes {
    fn seal(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        Ok(plain.to_vec())
    }
    fn unseal(&self, sealed: &[u8]) -> io::Result<Vec<u8>> {
        Ok(sealed.to_vec())
    }
}

/// The folder.
pub struct StateFolder {
    root: PathBuf,
    at_rest: Box<dyn AtRest>,
}

impl StateFolder {
    /// Opens it, and makes it if need be.
    ///
    /// # Errors
    /// It cannot be made or restricted.
    pub fn open(root: &Path, at_rest: Box<dyn AtRest>) -> Result<Self, StateError> {
        let folder = Self {
            root: root.to_owned(),
            at_rest,
        };
        folder.folder("")?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// A folder below it, made and restricted if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf, StateError> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).map_err(failed("make", &path))?;
        restrict(&path, 0o700).map_err(failed("restrict", &path))?;
        Ok(path)
    }

    /// Locks the folder for this process until the result is dropped.
    ///
    /// # Errors
    /// Another process holds it.
    pub fn lock(&self) -> Result<fs::File, StateError> {
        let path = self.root.join("agent.lock");
        let file = fs::File::create(&path).map_err(failed("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(StateError::Busy {
                path: self.root.clone(),
            }),
            Err(fs::TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
        }
    }

    /// Writes a file so that after a crash it is either the old or the new one.
    ///
    /// # Errors
    /// The file system said no.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.root.join(name);
        write_atomically(&path, bytes).map_err(failed("write", &path))
    }

    /// Reads a file, if it is there.
    ///
    /// # Errors
    /// The file system said no.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.root.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Writes a JSON document.
    ///
    /// # Errors
    /// The file system said no.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateError> {
        self.write(name, &json(&self.root.join(name), value)?)
    }

    /// Reads a JSON document, if it is there.
    ///
    /// # Errors
    /// The file system said no, or it is damaged.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let path = self.root.join(name);
        self.read(name)?
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()
            .map_err(|source| StateError::Damaged { path, source })
    }

    /// Writes a JSON document that holds secrets.
    ///
    /// # Errors
    /// The file system said no.
    pub fn write_secret<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateError> {
        let path = self.root.join(name);
        let plain = zeroize::Zeroizing::new(json(&path, value)?);
        let sealed = self.at_rest.seal(&plain).map_err(failed("seal", &path))?;
        self.write(name, &sealed)
    }

    /// Reads a JSON document that holds secrets, if it is there.
    ///
    /// # Errors
    /// The file system said no, or it is damaged.
    pub fn read_secret<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let path = self.root.join(name);
        let Some(sealed) = self.read(name)? else {
            return Ok(None);
        };
        let plain = self.at_rest.unseal(&sealed).map(zeroize::Zeroizing::new);
        let plain = plain.map_err(failed("unseal", &path))?;
        serde_json::from_slice(&plain)
            .map(Some)
            .map_err(|source| StateError::Damaged { path, source })
    }

    /// Removes a file if it is there.
    ///
    /// # Errors
    /// The file system said no.
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Renames a damaged file, so that nothing stumbles over it again and support can look at it.
    ///
    /// # Errors
    /// The file system said no.
    pub fn set_aside(&self, name: &str) -> Result<(), StateError> {
        let path = self.root.join(name);
        let aside = self.root.join(format!("{name}.damaged"));
        fs::rename(&path, aside).map_err(failed("rename", &path))
    }

    /// Names of the files in a folder below it that end like this, sorted.
    ///
    /// # Errors
    /// The file system said no.
    pub fn names(&self, folder: &str, ending: &str) -> Result<Vec<String>, StateError> {
        let path = self.root.join(folder);
        let mut names = Vec::new();
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            entries => entries.map_err(failed("read", &path))?,
        };
        for entry in entries {
            let name = entry.map_err(failed("read", &path))?.file_name();
            names.extend(
                name.into_string()
                    .ok()
                    .filter(|name| name.ends_with(ending)),
            );
        }
        names.sort();
        Ok(names)
    }
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec_pretty(value).map_err(|source| StateError::Damaged {
        path: path.to_owned(),
        source,
    })
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { what, path, source }
}

/// Writes `path` beside its place, flushes, renames over, and flushes the folder.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // A file that an earlier process left may have other rights.
    let _ = fs::remove_file(&beside);
    let mut file = private_file(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    flush_folder(path.parent().unwrap_or(Path::new(".")))
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// On Windows the folder's access list, set by the installer, is inherited.
#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn flush_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// NTFS journals renames; a folder cannot be flushed there.
#[cfg(not(unix))]
fn flush_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
