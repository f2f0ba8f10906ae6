//! Registry hives from scratch, as a Windows 11 machine would have them.
//!
//! For tests and for the lab's devices: a user hive with its class hive, and the
//! four machine hives. They are made through the product's own editor, so they
//! are checked by readers that are not ours (`reglookup`, hivex, python-registry,
//! regipy, impacket) before anything is concluded from them. The same
//! specification gives the same bytes.

mod areas;
mod descriptors;
mod sam;
mod security;
mod software;
mod system;
mod tasks;
mod text;
mod user;

use gw_hive::{Editor, FileTime, Hive, HiveError, NewHive, NewKey, RegValue};
use gw_secdesc::Sid;

pub use descriptors::Descriptors;
pub use tasks::{TaskFile, task_files};
pub use text::Language;
pub use user::{ntuser, usrclass};

/// What a user hive is to hold.
#[derive(Debug, Clone)]
pub struct UserSpec {
    /// The user.
    pub sid: Sid,
    /// Sign-in name.
    pub name: String,
    /// Windows path of the profile, such as `C:\Users\anna`.
    pub profile: String,
    /// Other accounts that get entries of their own: groups, administrators, strangers.
    pub others: Vec<Sid>,
    /// How many distinct descriptors there are at least (a real one has 60 to 130).
    pub descriptors: usize,
    /// How many keys there are at least.
    pub keys: usize,
    /// Varies names and data.
    pub seed: u64,
    /// Last-written time of everything.
    pub at: FileTime,
    /// Language of names that Windows translates.
    pub language: Language,
}

impl UserSpec {
    /// A user with 70 distinct descriptors and 2,500 keys.
    #[must_use]
    pub fn new(sid: Sid, name: &str) -> Self {
        Self {
            seed: u64::from(sid.rid().unwrap_or(1)),
            sid,
            name: name.to_owned(),
            profile: format!("C:\\Users\\{name}"),
            others: Vec::new(),
            descriptors: 70,
            keys: 2500,
            at: FileTime::from_unix_seconds(1_700_000_000),
            language: Language::English,
        }
    }
}

/// A profile as `ProfileList` names it.
#[derive(Debug, Clone)]
pub struct ProfileEntry {
    /// The user.
    pub sid: Sid,
    /// Folder, such as `C:\Users\anna`.
    pub path: String,
    /// Directory GUID of the user in braces, when the account is a directory's.
    pub guid: Option<String>,
    /// `State` bits.
    pub state: u32,
}

/// The directory a machine belongs to.
#[derive(Debug, Clone)]
pub struct JoinedDomain {
    /// Short name, such as `SOURCE`.
    pub netbios: String,
    /// DNS name, such as `source.test`.
    pub dns: String,
    /// DNS name of the forest.
    pub forest: String,
    /// SID of the domain.
    pub sid: Sid,
    /// GUID of the domain in Windows memory order.
    pub guid: [u8; 16],
    /// RID of the machine account.
    pub machine_rid: u32,
}

/// A local account.
#[derive(Debug, Clone)]
pub struct LocalUser {
    /// RID: 500 and 501 are the built-in ones, made in any case.
    pub rid: u32,
    /// Name.
    pub name: String,
    /// Full name.
    pub full_name: String,
}

/// Rights of one account in SECURITY.
#[derive(Debug, Clone)]
pub struct AccountRights {
    /// The account.
    pub sid: Sid,
    /// Logon rights, a bit each.
    pub logon: u32,
    /// Privileges by number.
    pub privileges: Vec<u64>,
}

/// What the machine hives are to hold.
#[derive(Clone)]
pub struct MachineSpec {
    /// Computer name, up to 15 characters.
    pub name: String,
    /// SID of the machine itself.
    pub sid: Sid,
    /// The directory it is joined to; `None` is a workgroup machine.
    pub domain: Option<JoinedDomain>,
    /// The machine account's password as UTF-16LE bytes.
    pub machine_secret: Vec<u8>,
    /// Boot key, scattered over SYSTEM.
    pub boot_key: [u8; 16],
    /// LSA key, sealed under the boot key.
    pub lsa_key: [u8; 32],
    /// Profiles on the machine.
    pub profiles: Vec<ProfileEntry>,
    /// Local accounts beside the built-in ones.
    pub local_users: Vec<LocalUser>,
    /// Members of built-in groups by RID of the group (544, 545, 555 …).
    pub members: Vec<(u32, Sid)>,
    /// Rights of accounts beside the usual ones.
    pub rights: Vec<AccountRights>,
    /// Who is named in descriptors of SYSTEM and SOFTWARE beside the usual ones.
    pub others: Vec<Sid>,
    /// Language of group names.
    pub language: Language,
    /// Varies filler names and salts.
    pub seed: u64,
    /// Last-written time of everything.
    pub at: FileTime,
}

