//! What a directory must offer: reading, testing a connection, preparing computer accounts.
