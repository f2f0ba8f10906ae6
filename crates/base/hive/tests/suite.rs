//! The one integration test binary of this crate.

#[path = "suite/areas.rs"]
mod areas;
#[path = "suite/edits.rs"]
mod edits;
#[path = "suite/hostile.rs"]
mod hostile;
#[path = "suite/remap.rs"]
mod remap;
#[path = "suite/support.rs"]
mod support;
