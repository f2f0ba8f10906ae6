//! Translates every descriptor of an unmounted volume at once.
//!
//! A million files share a few hundred descriptors: a descriptor whose users are all in scope
//! changes where it lies, and the rest is a matter of four bytes in each file record. What
//! must stay true:
//! - a volume that may not be believed, or is in use, is refused before anything is written;
//! - the work can be ended at any instruction and is finished by doing it again;
//! - a prediction and the work are made by the same plan.

pub(super) mod device;
mod error;
mod execute;
mod redo;
mod report;
mod stage;
#[cfg(test)]
mod tests;

pub use error::VolumeError;
pub use report::{Change, How, LeftAlone, VolumeReport};

use super::mount;
use device::Device;
use execute::Turn;
use gw_ntfs::{Fate, NtfsError, Plan, Scope, Volume};
use gw_secdesc::{Mode, SidMap, translate};
use redo::{Job, Kind, Reader, Writer};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

/// What is to be done to which volume.
#[derive(Debug, Clone)]
pub struct VolumeRemap {
    /// A raw image or block device that is not mounted.
    pub image: PathBuf,
    /// Whose place is taken by whom.
    pub map: SidMap,
    /// Beside the source, or in its place.
    pub mode: Mode,
    /// Areas left alone, as patterns from the root of the volume down.
    pub exclude: Vec<String>,
    /// Where the redo file goes, outside the volume; `IMAGE.godwit` when `None`.
    pub journal: Option<PathBuf>,
}

impl VolumeRemap {
    /// Says what the work would do; writes nothing.
    ///
    /// # Errors
    /// When the volume is refused or cannot be read.
    pub fn predict(&self) -> Result<VolumeReport, VolumeError> {
        self.refuse_in_use()?;
        let volume = self.volume(Device::read_only(&self.image))?;
        let scope = self.scope(&volume)?;
        let plan = self.plan(&volume, &scope)?;
        let mut report = self.report(&volume, &plan)?;
        report.dry_run = true;
        Ok(report)
    }

    /// Does the work, or finishes it where an earlier process was ended.
    ///
    /// # Errors
    /// When the volume is refused and nothing was written ([`VolumeError::is_refusal`]), or the
    /// work could not be finished: then doing it again finishes it.
    pub fn run(&self) -> Result<VolumeReport, VolumeError> {
        if self.journal.is_none() && device::is_block_device(&self.image) {
            return Err(VolumeError::NoJournal);
        }
        let _lock = self.lock()?;
        let redo = Reader::open(&self.journal()).map_err(|source| self.redo(source))?;
        let job = redo.as_ref().and_then(|redo| redo.job.clone());
        if job.is_some() {
            // Ours, ended in its middle: what it left mounted goes first.
            mount::end(&self.real_image()?, &self.point());
        }
        self.refuse_in_use()?;
        match (redo, job) {
            (Some(redo), Some(job)) => {
                self.refuse_other_job(&job)?;
                if redo.committed {
                    return self.finish(&redo, Turn::Again);
                }
                let mut report = self.begin()?;
                report.resumed = true;
                Ok(report)
            }
            _ => self.begin(),
        }
    }

    /// Everything from the start.
    fn begin(&self) -> Result<VolumeReport, VolumeError> {
        let volume = self.volume(Device::writable(&self.image))?;
        let scope = self.scope(&volume)?;
        let plan = self.plan(&volume, &scope)?;
        let mut report = self.report(&volume, &plan)?;
        if report.changes.is_empty() {
            return self.clean_up(report);
        }
        let job = self.job(volume.boot().serial, device_size(&self.image)?);
        let mut redo = Writer::create(&self.journal(), &job).map_err(|source| self.redo(source))?;
        let mut stored = stage::Stored::default();
        let volume = if stage::is_needed(&plan) {
            drop(volume);
            stored = stage::store(&self.real_image()?, &self.point(), &plan)?;
            let volume = self.volume(Device::writable(&self.image))?;
            let refusals = volume.refusals()?;
            if !refusals.is_empty() {
                // No refusal any more: ntfs-3g has written.
                return Err(VolumeError::AfterMount(refusals));
            }
            stage::read_back(&volume, &plan, &mut stored)?;
            volume
        } else {
            volume
        };
        for one in &plan.descriptors {
            if let Fate::Existing(id) = one.fate {
                stored.moves.insert(one.id, id);
            }
        }
        report.without(&plan, &stored);
        self.write_redo(&mut redo, &volume, &scope, &plan, &stored.moves, &report)?;
        redo.commit().map_err(|source| self.redo(source))?;
        drop(volume);
        let found = Reader::open(&self.journal())
            .map_err(|source| self.redo(source))?
            .filter(|redo| redo.committed);
        match found {
            Some(redo) => self.finish(&redo, Turn::First),
            None => Err(self.redo(std::io::Error::other("it does not read back"))),
        }
    }

