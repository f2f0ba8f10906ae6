//! The migration through a proxy that ends TLS, adds a path prefix and gzip, and is listened to.
//!
//! Agent → nginx (TLS, `/edge/…`, gzip) → a relay in clear that records everything and can flip a
//! byte → the server. What the relay records is what a curious operator of the proxy would see.

use super::{
    Device, Options, Server, Stage, devices::checker, say, server, verdict::Verdict, verify,
};
use crate::net;
use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

const FRONT: u16 = 9443;
const RELAY: u16 = 9080;
const NONE: u8 = 0;
const REQUEST: u8 = 1;
const ANSWER: u8 = 2;

/// nginx and the relay behind it.
pub(crate) struct Proxy {
    nginx: Child,
    dir: PathBuf,
    flip: Arc<AtomicU8>,
}

impl Proxy {
    /// Starts both in front of a server.
    pub(crate) fn start(dir: &Path, server: &Server) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let flip = Arc::new(AtomicU8::new(NONE));
        relay(&dir, server, Arc::clone(&flip))?;
        verify::must(
            Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                    "-days",
                    "2",
                ])
                .args(["-subj", "/CN=edge.godwit.test", "-addext"])
                .arg(format!(
                    "subjectAltName=IP:{},DNS:edge.godwit.test",
                    net::HQ.address
                ))
                .arg("-keyout")
                .arg(dir.join("edge.key"))
                .arg("-out")
                .arg(dir.join("edge.pem")),
        )?;
        fs::create_dir_all(dir.join("tmp"))?;
        fs::write(dir.join("nginx.conf"), configuration(&dir))?;
        let log = fs::File::create(dir.join("nginx.out"))?;
        let nginx = net::net_only(net::HQ, "nginx")
            .arg("-p")
            .arg(&dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting nginx; is the package nginx-light installed?")?;
        let proxy = Self { nginx, dir, flip };
        let since = Instant::now();
        while TcpStream::connect((net::HQ.address, FRONT)).is_err() {
            if since.elapsed() > Duration::from_secs(15) {
                bail!(
                    "nginx does not answer: {}",
                    server::tail(&proxy.dir.join("nginx.out"))
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(proxy)
    }

    /// The address that agents use.
    pub(crate) fn agent_url(&self) -> String {
        format!(
            "https://{}:{FRONT}/edge/of/the/world/Agent",
            net::HQ.address
        )
    }

    /// nginx's own certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.join("edge.pem")
    }

    /// Everything that went through, in clear.
    pub(crate) fn captured(&self) -> PathBuf {
        self.dir.join("captured")
    }

    /// What the proxy saw, what it could do, and what other clients of the protocol say.
    pub(crate) fn verify(
        &self,
        options: &Options,
        stage: &Stage,
        devices: &[Device],
        verdict: &mut Verdict,
    ) -> Result<()> {
        let pairs = verify::pairs(&stage.forests)?;
        let sids = self.dir.join("sids");
        let both: Vec<String> = pairs
            .iter()
            .flat_map(|(from, to)| [from.clone(), to.clone()])
            .collect();
        fs::write(&sids, both.join("\n"))?;
        let size = fs::metadata(self.captured())?.len();
        let secrets = self.dir.join("machine-secrets");
        let mut machine = Vec::new();
        for device in devices {
            let (_, said) = checker(options, "machine_secret.py")
                .arg(device.disk())
                .said()?;
            machine.push(said.trim().to_owned());
        }
        fs::write(&secrets, machine.join("\n"))?;
        let mut search = checker(options, "secret_search.py");
        for list in [&sids, &secrets] {
            search = search.arg("--secret-file").arg(list);
        }
        let (fine, said) = search.arg(self.captured()).said()?;
        let _ = fs::remove_file(&secrets);
        if fine && size > 10_000 {
            verdict.note(format!("{size} bytes in clear at the proxy hold no secret and none of {} SIDs of the table", both.len()));
        } else {
            verdict.fault(format!(
                "the proxy sees too much ({size} bytes captured): {}",
                verify::first_lines(&said, 6)
            ));
        }
        self.flipped_bytes(options, stage, devices, verdict)
    }

    /// One flipped byte in either direction is refused.
    fn flipped_bytes(
        &self,
        options: &Options,
        stage: &Stage,
        devices: &[Device],
        verdict: &mut Verdict,
    ) -> Result<()> {
        let device = devices.first().context("a device")?;
        for (direction, name) in [(REQUEST, "request"), (ANSWER, "answer")] {
            say(&format!("flipping one byte of a {name}"));
            self.flip.store(direction, Ordering::SeqCst);
            let output = net::net_only(net::HQ, &options.bin("godwit-agent").display().to_string())
                .args(["run", "--once", "--device"])
                .arg(format!("image:{}", device.dir.display()))
                .args(["--server", &self.agent_url()])
                .arg("--ca")
                .arg(self.certificate())
                .env("GODWIT_PSK", &stage.project.psk)
                .env("RUST_LOG", "info")
                .output()
                .context("starting the agent once")?;
            let flipped = self.flip.swap(NONE, Ordering::SeqCst) == NONE;
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            fs::write(self.dir.join(format!("flipped-{name}.log")), &said)?;
            if flipped && !output.status.success() {
                verdict.note(format!(
                    "one flipped byte of a {name} is refused: {}",
                    said.lines().last().unwrap_or_default()
                ));
            } else {
                verdict.fault(format!(
                    "a flipped byte of a {name} went through (flipped: {flipped}): {}",
                    verify::first_lines(&said, 4)
                ));
            }
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        server::end(&mut self.nginx);
    }
}

fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "daemon off;\nworker_processes 1;\npid {dir}/nginx.pid;\nerror_log {dir}/nginx.log;\nuser root;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n access_log {dir}/access.log;\n client_max_body_size 8m;\n\
         client_body_temp_path {dir}/tmp/body;\n proxy_temp_path {dir}/tmp/proxy;\n\
         fastcgi_temp_path {dir}/tmp/f;\n uwsgi_temp_path {dir}/tmp/u;\n scgi_temp_path {dir}/tmp/s;\n\
         gzip on; gzip_min_length 1; gzip_proxied any; gzip_types application/json application/problem+json;\n\
         server {{\n  listen {address}:{FRONT} ssl;\n  ssl_certificate {dir}/edge.pem;\n  ssl_certificate_key {dir}/edge.key;\n\
         location /edge/of/the/world/ {{ proxy_pass http://{address}:{RELAY}/; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}\n }}\n}}\n",
        address = net::HQ.address
    )
}

