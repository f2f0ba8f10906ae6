//! The devices on which the cases are played.

use crate::{User, dump};
use anyhow::{Result, ensure};
use gw_lab::image::{ImageSpec, Language, Mounted, ProfileUser, build_device};
use gw_platform::{
    Machine, SidText,
    fake::{Fuse, SamplePc, sample},
};
use gw_platform_image::ImageMachine;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A device with what the checker may read of it.
pub(crate) trait Subject {
    /// The device; it may be opened by this.
    fn machine(&mut self) -> Result<&mut dyn Machine>;

    /// Writes what the checker reads.
    fn dump(&mut self, to: &Path) -> Result<()>;

    /// Who is handed over.
    fn users(&self) -> Result<Vec<User>>;
}

/// Makes devices of one platform, all alike.
pub(crate) enum Maker {
    Fake,
    Image { base: PathBuf },
}

impl Maker {
    pub(crate) fn new(platform: &str, dir: &Path) -> Result<Self> {
        if platform == "fake" {
            return Ok(Self::Fake);
        }
        let base = dir.join("base");
        build_device(&spec(), &base, &dir.join("cache"))?;
        Ok(Self::Image { base })
    }

    pub(crate) fn make(&self, dir: &Path) -> Result<Box<dyn Subject>> {
        match self {
            Self::Fake => Ok(Box::new(sample(Fuse::default(), 3, 10))),
            Self::Image { base } => {
                fs::create_dir_all(dir)?;
                for name in ["disk.img", "device.json"] {
                    let copied = Command::new("cp")
                        .args(["--sparse=always", "--reflink=auto"])
                        .arg(base.join(name))
                        .arg(dir.join(name))
                        .status()?;
                    ensure!(copied.success(), "copying {name}");
                }
                Ok(Box::new(Image {
                    dir: dir.to_path_buf(),
                    machine: None,
                }))
            }
        }
    }
}

fn spec() -> ImageSpec {
    ImageSpec::sample(200, Language::En)
}

impl Subject for SamplePc {
    fn machine(&mut self) -> Result<&mut dyn Machine> {
        Ok(&mut self.pc)
    }

    fn dump(&mut self, to: &Path) -> Result<()> {
        dump::fake(&self.pc.snapshot(), to)
    }

    fn users(&self) -> Result<Vec<User>> {
        let user = |(name, source, target): &(String, SidText, SidText)| -> Result<User> {
            let folder = format!(r"C:\Users\{name}").parse()?;
            Ok((folder, source.clone(), target.clone()))
        };
        self.users.iter().map(user).collect()
    }
}

struct Image {
    dir: PathBuf,
    machine: Option<ImageMachine>,
}

impl Subject for Image {
    fn machine(&mut self) -> Result<&mut dyn Machine> {
        let machine = match self.machine.take() {
            Some(open) => open,
            None => ImageMachine::open(&self.dir)?,
        };
        Ok(self.machine.insert(machine))
    }

    fn dump(&mut self, to: &Path) -> Result<()> {
        // The volume can only be looked at while nobody works on it.
        self.machine = None;
        let mounted = Mounted::open(&self.dir.join("disk.img"), &self.dir.join("look"))?;
        let done = dump::volume(mounted.root(), to);
        mounted.close()?;
        done
    }

    fn users(&self) -> Result<Vec<User>> {
        let mapped = spec().profiles.into_iter().filter(|user| user.mapped);
        let user = |(n, user): (usize, ProfileUser)| -> Result<User> {
            Ok((
                format!(r"C:\Users\{}", user.folder).parse()?,
                user.sid.to_string().parse()?,
                format!("S-1-5-21-11-22-33-{}", 5000 + n).parse()?,
            ))
        };
        mapped.enumerate().map(user).collect()
    }
}
