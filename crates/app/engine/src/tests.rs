//! The engine on the fake PC: every table, every crash, every planted defect.

mod bench;
mod crash;
mod fallback;
mod folder;
mod journal;
mod rename;
mod story;
mod tables;
