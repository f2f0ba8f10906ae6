//! The transport in process: the real router over the real use cases and an
//! embedded database in a temporary folder.

mod agents;
mod api;
mod browser;
mod coverage;
mod directory;
mod fallback;
mod harness;
mod hostile;
mod openapi;
mod story;
