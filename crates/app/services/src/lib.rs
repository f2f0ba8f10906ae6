//! Server use cases.
