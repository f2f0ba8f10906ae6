//! Translating the descriptors of files: one scan, one plan, a cursor.
//!
//! `prepare` writes the plan and every distinct descriptor, before and after, into the undo store;
//! `execute` and `revert` only walk that plan, so that either may be repeated from any cursor.

use super::{acl, scan::Scan, sids, tree};
use gw_platform::{
    Before, BlobRef, Counts, Cx, FileScope, FolderCounts, MachineError, MapRef, Mode, Outcome,
    UndoClass, Undone, WinPath,
};
use gw_secdesc::Translated;
use std::{
    collections::{BTreeMap, HashMap},
    io::Read,
    path::Path,
};

const PLAN: &str = "plan";
const DESCRIPTORS: &str = "descriptors";
/// Remarks in a before-image are for people; more than this nobody reads.
const NOTES: usize = 100;

/// One line of the plan: an object, and which descriptor it has before and after.
struct Line {
    path: WinPath,
    before: usize,
    after: usize,
}

pub(super) fn prepare(
    found: Scan,
    scope: &FileScope,
    map: &MapRef,
    mode: Mode,
    cx: &mut Cx<'_>,
) -> Result<Before, MachineError> {
    let pairs = sids::map(&cx.inputs.map(map)?)?;
    let mode = sids::mode(mode);
    let mut counts = Counts {
        ignored: found.ignored,
        refused: found.unusable.len() as u64,
        by_folder: scope
            .count_under
            .iter()
            .map(|f| (f.to_string(), FolderCounts::default()))
            .collect(),
        ..Counts::default()
    };
    let mut notes: Vec<String> = found
        .split_links
        .iter()
        .map(|path| format!("{path} has another name in an ignored area and was left alone"))
        .chain(
            found
                .unusable
                .iter()
                .map(|what| format!("{what} and was left alone")),
        )
        .take(NOTES)
        .collect();
    let store = Distinct::of(found.descriptors, &pairs, mode);
    let mut plan = Vec::new();
    let folders = CountUnder::new(&scope.count_under);
    for object in found.objects {
        let known = object.descriptor;
        counts.seen += 1;
        let changed = matches!(store.results[known], Known::Changed { .. });
        for folder in folders.of(&object.path) {
            if let Some(sum) = counts.by_folder.get_mut(folder) {
                sum.seen += 1;
                sum.changed += u64::from(changed);
            }
        }
        match &store.results[known] {
            Known::Changed { after, fallback } => {
                counts.changed += 1;
                counts.fallbacks += u64::from(*fallback);
                plan.push(Line {
                    path: object.path,
                    before: known,
                    after: *after,
                });
            }
            Known::Unchanged => {}
            Known::Refused(why) => {
                counts.refused += 1;
                if notes.len() < NOTES {
                    notes.push(format!("{} was left alone: {why}", object.path));
                }
            }
        }
    }
    counts.descriptors = store.results.len() as u64;
    counts.descriptors_changed = store
        .results
        .iter()
        .filter(|r| matches!(r, Known::Changed { .. }))
        .count() as u64;
    let descriptors = write_blob(cx, DESCRIPTORS, &encode_descriptors(&store.bytes))?;
    let lines = write_blob(cx, PLAN, &encode_plan(&plan))?;
    counts.undo_bytes = descriptors.bytes + lines.bytes;
    Ok(Before {
        v: 1,
        undo: UndoClass::Exact,
        data: serde_json::json!({ "lines": plan.len() }),
        blobs: vec![descriptors, lines],
        counts,
        notes,
    })
}

pub(super) fn execute(
    root: &Path,
    before: &Before,
    sync: &dyn Fn() -> Result<(), MachineError>,
    cx: &mut Cx<'_>,
) -> Result<Outcome, MachineError> {
    let (descriptors, plan) = load(before, cx)?;
    let total = plan.len() as u64;
    let start = usize::try_from(cx.progress.cursor()).unwrap_or(usize::MAX);
    for (n, line) in plan.iter().enumerate().skip(start) {
        set(root, line, &descriptors, line.after)?;
        if cx.progress.due() {
            sync()?;
            cx.progress.checkpoint(n as u64 + 1, total)?;
        }
    }
    sync()?;
    Ok(Outcome {
        counts: before.counts.clone(),
        notes: before.notes.clone(),
        reboot: false,
    })
}

pub(super) fn revert(
    root: &Path,
    before: &Before,
    sync: &dyn Fn() -> Result<(), MachineError>,
    cx: &mut Cx<'_>,
) -> Result<Undone, MachineError> {
    let (descriptors, plan) = load(before, cx)?;
    let total = plan.len() as u64;
    let start = usize::try_from(cx.progress.cursor()).unwrap_or(usize::MAX);
    for (n, line) in plan.iter().enumerate().skip(start) {
        set(root, line, &descriptors, line.before)?;
        if cx.progress.due() {
            sync()?;
            cx.progress.checkpoint(n as u64 + 1, total)?;
        }
    }
    sync()?;
    Ok(Undone {
        objects: total,
        notes: Vec::new(),
    })
}

