//! Collects nodes and descriptors while a volume is planned.

use std::collections::BTreeMap;

use gw_secdesc::Sid;

use super::acl::{CI, DACL_AUTO, ID, IO, NP, OI, Sd, ace, sid};
use super::content::Rng;
use super::names;
use super::plan::{Content, Kind, Node, Plan};
use super::spec::ImageSpec;

/// `FILE_ATTRIBUTE_*` bits.
pub(super) const READ_ONLY: u32 = 0x1;
pub(super) const HIDDEN: u32 = 0x2;
pub(super) const SYSTEM: u32 = 0x4;
pub(super) const NOT_INDEXED: u32 = 0x2000;

/// A right given, denied or audited, before it is written as an ACE.
#[derive(Debug, Clone)]
pub(super) struct Right {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) mask: u32,
    pub(super) sid: Sid,
}

impl Right {
    pub(super) fn allow(mask: u32, sid: &Sid) -> Self {
        Self {
            kind: 0,
            flags: OI | CI,
            mask,
            sid: sid.clone(),
        }
    }

    pub(super) fn deny(mask: u32, sid: &Sid) -> Self {
        Self {
            kind: 1,
            flags: OI | CI,
            mask,
            sid: sid.clone(),
        }
    }

    pub(super) fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    fn written(&self) -> Vec<u8> {
        ace(self.kind, self.flags, self.mask, &self.sid, &[])
    }

    /// The copies a child of `owner` gets, by the rules of inheritance (windows.md 1.3).
    fn inherited(&self, owner: &Sid, directory: bool) -> Vec<Vec<u8>> {
        let reaches = self.flags & if directory { CI } else { OI } != 0;
        let passes_on = directory && self.flags & NP == 0 && self.flags & (OI | CI) != 0;
        let creator = self.sid == sid("S-1-3-0");
        let mut copies = Vec::new();
        if reaches {
            let to = if creator { owner } else { &self.sid };
            let onward = if passes_on && !creator {
                self.flags & (OI | CI)
            } else {
                0
            };
            copies.push(ace(self.kind, ID | onward, self.mask, to, &[]));
        }
        if passes_on && (creator || !reaches) {
            copies.push(ace(
                self.kind,
                ID | IO | (self.flags & (OI | CI)),
                self.mask,
                &self.sid,
                &[],
            ));
        }
        copies
    }
}

/// Descriptors of a folder and of what lies in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) folder: usize,
    pub(super) directory: usize,
    pub(super) file: usize,
}

/// A place that takes filler files.
#[derive(Debug, Clone)]
struct Spot {
    folder: String,
    family: Family,
    weight: usize,
    made: usize,
}

/// The plan in the making.
pub(super) struct Planner<'a> {
    pub(super) spec: &'a ImageSpec,
    pub(super) rng: Rng,
    nodes: Vec<Node>,
    descriptors: Vec<Vec<u8>>,
    known: BTreeMap<Vec<u8>, usize>,
    spots: Vec<Spot>,
    root: usize,
}

impl<'a> Planner<'a> {
    pub(super) fn new(spec: &'a ImageSpec) -> Self {
        Self {
            spec,
            rng: Rng::new(spec.seed),
            nodes: Vec::new(),
            descriptors: Vec::new(),
            known: BTreeMap::new(),
            spots: Vec::new(),
            root: 0,
        }
    }

    /// SID of the source domain with this RID.
    pub(super) fn domain_rid(&self, rid: u32) -> Sid {
        self.spec
            .source
            .sid
            .with_rid(rid)
            .unwrap_or_else(|| self.spec.source.sid.clone())
    }

    /// A group of the source, going round.
    pub(super) fn group(&self, number: usize) -> Sid {
        let groups = &self.spec.groups;
        if groups.is_empty() {
            self.domain_rid(513)
        } else {
            groups[number % groups.len()].clone()
        }
    }

    /// A source user without a profile here, going round.
    pub(super) fn colleague(&self, number: usize) -> Sid {
        let users = &self.spec.colleagues;
        if users.is_empty() {
            self.domain_rid(512)
        } else {
            users[number % users.len()].clone()
        }
    }

    /// Index of a descriptor; equal ones share it.
    pub(super) fn sd(&mut self, sd: &Sd) -> usize {
        let bytes = sd.bytes();
        if let Some(&known) = self.known.get(&bytes) {
            return known;
        }
        self.descriptors.push(bytes.clone());
        self.known.insert(bytes, self.descriptors.len() - 1);
        self.descriptors.len() - 1
    }

    /// The descriptor of a folder with these rights, and of its children owned by `child_owner`.
    pub(super) fn family(
        &mut self,
        sd: Sd,
        rights: &[Right],
        child_owner: &Sid,
        child_group: &Sid,
    ) -> Family {
        let folder = self.sd(&sd.dacl(rights.iter().map(Right::written).collect()));
        let mut child = |directory| {
            let aces = rights
                .iter()
                .flat_map(|right| right.inherited(child_owner, directory))
                .collect();
            self.sd(&Sd::new(child_owner, child_group)
                .control(DACL_AUTO)
                .dacl(aces))
        };
        let directory = child(true);
        Family {
            folder,
            directory,
            file: child(false),
        }
    }

    pub(super) fn set_root(&mut self, descriptor: usize) {
        self.root = descriptor;
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.nodes.iter().any(|node| node.path == path)
    }

