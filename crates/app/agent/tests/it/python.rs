//! The second agent, written in Python from `docs/protocol.md` alone, against the server in memory,
//! over real TLS.

use crate::{server::Server, world::facts};
use chrono::Utc;
use gw_model::DeviceTrust;
use rustls::{ServerConfig, ServerConnection, Stream, crypto::aws_lc_rs};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

/// Serves until the process ends; every connection carries one request.
fn serve(server: Arc<Mutex<Server>>) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}/prefix/Agent",
        listener.local_addr().unwrap().port()
    );
    std::thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            // A client that goes away is its own affair.
            let _ = answer(tcp, config.clone(), &server);
        }
    });
    (url, made.cert.pem())
}

fn answer(
    mut tcp: TcpStream,
    config: Arc<ServerConfig>,
    server: &Mutex<Server>,
) -> std::io::Result<()> {
    let mut tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(Stream::new(&mut tls, &mut tcp));
    let (mut line, mut headers, mut length) = (String::new(), Vec::new(), 0);
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap_or(0);
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let borrowed: Vec<_> = headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let op = path.strip_prefix("/prefix/Agent").unwrap_or_default();
    let (status, headers, body) = server
        .lock()
        .unwrap()
        .handle(op, &borrowed, &body, Utc::now());
    let mut out = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    let stream = reader.get_mut();
    stream.write_all(format!("{out}\r\n").as_bytes())?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn python() -> PathBuf {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let venv = home.join(".cache/godwit/venv/bin/python3");
    if venv.exists() {
        venv
    } else {
        "python3".into()
    }
}

fn run(arguments: &[&str]) -> (Option<i32>, serde_json::Value, String) {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/lab/checker/python_agent.py");
    let output = Command::new(python()).arg(script).args(arguments).output();
    let output =
        output.expect("python3; `cargo xtask setup` installs it with what the agent needs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), summary, errors)
}

#[test]
fn an_agent_written_from_the_document_enrols_checks_in_and_opens_an_order() {
    let server = Arc::new(Mutex::new(Server::new(Utc::now())));
    let (url, pem) = serve(server.clone());
    let folder =
        std::env::temp_dir().join(format!("godwit-python-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder).unwrap();
    let [ca, claim, state] = ["ca.pem", "claim.json", "state"].map(|name| folder.join(name));
    std::fs::write(&ca, pem).unwrap();
    std::fs::write(&claim, serde_json::to_vec(&facts()).unwrap()).unwrap();
    let psk = server.lock().unwrap().psk.to_text();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (ca, claim, state) = (text(&ca), text(&claim), text(&state));
    let arguments = [
        "--url",
        &url,
        "--ca",
        &ca,
        "--psk",
        psk.as_str(),
        "--state",
        &state,
        "--claim",
        &claim,
    ];

    server.lock().unwrap().trust = DeviceTrust::Pending;
    let (code, summary, errors) = run(&arguments);
    assert_eq!(
        (code, &summary["trust"]),
        (Some(3), &"pending".into()),
        "{summary} {errors}"
    );

    {
        let mut server = server.lock().unwrap();
        server.trust = DeviceTrust::Trusted;
        let (header, body) = server.order(1, Utc::now());
        server.orders.push((header, body, None));
    }
    let (code, summary, errors) = run(&arguments);
    assert_eq!(
        (code, &summary["trust"]),
        (Some(0), &"trusted".into()),
        "{summary} {errors}"
    );
    assert_eq!(
        summary["orders"][0]["runbook"]["name"], "Example",
        "{summary}"
    );

    // A tampered order is not believed.
    {
        let mut server = server.lock().unwrap();
        let (header, body) = server.order(2, Utc::now());
        server.orders = vec![(header, body, Some(|envelope| envelope.signature.0[0] ^= 1))];
    }
    let (code, summary, _) = run(&arguments);
    assert_eq!(code, Some(5), "{summary}");

    // Neither is another root with the same pre-shared key.
    let mut impostor = Server::new(Utc::now());
    impostor.psk = server.lock().unwrap().psk.clone();
    *server.lock().unwrap() = impostor;
    let (code, summary, _) = run(&arguments);
    assert_eq!(code, Some(5), "{summary}");
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn an_agent_written_from_the_document_reads_every_vector() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/protocol-vectors.json");
    let (code, summary, errors) = run(&["--vectors", vectors.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{summary} {errors}");
}
