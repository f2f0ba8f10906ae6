//! TLS certificate sources.