    /// Puts everything that is to be written into the redo file.
    fn write_redo(
        &self,
        redo: &mut Writer,
        volume: &Volume<Device>,
        scope: &Scope,
        plan: &Plan,
        moves: &BTreeMap<u32, u32>,
        report: &VolumeReport,
    ) -> Result<(), VolumeError> {
        let told = serde_json::to_vec(report).map_err(|error| self.redo(error.into()))?;
        redo.frame(Kind::Report, &told)
            .map_err(|source| self.redo(source))?;
        redo.guards(&volume.guards()?)
            .map_err(|source| self.redo(source))?;
        let patches = plan.patches();
        still_the_same(volume, plan)?;
        let (mark, clear) = volume.dirty_marks()?;
        if !patches.is_empty() || !moves.is_empty() {
            redo.writes(Kind::Mark, &mark)
                .map_err(|source| self.redo(source))?;
            redo.writes(Kind::Clear, &clear)
                .map_err(|source| self.redo(source))?;
        }
        for write in volume.patch_descriptors(&patches)? {
            redo.push(&write).map_err(|source| self.redo(source))?;
        }
        if !moves.is_empty() {
            for write in volume.move_ids(moves, scope)? {
                redo.push(&write?).map_err(|source| self.redo(source))?;
            }
        }
        Ok(())
    }

    fn finish(&self, redo: &Reader, turn: Turn) -> Result<VolumeReport, VolumeError> {
        let device = Device::writable(&self.image).map_err(|source| self.open(source))?;
        execute::run(&device, redo, turn).map_err(|error| match (turn, error) {
            // Nothing is judged beforehand the first time: something may be written already.
            (Turn::First, VolumeError::UsedMeanwhile { offset }) => VolumeError::Write(
                std::io::Error::other(format!("something else writes to the volume at {offset}")),
            ),
            (_, error) => error,
        })?;
        let mut report: VolumeReport =
            serde_json::from_slice(&redo.report).map_err(|error| self.redo(error.into()))?;
        report.resumed = turn == Turn::Again;
        self.clean_up(report)
    }

    /// The redo file has done its work.
    fn clean_up(&self, report: VolumeReport) -> Result<VolumeReport, VolumeError> {
        let journal = self.journal();
        if journal.exists() {
            redo::remove(&journal).map_err(|source| self.redo(source))?;
        }
        Ok(report)
    }

    fn plan(&self, volume: &Volume<Device>, scope: &Scope) -> Result<Plan, VolumeError> {
        refuse(volume.refusals()?)?;
        let plan = volume.plan(scope, |descriptor| {
            translate(descriptor, &self.map, self.mode)
        })?;
        refuse(plan.refusal().into_iter().collect())?;
        Ok(plan)
    }

    fn report(&self, volume: &Volume<Device>, plan: &Plan) -> Result<VolumeReport, VolumeError> {
        let mut paths = Vec::new();
        for &record in &plan.linked_across_first {
            let told = match volume.handle(record) {
                Ok(handle) => handle.path.join("\\"),
                Err(NtfsError::Record { .. }) => format!("record {record}"),
                Err(error) => return Err(error.into()),
            };
            paths.push(told);
        }
        Ok(VolumeReport::of(plan, volume.boot().serial, paths))
    }

