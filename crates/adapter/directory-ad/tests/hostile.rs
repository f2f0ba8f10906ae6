//! A server that passes the certificate check and then answers nonsense: every operation ends with
//! an error in time, and nothing panics where a caller would notice.

use gw_directory::{
    BindAccount, ConnectionSettings, DirectoryReader, Secret, Timeouts, Transport, Trust,
};
use gw_directory_ad::AdDirectory;
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What the server says, message by message; the last one is repeated.
type Script = Vec<Vec<u8>>;

const BIND_OK: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

#[tokio::test]
async fn nonsense_after_the_handshake_is_an_error() {
    let ok = BIND_OK.to_vec();
    let scripts: Vec<(&str, Script)> = vec![
        ("not BER", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]),
        ("zeros", vec![vec![0; 64]]),
        ("all ones", vec![vec![0xff; 64]]),
        ("empty sequence", vec![b"\x30\x00".to_vec()]),
        ("a message without operation", vec![b"\x30\x03\x02\x01\x01".to_vec()]),
        ("a bind answer without code", vec![b"\x30\x05\x02\x01\x01\x61\x00".to_vec()]),
        ("text that is not UTF-8", vec![b"\x30\x0d\x02\x01\x01\x61\x08\x0a\x01\x31\x04\x01\xff\x04\x00".to_vec()]),
        ("controls of another shape", vec![b"\x30\x10\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00\xa0\x02\x04\x00".to_vec()]),
        ("an unknown operation", vec![ok.clone(), b"\x30\x05\x02\x01\x02\x7e\x00".to_vec()]),
        ("a primitive where an operation should be", vec![ok.clone(), b"\x30\x06\x02\x01\x02\x02\x01\x07".to_vec()]),
        ("an entry of another shape", vec![ok.clone(), b"\x30\x09\x02\x01\x02\x64\x04\x04\x00\x04\x00\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec()]),
        ("an entry with a name that is not UTF-8", vec![ok.clone(), b"\x30\x0a\x02\x01\x02\x64\x05\x04\x01\xff\x30\x00\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec()]),
        ("no rootDSE", vec![ok.clone(), b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec()]),
        ("silence", vec![ok.clone(), Vec::new()]),
        ("half a message and silence", vec![ok, b"\x30\x84\x00\xff\xff\xff\x02\x01".to_vec()]),
    ];
    for (what, script) in scripts {
        let settings = serve(script).await;
        let answer =
            tokio::time::timeout(Duration::from_secs(10), AdDirectory.facts(&settings)).await;
        let error = answer.expect(what).expect_err(what);
        println!("{what}: {error}");
        assert!(
            [
                "malformed_answer",
                "connection_lost",
                "timed_out",
                "sign_in_refused"
            ]
            .contains(&error.code()),
            "{what}: {error}"
        );
    }
}

#[tokio::test]
async fn nonsense_before_tls_is_an_error() {
    for (what, answer, code) in [
        ("HTTP", &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "not_tls"),
        ("a huge length", b"\x30\x84\x7f\xff\xff\xff", "not_tls"),
        ("a deep nest", &[0x30; 4096], "not_tls"),
        (
            "refusal",
            b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00",
            "starttls_refused",
        ),
        ("a closed connection", b"", "not_tls"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = answer.to_vec();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 31];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        });
        let mut settings = settings(port, &[0; 32]);
        settings.transport = Transport::StartTls;
        let error = AdDirectory.facts(&settings).await.expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
    }
}

async fn serve(script: Script) -> ConnectionSettings {
    let made = rcgen::generate_simple_self_signed(vec!["dc.test".into()]).unwrap();
    let pin: [u8; 32] = Sha256::digest(made.cert.der()).into();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
            return;
        };
        let mut buffer = vec![0; 4096];
        let mut turn = 0;
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
            let answer = &script[turn.min(script.len() - 1)];
            turn += 1;
            if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    });
    settings(port, &pin)
}

fn settings(port: u16, pin: &[u8; 32]) -> ConnectionSettings {
    let bind = BindAccount {
        account: "a@dc.test".into(),
        password: Secret::new("x"),
    };
    let mut settings = ConnectionSettings::ldaps("dc.test", bind);
    settings.address = Some([127, 0, 0, 1].into());
    settings.port = port;
    settings.trust = Trust::Pin {
        sha256: hex::encode(pin),
    };
    let limit = Duration::from_secs(1);
    settings.timeouts = Timeouts {
        resolve: limit,
        connect: limit,
        answer: limit,
    };
    settings
}