impl MachineSpec {
    /// A workgroup machine in English with keys made from its name.
    #[must_use]
    pub fn new(name: &str, sid: Sid) -> Self {
        let seed = name.bytes().fold(7_u64, |seed, b| {
            seed.wrapping_mul(31).wrapping_add(u64::from(b))
        });
        let mut dice = Dice::new(seed);
        Self {
            name: name.to_owned(),
            sid,
            domain: None,
            machine_secret: Vec::new(),
            boot_key: dice.bytes(),
            lsa_key: dice.bytes(),
            profiles: Vec::new(),
            local_users: Vec::new(),
            members: Vec::new(),
            rights: Vec::new(),
            others: Vec::new(),
            language: Language::English,
            seed: dice.next(),
            at: FileTime::from_unix_seconds(1_700_000_000),
        }
    }
}

/// The four hives of `Windows\System32\config`.
#[derive(Clone, PartialEq, Eq)]
pub struct MachineHives {
    /// SYSTEM.
    pub system: Vec<u8>,
    /// SOFTWARE.
    pub software: Vec<u8>,
    /// SAM.
    pub sam: Vec<u8>,
    /// SECURITY.
    pub security: Vec<u8>,
}

/// Why a hive could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The editor refused.
    #[error(transparent)]
    Hive(#[from] HiveError),
    /// A group could not be filled.
    #[error(transparent)]
    Sam(#[from] gw_hive::sam::SamError),
    /// A secret could not be written.
    #[error(transparent)]
    Lsa(#[from] gw_hive::lsa::LsaError),
    /// A descriptor could not be encoded.
    #[error(transparent)]
    Descriptor(#[from] gw_secdesc::SdError),
}

/// Builds SYSTEM, SOFTWARE, SAM and SECURITY.
///
/// # Errors
/// When a name or SID does not fit where Windows keeps it.
pub fn machine_hives(spec: &MachineSpec) -> Result<MachineHives, BuildError> {
    Ok(MachineHives {
        system: system::build(spec)?,
        software: software::build(spec)?,
        sam: sam::build(spec)?,
        security: security::build(spec)?,
    })
}

/// A hive under construction; every method makes the keys it needs.
struct Tree {
    hive: Hive,
    at: FileTime,
}

impl Tree {
    fn new(
        file_name: &str,
        minor_version: u32,
        descriptor: &[u8],
        at: FileTime,
    ) -> Result<Self, HiveError> {
        let hive = Hive::create(&NewHive {
            minor_version,
            root_name: "ROOT",
            file_name,
            descriptor,
            at,
        })?;
        Ok(Self { hive, at })
    }

    fn edit(&mut self) -> Result<Editor<'_>, HiveError> {
        self.hive.edit(self.at)
    }

    fn key(&mut self, path: &str) -> Result<(), HiveError> {
        self.edit()?.create_key(path)?;
        Ok(())
    }

    fn key_with(&mut self, path: &str, descriptor: &[u8]) -> Result<(), HiveError> {
        let new = NewKey {
            class: None,
            descriptor: Some(descriptor),
        };
        self.edit()?.create_key_with(path, new)?;
        Ok(())
    }

    fn set(&mut self, path: &str, name: &str, value: &RegValue) -> Result<(), HiveError> {
        let mut edit = self.edit()?;
        edit.create_key(path)?;
        edit.set_value(path, name, value)
    }

    fn string(&mut self, path: &str, name: &str, text: &str) -> Result<(), HiveError> {
        self.set(path, name, &RegValue::string(text))
    }

    fn dword(&mut self, path: &str, name: &str, number: u32) -> Result<(), HiveError> {
        self.set(path, name, &RegValue::dword(number))
    }

    fn finish(self) -> Result<Vec<u8>, HiveError> {
        self.hive.check()?;
        Ok(self.hive.into_bytes())
    }
}

/// Numbers that look random and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }

    fn guid(&mut self) -> String {
        let raw: [u8; 16] = self.bytes();
        let hex: String = raw.iter().map(|byte| format!("{byte:02X}")).collect();
        format!(
            "{{{}-{}-{}-{}-{}}}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}
