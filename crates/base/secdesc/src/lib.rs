//! SID, ACE, ACL and security descriptor: lossless codec and SID translation.