    fn volume(&self, device: std::io::Result<Device>) -> Result<Volume<Device>, VolumeError> {
        let device = device.map_err(|source| self.open(source))?;
        Ok(Volume::open(device)?)
    }

    fn scope(&self, volume: &Volume<Device>) -> Result<Scope, VolumeError> {
        let globs = self.exclude.iter().map(String::as_str);
        Ok(Scope::new(globs, volume.up_case()?)?)
    }

    fn job(&self, serial: u64, size: u64) -> Job {
        let mut digest = Sha256::new();
        for (source, target) in self.map.pairs() {
            digest.update(format!("{source} {target}\n"));
        }
        digest.update(format!("{:?}\n", self.mode));
        for glob in &self.exclude {
            digest.update(format!("{glob:?}\n"));
        }
        Job {
            serial,
            size,
            arguments: hex::encode(digest.finalize()),
        }
    }

    fn refuse_other_job(&self, job: &Job) -> Result<(), VolumeError> {
        let device = Device::read_only(&self.image).map_err(|source| self.open(source))?;
        let size = gw_ntfs::BlockRead::size(&device);
        // A half-written record may keep the volume from being opened; its boot sector is
        // never written.
        let mut sector = [0; 512];
        gw_ntfs::BlockRead::read_at(&device, 0, &mut sector).map_err(VolumeError::read)?;
        let serial = gw_ntfs::Boot::parse(&sector, size)?.serial;
        let ours = self.job(serial, size);
        let other = if (ours.serial, ours.size) != (job.serial, job.size) {
            "another volume"
        } else if ours.arguments != job.arguments {
            "another map, mode or excluded areas"
        } else {
            return Ok(());
        };
        Err(VolumeError::OtherJob {
            path: self.journal(),
            other,
        })
    }

    /// Two of us at one image would spoil each other's work.
    fn lock(&self) -> Result<File, VolumeError> {
        let file = File::open(&self.image).map_err(|source| self.open(source))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| VolumeError::InUse("another godwit-agent works on it".to_owned()))?;
        Ok(file)
    }

    fn refuse_in_use(&self) -> Result<(), VolumeError> {
        match device::user_of(&self.image) {
            Some(user) => Err(VolumeError::InUse(user)),
            None => Ok(()),
        }
    }

    fn journal(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| {
            let mut name = self.image.clone().into_os_string();
            name.push(".godwit");
            name.into()
        })
    }

    /// Under the name by which a running ntfs-3g can be recognised.
    fn real_image(&self) -> Result<PathBuf, VolumeError> {
        self.image
            .canonicalize()
            .map_err(|source| self.open(source))
    }

    /// Where the volume is mounted for a moment.
    fn point(&self) -> PathBuf {
        let mut name = self.journal().into_os_string();
        name.push(".mnt");
        name.into()
    }

    fn open(&self, source: std::io::Error) -> VolumeError {
        VolumeError::Open {
            path: self.image.clone(),
            source,
        }
    }

    fn redo(&self, source: std::io::Error) -> VolumeError {
        VolumeError::Redo {
            path: self.journal(),
            source,
        }
    }
}

fn refuse(refusals: Vec<gw_ntfs::Refusal>) -> Result<(), VolumeError> {
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(VolumeError::Refused(refusals))
    }
}

fn device_size(image: &Path) -> Result<u64, VolumeError> {
    let device = Device::read_only(image).map_err(|source| VolumeError::Open {
        path: image.to_path_buf(),
        source,
    })?;
    Ok(gw_ntfs::BlockRead::size(&device))
}

/// What is to be patched must be what the plan has seen.
fn still_the_same(volume: &Volume<Device>, plan: &Plan) -> Result<(), VolumeError> {
    let store = volume.secure()?;
    for one in plan
        .descriptors
        .iter()
        .filter(|one| one.fate == Fate::Patch)
    {
        if store.descriptor(volume, one.id)?.as_ref() != Some(&one.before) {
            let offset = store.entry(one.id).map_or(0, |entry| entry.offset);
            return Err(VolumeError::UsedMeanwhile { offset });
        }
    }
    Ok(())
}
