//! The way to the server, as the agent sees it: bytes out, bytes in, nothing believed.

use gw_wire::keys::KeyId;

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body, without any content coding.
    pub body: Vec<u8>,
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(pub String);

/// Sends one operation to the server's address.
pub trait Transport {
    /// Sends `body` to `{url}{op}` with these headers.
    ///
    /// # Errors
    /// No answer came, or the connection is not acceptable.
    fn post(
        &mut self,
        op: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<RawAnswer, NetworkError>;

    /// A key set was believed: from now on these TLS keys are good, and the connection that
    /// brought it must be one of them or have been good by itself.
    ///
    /// # Errors
    /// It was neither.
    fn prove(&mut self, pins: &[KeyId]) -> Result<(), NetworkError>;
}