/// Accepts in clear in the head-office namespace, records, and goes on to the server over TLS.
///
/// A process of its own would do as well; `openssl s_client` is the TLS end, so that nothing of
/// the product takes part.
fn relay(dir: &Path, server: &Server, flip: Arc<AtomicU8>) -> Result<()> {
    // The root namespace has an address on the same bridge, but nginx must reach us: listen there.
    let listener = TcpListener::bind((net::ROOT_ADDRESS, RELAY)).context("the relay's port")?;
    let captured = Arc::new(Mutex::new(fs::File::create(dir.join("captured"))?));
    let upstream = server.url().trim_start_matches("https://").to_owned();
    let certificate = server.certificate();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (captured, flip) = (Arc::clone(&captured), Arc::clone(&flip));
            let (upstream, certificate) = (upstream.clone(), certificate.clone());
            std::thread::spawn(move || {
                if let Err(error) = pass(client, &upstream, &certificate, &captured, &flip) {
                    eprintln!("lab: relay: {error:#}");
                }
            });
        }
    });
    Ok(())
}

fn pass(
    client: TcpStream,
    upstream: &str,
    certificate: &Path,
    captured: &Mutex<fs::File>,
    flip: &AtomicU8,
) -> Result<()> {
    let mut tls = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_quiet",
            "-verify_return_error",
            "-connect",
            upstream,
            "-CAfile",
        ])
        .arg(certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut up = tls.stdin.take().context("a pipe")?;
    let mut down = tls.stdout.take().context("a pipe")?;
    let mut reader = client.try_clone()?;
    let mut writer = client;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            copy(&mut reader, &mut up, captured, flip, REQUEST);
            drop(up);
        });
        copy(&mut down, &mut writer, captured, flip, ANSWER);
        let _ = writer.shutdown(std::net::Shutdown::Both);
    });
    let _ = tls.kill();
    let _ = tls.wait();
    Ok(())
}

fn copy(
    from: &mut dyn Read,
    to: &mut dyn Write,
    captured: &Mutex<fs::File>,
    flip: &AtomicU8,
    direction: u8,
) {
    let mut buffer = vec![0; 65_536];
    let mut head = Vec::new();
    let mut in_body = false;
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let chunk = &mut buffer[..count];
        if let Ok(mut file) = captured.lock() {
            let _ = file.write_all(chunk);
        }
        let body = body_of(&mut head, &mut in_body, chunk);
        if let Some(start) = body
            && chunk.len() - start > 20
            && flip
                .compare_exchange(direction, NONE, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        {
            let middle = start + (chunk.len() - start) / 2;
            chunk[middle] ^= 1;
        }
        if to.write_all(chunk).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
}

/// Where the body begins in this chunk, if it is in it. Good enough for one message a connection
/// at a time, which is what agents send.
fn body_of(head: &mut Vec<u8>, in_body: &mut bool, chunk: &[u8]) -> Option<usize> {
    if *in_body && !chunk.starts_with(b"POST ") && !chunk.starts_with(b"HTTP/1.") {
        return Some(0);
    }
    if *in_body {
        head.clear();
        *in_body = false;
    }
    let before = head.len();
    head.extend_from_slice(chunk);
    let end = head.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    *in_body = true;
    Some(end.saturating_sub(before))
}
