//! The lab's device: a raw NTFS volume that looks like a worked-in Windows PC.
//!
//! [`plan`] decides, without touching anything, every file, descriptor and
//! stream from an [`ImageSpec`]; the writer then lays the plan out with ntfs-3g.
//! What must stay true: the same specification gives the same plan, so that a
//! finished volume can be kept and copied for the next device, and two devices
//! differ only in what the machine hives say about them.

mod acl;
mod build;
mod content;
mod device;
mod hives;
mod layout;
mod mount;
mod names;
mod plan;
mod profile;
mod shared;
mod spec;
mod write;

pub use build::{BuiltImage, build_device, lab_dir};
pub use device::DeviceFacts;
pub use hives::{MachineHives, machine_hives};
pub use mount::Mounted;
pub use plan::{Content, Kind, Node, Plan, plan};
pub use spec::{DomainFacts, ImageSpec, Language, MachineAccount, ProfileUser};