fn set(
    root: &Path,
    line: &Line,
    descriptors: &[Vec<u8>],
    which: usize,
) -> Result<(), MachineError> {
    let damaged = || MachineError::Damaged {
        object: format!("the plan's line for {}", line.path),
        why: "it names a descriptor that is not in the store".into(),
    };
    let descriptor = descriptors.get(which).ok_or_else(damaged)?;
    acl::write(
        &tree::place(root, &line.path),
        line.path.as_str(),
        descriptor,
    )
}

/// What one distinct descriptor becomes.
enum Known {
    Unchanged,
    Changed { after: usize, fallback: bool },
    Refused(String),
}

/// Distinct descriptors, those of the volume first, and what each of these becomes.
struct Distinct {
    bytes: Vec<Vec<u8>>,
    /// Of the volume's; what translating gives needs none.
    results: Vec<Known>,
}

impl Distinct {
    fn of(all: Vec<Vec<u8>>, pairs: &gw_secdesc::SidMap, mode: gw_secdesc::Mode) -> Self {
        let on_volume = all.len();
        let mut index: HashMap<Vec<u8>, usize> = all.iter().cloned().zip(0..).collect();
        let mut bytes = all;
        let mut results = Vec::with_capacity(on_volume);
        for n in 0..on_volume {
            results.push(match gw_secdesc::translate(&bytes[n], pairs, mode) {
                Ok(Translated::Unchanged) => Known::Unchanged,
                Ok(Translated::Changed {
                    bytes: sd,
                    fallback,
                }) => {
                    let after = *index.entry(sd).or_insert_with_key(|sd| {
                        bytes.push(sd.clone());
                        bytes.len() - 1
                    });
                    Known::Changed { after, fallback }
                }
                Err(error) => Known::Refused(error.to_string()),
            });
        }
        Self { bytes, results }
    }
}

/// Which of the counted folders a path is in.
struct CountUnder<'a>(BTreeMap<String, (&'a WinPath, String)>);

impl<'a> CountUnder<'a> {
    fn new(folders: &'a [WinPath]) -> Self {
        Self(
            folders
                .iter()
                .map(|folder| (folder.folded(), (folder, folder.to_string())))
                .collect(),
        )
    }

    fn of(&self, path: &WinPath) -> impl Iterator<Item = &str> {
        self.0
            .values()
            .filter(|(folder, _)| path.is_under(folder))
            .map(|(_, text)| text.as_str())
    }
}

fn write_blob(cx: &mut Cx<'_>, name: &str, bytes: &[u8]) -> Result<BlobRef, MachineError> {
    let mut blob = cx.store.create(name)?;
    blob.write_all(bytes)
        .map_err(|error| MachineError::io("the undo store", &error))?;
    blob.seal()
}

fn encode_descriptors(all: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for descriptor in all {
        out.extend_from_slice(&len32(descriptor.len()));
        out.extend_from_slice(descriptor);
    }
    out
}

fn encode_plan(plan: &[Line]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in plan {
        out.extend_from_slice(&len32(line.before));
        out.extend_from_slice(&len32(line.after));
        out.extend_from_slice(&len32(line.path.as_str().len()));
        out.extend_from_slice(line.path.as_str().as_bytes());
    }
    out
}

fn len32(n: usize) -> [u8; 4] {
    // A plan has fewer than 2^32 lines and a path fewer than 2^16 characters.
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

fn load(before: &Before, cx: &Cx<'_>) -> Result<(Vec<Vec<u8>>, Vec<Line>), MachineError> {
    let descriptors = read_blob(before, DESCRIPTORS, cx)?;
    let plan = read_blob(before, PLAN, cx)?;
    let mut reader = Reader {
        bytes: &descriptors,
        at: 0,
    };
    let mut all = Vec::new();
    while !reader.done() {
        let length = reader.number()?;
        all.push(reader.take(length)?.to_vec());
    }
    let mut reader = Reader {
        bytes: &plan,
        at: 0,
    };
    let mut lines = Vec::new();
    while !reader.done() {
        let (before, after) = (reader.number()?, reader.number()?);
        let length = reader.number()?;
        let text = std::str::from_utf8(reader.take(length)?).map_err(|_| damaged())?;
        lines.push(Line {
            path: text.parse().map_err(|_| damaged())?,
            before,
            after,
        });
    }
    Ok((all, lines))
}

pub(super) fn read_blob(before: &Before, name: &str, cx: &Cx<'_>) -> Result<Vec<u8>, MachineError> {
    let blob = before
        .blobs
        .iter()
        .find(|blob| blob.name == name)
        .ok_or_else(|| MachineError::Missing {
            object: format!("the undo store's `{name}`"),
        })?;
    let mut bytes = Vec::new();
    cx.store
        .open(blob, 0)?
        .read_to_end(&mut bytes)
        .map_err(|error| MachineError::io("the undo store", &error))?;
    Ok(bytes)
}

fn damaged() -> MachineError {
    MachineError::Damaged {
        object: "the undo store".into(),
        why: "a line ends early".into(),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], MachineError> {
        let end = self.at.checked_add(length).ok_or_else(damaged)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(damaged)?;
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize, MachineError> {
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| damaged())?;
        usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| damaged())
    }
}
