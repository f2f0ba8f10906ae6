//! The transport over HTTPS.

use crate::{
    tls::{Roots, TlsError, Verifier},
    transport::{NetworkError, RawAnswer, Transport},
};
use gw_wire::{MAX_ANSWER_BYTES, keys::KeyId, op};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use std::{
    fmt,
    io::{Read as _, Write as _},
    sync::Arc,
    time::Duration,
};
use ureq::unversioned::{
    resolver::DefaultResolver,
    transport::{
        Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers,
        NextTimeout, TcpConnector, TransportAdapter,
    },
};

/// Speaks to one address, which ends in `/Agent`.
pub struct HttpTransport {
    url: String,
    verifier: Arc<Verifier>,
    client: ureq::Agent,
    client_config: Arc<ClientConfig>,
}

impl HttpTransport {
    /// To this address. A proxy is taken from the environment, as the operating system's tools do.
    ///
    /// # Errors
    /// The roots cannot be used.
    pub fn new(url: &str, roots: &Roots) -> Result<Self, TlsError> {
        let verifier = Verifier::new(roots)?;
        let client_config = verifier.client()?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            client: client(client_config.clone()),
            client_config,
            verifier,
        })
    }
}

fn client(tls: Arc<ClientConfig>) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .https_only(true)
        .max_redirects(0)
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_global(Some(Duration::from_secs(120)))
        .user_agent(concat!("godwit-agent/", env!("CARGO_PKG_VERSION")))
        .build();
    let chain =
        ().chain(TcpConnector::default())
            .chain(ConnectProxyConnector::default())
            .chain(TlsConnector(tls));
    ureq::Agent::with_parts(config, chain, DefaultResolver::default())
}

impl Transport for HttpTransport {
    fn post(
        &mut self,
        operation: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> Result<RawAnswer, NetworkError> {
        let first = operation == op::HELLO;
        if first {
            self.verifier.begin_first_contact(true);
        }
        let url = format!("{}{operation}", self.url);
        let mut request = self
            .client
            .post(&url)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send(body);
        if first {
            // A connection of a first contact is never used again: it may be good by nothing yet.
            self.verifier.begin_first_contact(false);
            self.client = client(self.client_config.clone());
        }
        let mut answer = answer.map_err(|error| NetworkError(format!("{url}: {error}")))?;
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES as u64)
            .read_to_vec()
            .map_err(|error| NetworkError(format!("{url}: {error}")))?;
        Ok(RawAnswer {
            status: answer.status().as_u16(),
            headers,
            body,
        })
    }

    fn prove(&mut self, pins: &[KeyId]) -> Result<(), NetworkError> {
        let good = self.verifier.prove(pins);
        // Connections that older pins allowed end here.
        self.client = client(self.client_config.clone());
        good.then_some(()).ok_or_else(|| {
            NetworkError(format!(
                "{}: the TLS certificate is neither signed by a known authority nor named by the server's key set",
                self.url
            ))
        })
    }
}

/// Wraps a connection in TLS with our verifier.
struct TlsConnector(Arc<ClientConfig>);

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}

impl<In: ureq::unversioned::transport::Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsStream>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(inner) = chained else {
            return Err(ureq::Error::ConnectionFailed);
        };
        if !details.needs_tls() || inner.is_tls() {
            return Ok(Some(Either::A(inner)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ureq::Error::Tls("the server's name is not one"))?;
        let mut conn = ClientConnection::new(self.0.clone(), name)?;
        let mut sock = TransportAdapter::new(inner.boxed(), details.current_time.clone());
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        let stream = StreamOwned { conn, sock };
        Ok(Some(Either::B(TlsStream { buffers, stream })))
    }
}

/// A connection inside TLS.
struct TlsStream {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsStream")
    }
}

impl ureq::unversioned::transport::Transport for TlsStream {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
