//! The platform seam.
