//! The plan of a volume: every node before it exists.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::content::filler;
use super::layout::Planner;
use super::spec::ImageSpec;
use super::{profile, shared};

/// What a file or stream holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Content {
    /// These bytes.
    Bytes(#[serde(serialize_with = "as_digest")] Vec<u8>),
    /// `len` bytes that follow from `seed`.
    Filler {
        /// Seed of the bytes.
        seed: u64,
        /// Number of bytes.
        len: u32,
    },
    /// A hole up to `at`, then these bytes.
    Sparse {
        /// Where the bytes begin.
        at: u64,
        /// The bytes.
        tail: Vec<u8>,
    },
}

impl Content {
    /// Bytes that are written, and the offset at which.
    #[must_use]
    pub fn bytes(&self) -> (u64, Vec<u8>) {
        match self {
            Self::Bytes(bytes) => (0, bytes.clone()),
            Self::Filler { seed, len } => (0, filler(*seed, *len)),
            Self::Sparse { at, tail } => (*at, tail.clone()),
        }
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File(Content),
    /// A further name of the file at this path.
    HardLink(String),
    /// A directory with a reparse point: the raw reparse buffer.
    ReparseDirectory(Vec<u8>),
    /// A file with a reparse point: the raw reparse buffer.
    ReparseFile(Vec<u8>),
}

/// One name on the volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Path from the root, `/` between names, none in front.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Index into [`Plan::descriptors`]; hard links have none of their own.
    pub descriptor: Option<usize>,
    /// DOS attributes to set; 0 leaves those of a new node.
    pub attributes: u32,
    /// Alternate data streams.
    pub streams: Vec<(String, Content)>,
    /// 8.3 name.
    pub short_name: Option<String>,
    /// `$OBJECT_ID`.
    pub object_id: Option<[u8; 16]>,
}

/// A whole volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Size of the volume in MiB.
    pub size_mib: u64,
    /// Nodes, every directory before what is in it.
    pub nodes: Vec<Node>,
    /// Distinct descriptors.
    pub descriptors: Vec<Vec<u8>>,
    /// Descriptor of the root directory.
    pub root: usize,
}

impl Plan {
    /// Number of files: directories, further names and reparse points not counted.
    #[must_use]
    pub fn files(&self) -> usize {
        self.nodes
            .iter()
            .filter(|node| matches!(node.kind, Kind::File(_)))
            .count()
    }

    /// Number of distinct descriptors in use.
    #[must_use]
    pub fn distinct_descriptors(&self) -> usize {
        self.nodes
            .iter()
            .filter_map(|node| node.descriptor)
            .chain([self.root])
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// Hash of everything in the plan, as hexadecimal text: the key of a kept volume.
    ///
    /// # Errors
    /// Never in practice: a plan is plain data.
    pub fn fingerprint(&self) -> serde_json::Result<String> {
        Ok(hex::encode(Sha256::digest(serde_json::to_vec(self)?)))
    }
}

/// A plan is only serialised to be hashed: long contents go in as their own hash.
fn as_digest<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(Sha256::digest(bytes)))
}

/// Plans the volume of `spec`. Pure.
///
/// # Errors
/// When a user hive cannot be composed from the specification.
pub fn plan(spec: &ImageSpec) -> anyhow::Result<Plan> {
    let mut planner = Planner::new(spec);
    shared::system(&mut planner)?;
    for user in &spec.profiles {
        profile::skeleton(&mut planner, user)?;
    }
    shared::data(&mut planner);
    shared::odd_descriptors(&mut planner);
    shared::recycle_bin(&mut planner);
    shared::links_across_areas(&mut planner);
    planner.fill();
    Ok(planner.finish())
}

#[cfg(test)]
mod tests {
    use super::super::spec::Language;
    use super::*;

    #[test]
    fn a_full_image_has_the_promised_breadth() {
        let plan = plan(&ImageSpec::sample(20_000, Language::En)).unwrap();
        assert!(plan.files() >= 20_000, "{} files", plan.files());
        assert!(
            plan.distinct_descriptors() >= 200,
            "{} descriptors",
            plan.distinct_descriptors()
        );
        assert!(
            plan.nodes
                .iter()
                .any(|n| n.path.encode_utf16().count() > 260)
        );
        assert!(
            plan.nodes.iter().any(|n| n.attributes & 1 != 0),
            "read-only"
        );
        assert!(
            plan.nodes
                .iter()
                .any(|n| matches!(n.kind, Kind::HardLink(_)))
        );
        assert!(plan.nodes.iter().any(|n| !n.streams.is_empty()));
    }

    #[test]
    fn a_plan_is_deterministic_and_parents_come_first() {
        let spec = ImageSpec::sample(500, Language::De);
        let first = plan(&spec).unwrap();
        assert_eq!(
            first.fingerprint().unwrap(),
            plan(&spec).unwrap().fingerprint().unwrap()
        );
        let mut seen = BTreeSet::new();
        for node in &first.nodes {
            if let Some((parent, _)) = node.path.rsplit_once('/') {
                assert!(seen.contains(parent), "{parent} comes before {}", node.path);
            }
            assert!(
                seen.insert(node.path.clone()),
                "{} is planned once",
                node.path
            );
            if let Kind::HardLink(to) = &node.kind {
                assert!(seen.contains(to), "{to} comes before its further name");
            }
        }
    }

    #[test]
    fn languages_differ_in_the_names_windows_localises() {
        let has = |language, path: &str| {
            plan(&ImageSpec::sample(10, language))
                .unwrap()
                .nodes
                .iter()
                .any(|n| n.path == path)
        };
        assert!(has(Language::De, "Dokumente und Einstellungen"));
        assert!(has(Language::De, "Users/anna.berg/Anwendungsdaten"));
        assert!(!has(Language::En, "Users/anna.berg/Anwendungsdaten"));
        assert!(has(Language::En, "Users/anna.berg/Application Data"));
    }
}
