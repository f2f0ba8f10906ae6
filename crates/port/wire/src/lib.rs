//! The agent protocol: what device and server say to each other, and the cryptography that
//! both sides call. The normative text is `docs/protocol.md`; its test vectors are checked here.
//!
//! What must stay true:
//! - Exact bytes are signed, sealed and hashed: what arrives is verified before it is parsed, and
//!   is never written again to be verified.
//! - Every refusal has a status, a stable code and a sentence ([`codes`]).
//! - Nothing here reads a clock or a network. Times are parameters; randomness is drawn only where
//!   a key, a nonce or a pre-shared key is made.
//! - No input, however malformed, may panic.

pub mod bytes;
pub mod checkin;
pub mod codes;
pub mod enrol;
pub mod envelope;
pub mod httpsig;
pub mod keys;
pub mod keyset;
pub mod order;
pub mod pack;
pub mod private;
pub mod psk;
pub mod replay;
pub mod report;
pub mod seal;
pub mod secret;
pub mod server;
pub mod stage;
pub mod transcript;

/// The version of the protocol, part of every path (`/v1/…`) and of every signature's tag.
pub const PROTOCOL_VERSION: u32 = 1;

/// The longest body of a request that a server reads, in bytes. Longer ones are refused by their
/// `Content-Length`, or as soon as they pass it, without being kept.
pub const MAX_REQUEST_BYTES: usize = 4 << 20;

/// The longest body of an answer that an agent reads, in bytes.
pub const MAX_ANSWER_BYTES: usize = 32 << 20;

/// The operations, as they appear in `godwit-op` and, after any prefix a proxy adds, in the path.
pub mod op {
    /// First contact: nonce, server time, key set.
    pub const HELLO: &str = "/v1/hello";
    /// One agent enrols.
    pub const ENROL: &str = "/v1/enrol";
    /// An enrolled agent asks for orders.
    pub const CHECKIN: &str = "/v1/checkin";
    /// A run asks for what it needs on the device.
    pub const STAGE: &str = "/v1/stage";
    /// A run that has left asks for the way back.
    pub const RETURN: &str = "/v1/return";
    /// Reports, once and in order.
    pub const REPORT: &str = "/v1/report";
    /// All of them.
    pub const ALL: [&str; 6] = [HELLO, ENROL, CHECKIN, STAGE, RETURN, REPORT];
}
