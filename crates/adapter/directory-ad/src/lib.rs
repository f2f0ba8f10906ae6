//! Active Directory over LDAPS and StartTLS.