    /// Adds a node; the caller adjusts what is out of the ordinary.
    pub(super) fn node(
        &mut self,
        path: impl Into<String>,
        kind: Kind,
        descriptor: Option<usize>,
    ) -> &mut Node {
        self.nodes.push(Node {
            path: path.into(),
            kind,
            descriptor,
            attributes: 0,
            streams: Vec::new(),
            short_name: None,
            object_id: None,
        });
        let last = self.nodes.len() - 1;
        &mut self.nodes[last]
    }

    pub(super) fn dir(&mut self, path: impl Into<String>, descriptor: usize) -> &mut Node {
        self.node(path, Kind::Directory, Some(descriptor))
    }

    pub(super) fn file(
        &mut self,
        path: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
        descriptor: usize,
    ) -> &mut Node {
        self.node(
            path,
            Kind::File(Content::Bytes(bytes.into())),
            Some(descriptor),
        )
    }

    /// A file of seeded content.
    pub(super) fn filler(&mut self, path: impl Into<String>, descriptor: usize) -> &mut Node {
        let content = Content::Filler {
            seed: self.rng.next(),
            len: self.rng.file_len(),
        };
        self.node(path, Kind::File(content), Some(descriptor))
    }

    /// A directory junction (mount point) to a path on `C:`.
    pub(super) fn junction(&mut self, path: impl Into<String>, target: &str, descriptor: usize) {
        let node = self.node(
            path,
            Kind::ReparseDirectory(mount_point(target)),
            Some(descriptor),
        );
        node.attributes = HIDDEN | SYSTEM | NOT_INDEXED;
    }

    /// A further name of a file.
    pub(super) fn link(&mut self, path: impl Into<String>, to: &str) {
        self.node(path, Kind::HardLink(to.to_owned()), None);
    }

    /// Names a folder, which exists, as a place for filler files.
    pub(super) fn spot(&mut self, folder: impl Into<String>, family: Family, weight: usize) {
        self.spots.push(Spot {
            folder: folder.into(),
            family,
            weight,
            made: 0,
        });
    }

    /// Brings the number of files up to the specification.
    pub(super) fn fill(&mut self) {
        let have = self
            .nodes
            .iter()
            .filter(|node| matches!(node.kind, Kind::File(_)))
            .count();
        let missing = (self.spec.files as usize).saturating_sub(have);
        let total: usize = self.spots.iter().map(|spot| spot.weight).sum();
        let mut spots = std::mem::take(&mut self.spots);
        let mut left = missing;
        for index in 0..spots.len() {
            let last = index + 1 == spots.len();
            let share = if last {
                left
            } else {
                missing * spots[index].weight / total.max(1)
            };
            left = left.saturating_sub(share);
            for _ in 0..share {
                self.fill_one(&mut spots[index]);
            }
        }
    }

    /// One filler file in a sub-folder of forty.
    fn fill_one(&mut self, spot: &mut Spot) {
        const PER_FOLDER: usize = 40;
        let number = spot.made / PER_FOLDER;
        let folder = {
            let mut rng = Rng::new(self.spec.seed ^ (number as u64) << 8);
            format!("{}/{}", spot.folder, names::folder(&mut rng, number))
        };
        if spot.made.is_multiple_of(PER_FOLDER) {
            self.dir(folder.clone(), spot.family.directory);
        }
        let name = names::file(&mut self.rng, spot.made);
        spot.made += 1;
        let sparkle = self.rng.below(200);
        let number = self.rng.next();
        let node = self.filler(format!("{folder}/{name}"), spot.family.file);
        match sparkle {
            0..=3 => node.attributes = READ_ONLY | 0x20,
            4..=6 => node.attributes = HIDDEN | 0x20,
            7..=9 => node
                .streams
                .push(("Zone.Identifier".into(), zone_identifier())),
            10 => node.short_name = Some(format!("F{:05}~1.DAT", number % 100_000)),
            _ => {}
        }
    }

    pub(super) fn finish(self) -> Plan {
        Plan {
            size_mib: self.spec.size_mib,
            nodes: self.nodes,
            descriptors: self.descriptors,
            root: self.root,
        }
    }
}

/// The stream Windows adds to downloads.
pub(super) fn zone_identifier() -> Content {
    Content::Bytes(b"[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=https://files.source.test/\r\n".to_vec())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Reparse buffer of a junction (tag 0xA0000003) to an absolute path.
fn mount_point(target: &str) -> Vec<u8> {
    let substitute = utf16(&format!("\\??\\{target}"));
    let print = utf16(target);
    let mut body = Vec::new();
    for number in [0, substitute.len(), substitute.len() + 2, print.len()] {
        body.extend_from_slice(&(number as u16).to_le_bytes());
    }
    body.extend_from_slice(&substitute);
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&print);
    body.extend_from_slice(&[0, 0]);
    reparse(0xA000_0003, body)
}

/// Reparse buffer of a symbolic link (tag 0xA000000C), a name surrogate.
pub(super) fn symlink(target: &str, relative: bool) -> Vec<u8> {
    let substitute = if relative {
        utf16(target)
    } else {
        utf16(&format!("\\??\\{target}"))
    };
    let print = utf16(target);
    let mut body = Vec::new();
    for number in [0, substitute.len(), substitute.len(), print.len()] {
        body.extend_from_slice(&(number as u16).to_le_bytes());
    }
    body.extend_from_slice(&u32::from(relative).to_le_bytes());
    body.extend_from_slice(&substitute);
    body.extend_from_slice(&print);
    reparse(0xA000_000C, body)
}

/// A reparse buffer of any tag.
pub(super) fn reparse(tag: u32, body: Vec<u8>) -> Vec<u8> {
    let mut out = tag.to_le_bytes().to_vec();
    out.extend_from_slice(&(body.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend(body);
    out
}
