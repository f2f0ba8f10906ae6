//! Offline registry hives: read, recover, edit in place.
