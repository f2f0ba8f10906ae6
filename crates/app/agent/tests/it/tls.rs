//! TLS for real: by a file of roots, by the pin of the key set, and refused by neither.

use gw_agent::{HttpTransport, Roots, Transport};
use gw_wire::{
    keys::{KeyId, sha256},
    op,
};
use rustls::{ServerConfig, ServerConnection, Stream, crypto::aws_lc_rs};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    sync::Arc,
};

struct Site {
    url: String,
    pem: String,
    pin: KeyId,
}

/// A server with a self-signed certificate that answers every request with "[]".
fn site() -> Site {
    site_with(|_| ())
}

/// The request's head in lower case → a header line about the coding, and the body.
type Respond = fn(&str) -> (&'static str, Vec<u8>);

fn site_with(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Site {
    site_that(change, |_| ("", b"[]".to_vec()))
}

fn site_that(change: impl FnOnce(&mut rcgen::CertificateParams), respond: Respond) -> Site {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let der = cert.der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut tcp) = stream else { return };
            let mut tls = ServerConnection::new(config.clone()).unwrap();
            let mut stream = Stream::new(&mut tls, &mut tcp);
            let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
            while !seen.windows(4).any(|w| w == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => seen.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
            }
            let (coding, body) = respond(&String::from_utf8_lossy(&seen).to_lowercase());
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{coding}connection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
            let _ = stream.flush();
            // What is not read when it closes would make it a reset.
            stream.conn.send_close_notify();
            let _ = stream.flush();
            while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
        }
    });
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    Site {
        url: format!("https://localhost:{port}/Agent"),
        pem: cert.pem(),
        pin: KeyId(sha256(parsed.tbs_certificate.subject_pki.raw)),
    }
}

fn file(text: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("godwit-ca-{}.pem", uuid::Uuid::now_v7().simple()));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_file_of_roots_is_believed_and_others_are_not() {
    let (mine, other) = (site(), site());
    let roots = file(&mine.pem);
    let mut good = HttpTransport::new(&mine.url, &Roots::File(roots.clone())).unwrap();
    let answer = good.post(op::CHECKIN, &[], b"{}").unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, b"[]".as_slice())
    );
    let mut bad = HttpTransport::new(&other.url, &Roots::File(roots.clone())).unwrap();
    let error = bad.post(op::CHECKIN, &[], b"{}").unwrap_err();
    assert!(
        error.0.contains("certificate") || error.0.contains("Certificate"),
        "{error}"
    );
    std::fs::remove_file(roots).unwrap();
    assert!(HttpTransport::new(&mine.url, &Roots::File("/nowhere.pem".into())).is_err());
}

#[test]
fn a_self_signed_authority_that_is_named_is_believed_for_its_own_name_and_time() {
    let authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    let said = |site: &Site| {
        let roots = file(&site.pem);
        let mut transport = HttpTransport::new(&site.url, &Roots::File(roots.clone())).unwrap();
        std::fs::remove_file(roots).unwrap();
        transport.post(op::CHECKIN, &[], b"{}").is_ok()
    };
    assert!(said(&site_with(authority)));
    assert!(!said(&site_with(|params| {
        authority(params);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    })));
    assert!(!said(&site_with(|params| {
        authority(params);
        params.subject_alt_names = vec![rcgen::SanType::DnsName(
            "elsewhere.test".try_into().unwrap(),
        )];
    })));
}

#[test]
fn a_self_signed_server_is_believed_by_the_pin_of_the_key_set_only() {
    let (mine, other) = (site(), site());
    let roots = file(&other.pem);
    let mut transport = HttpTransport::new(&mine.url, &Roots::File(roots.clone())).unwrap();
    assert!(
        transport.post(op::ENROL, &[], b"{}").is_err(),
        "only hello may go first"
    );
    assert!(transport.post(op::HELLO, &[], b"{}").is_ok());
    assert!(
        transport.post(op::ENROL, &[], b"{}").is_err(),
        "not proven yet"
    );
    assert!(
        transport.prove(&[other.pin]).is_err(),
        "another key was pinned"
    );
    assert!(transport.post(op::HELLO, &[], b"{}").is_ok());
    assert!(transport.prove(&[mine.pin]).is_ok());
    assert!(transport.post(op::ENROL, &[], b"{}").is_ok());
    std::fs::remove_file(roots).unwrap();
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_a_proxy_gzips_is_unfolded_up_to_the_limit() {
    let said = |respond: Respond| {
        let site = site_that(|_| (), respond);
        let roots = file(&site.pem);
        let mut transport = HttpTransport::new(&site.url, &Roots::File(roots.clone())).unwrap();
        std::fs::remove_file(roots).unwrap();
        transport.post(op::CHECKIN, &[], b"{}")
    };
    let small = said(|head| {
        assert!(head.contains("accept-encoding: gzip"), "{head}");
        ("content-encoding: gzip\r\n", gzip(b"{\"v\":1}"))
    });
    assert_eq!(small.unwrap().body, b"{\"v\":1}");
    let largest = said(|_| {
        let plain = vec![b' '; gw_wire::MAX_ANSWER_BYTES];
        ("content-encoding: gzip\r\n", gzip(&plain))
    });
    assert_eq!(largest.unwrap().body.len(), gw_wire::MAX_ANSWER_BYTES);
    let bomb = said(|_| {
        let plain = vec![b' '; gw_wire::MAX_ANSWER_BYTES + 1];
        ("content-encoding: gzip\r\n", gzip(&plain))
    });
    assert!(bomb.is_err());
}

#[test]
fn clear_text_is_not_spoken() {
    let roots = file(&site().pem);
    let mut transport =
        HttpTransport::new("http://localhost:1/Agent", &Roots::File(roots)).unwrap();
    assert!(transport.post(op::HELLO, &[], b"{}").is_err());
}
