//! The versioned runbook document.
