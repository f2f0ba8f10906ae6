//! What a device image is made from.

use gw_secdesc::Sid;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Display language of the Windows on the image (D-24): names of built-in
/// groups and accounts and of the compatibility junctions follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English (United States).
    En,
    /// German (Germany).
    De,
}

impl std::str::FromStr for Language {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "en" => Ok(Self::En),
            "de" => Ok(Self::De),
            other => Err(format!("language {other:?} is not one of en, de")),
        }
    }
}

/// The domain the device is joined to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainFacts {
    /// DNS name in lower case, `source.test`.
    pub dns_name: String,
    /// NetBIOS name, `SOURCE`.
    pub netbios_name: String,
    /// Domain SID, `S-1-5-21-a-b-c`.
    pub sid: Sid,
    /// `objectGUID` of the domain.
    pub guid: Uuid,
}

/// The computer account of the device in that domain.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineAccount {
    /// SID of the computer object.
    pub sid: Sid,
    /// Its password, as the directory holds it now.
    pub password: String,
}

impl std::fmt::Debug for MachineAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MachineAccount")
            .field("sid", &self.sid.to_string())
            .finish_non_exhaustive()
    }
}

/// A source user with a profile on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileUser {
    /// `sAMAccountName`.
    pub name: String,
    /// SID in the source domain.
    pub sid: Sid,
    /// Folder under `C:\Users`.
    pub folder: String,
    /// `objectGUID` of the user, kept in ProfileList.
    pub guid: Option<Uuid>,
    /// Whether the translation table will hold the user.
    pub mapped: bool,
}

/// Everything a device image is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSpec {
    /// Number of files (directories, links and streams are on top).
    pub files: u32,
    /// Seed of names, sizes and contents.
    pub seed: u64,
    /// Size of the volume in MiB; the image file is sparse.
    pub size_mib: u64,
    /// Language of the Windows.
    pub language: Language,
    /// NetBIOS computer name, at most 15 characters.
    pub computer_name: String,
    /// Domain SID of the machine's own SAM, `S-1-5-21-x-y-z`.
    pub local_sid: Sid,
    /// The domain it is joined to.
    pub source: DomainFacts,
    /// Its computer account.
    pub machine: MachineAccount,
    /// Users with a profile, at least one.
    pub profiles: Vec<ProfileUser>,
    /// SIDs of source groups that appear in descriptors (besides 512 and 513 of the domain).
    pub groups: Vec<Sid>,
    /// Further source users who own or may use data but have no profile here.
    pub colleagues: Vec<Sid>,
    /// Pairs an earlier tool has already added: both SIDs stand side by side in some lists.
    pub already_added: Vec<(Sid, Sid)>,
}

impl ImageSpec {
    /// A specification without a directory behind it: made-up domain, five profiles
    /// of which the last is not mapped, and password `lab`. For tests of the offline parts.
    #[must_use]
    pub fn sample(files: u32, language: Language) -> Self {
        let sid = |text: &str| -> Sid { text.parse().expect("a literal SID") };
        let domain = sid("S-1-5-21-1004336348-1177238915-682003330");
        let rid = |rid| domain.with_rid(rid).expect("a domain SID takes a RID");
        let user = |n: u32, name: &str, folder: &str, mapped| ProfileUser {
            name: name.into(),
            sid: rid(1100 + n),
            folder: folder.into(),
            guid: Some(Uuid::from_u128(
                0x7f1c_0000_0000_4000_8000_0000_0000_0000 + u128::from(n),
            )),
            mapped,
        };
        Self {
            files,
            seed: 1,
            size_mib: 1024,
            language,
            computer_name: "PC-0001".into(),
            local_sid: sid("S-1-5-21-2743561023-1180042355-3020417841"),
            source: DomainFacts {
                dns_name: "source.test".into(),
                netbios_name: "SOURCE".into(),
                sid: domain.clone(),
                guid: Uuid::from_u128(0x6d2b_1e5c_93aa_4f7e_8a51_20c1_77de_0001),
            },
            machine: MachineAccount {
                sid: rid(1601),
                password: "lab".into(),
            },
            profiles: vec![
                user(1, "anna.berg", "anna.berg", true),
                user(2, "o'brien", "o'brien", true),
                user(3, "Jürgen Groß", "Jürgen Groß", true),
                user(4, "иван.петров", "иван.петров", true),
                user(5, "left.over", "left.over.SOURCE", false),
            ],
            groups: (1201..1213).map(rid).collect(),
            colleagues: (1131..1139).map(rid).collect(),
            already_added: vec![(
                rid(1101),
                sid("S-1-5-21-3623811015-3361044348-30300820-1101"),
            )],
        }
    }
}
