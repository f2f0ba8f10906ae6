//! Many simulated agents against one real server: each has its own key, enrols, and checks in
//! with fully signed requests over TLS.
//!
//! Every answer must be a 200; one in sixteen is verified to the signature as an agent would. The
//! rest is not, because 9,000 agents verify on 9,000 processors and these two are shared with the
//! server.

use crate::scenario::Server;
use anyhow::{Context, Result, anyhow, bail};
use gw_model::{DeviceFacts, OsFacts};
use gw_wire::{
    checkin::CheckinRequest,
    enrol::{EnrolAnswer, EnrolCore, EnrolRequest, HelloAnswer, HelloRequest},
    httpsig::{RequestParts, RequestSignature, read_answer, sign_request},
    keys::{Algorithm, SigningKey},
    keyset::{KeySet, KeyUse, Trust},
    op,
    psk::Psk,
    seal::RecipientKey,
    transcript::transcript_hash,
};
use std::{
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Connections that are open at the same time.
const CONNECTIONS: usize = 24;
/// Connections while enrolling.
const ENROLLING: usize = 8;
/// Not counted: connections are opened, caches are filled.
const WARM_UP: Duration = Duration::from_secs(2);
/// One answer in so many is verified to the signature.
const VERIFIED: u64 = 16;

/// Enrolled agents.
pub(super) struct Load {
    agents: Vec<Simulated>,
    line: Line,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) first_failure: String,
    pub(super) seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

struct Simulated {
    key: SigningKey,
    facts: DeviceFacts,
    keys: KeySet,
    root: String,
}

/// Where the server is.
#[derive(Clone)]
struct Line {
    url: String,
    certificate: PathBuf,
}

impl Load {
    /// Enrols one agent for each machine: its name and the SID of its account.
    pub(super) fn enrol(server: &Server, psk: &str, machines: &[(String, String)]) -> Result<Self> {
        let psk: Psk = psk.parse()?;
        let line = Line {
            url: server.agent_url(),
            certificate: server.certificate(),
        };
        let start = Instant::now();
        let parts = in_parallel(
            machines.chunks(machines.len().div_ceil(ENROLLING)),
            |part| {
                let client = line.client()?;
                part.iter()
                    .map(|(name, sid)| {
                        Simulated::enrol(&client, &line, &psk, name, sid)
                            .with_context(|| format!("enrolling {name}"))
                    })
                    .collect::<Result<Vec<_>>>()
            },
        )?;
        let agents: Vec<_> = parts.into_iter().flatten().collect();
        eprintln!(
            "check-ins: {} agents enrolled in {:.1} s",
            agents.len(),
            start.elapsed().as_secs_f64()
        );
        Ok(Self { agents, line })
    }

    /// Lets all of them check in, one after the other on each connection, without a pause.
    pub(super) fn run(&self, length: Duration) -> Result<Outcome> {
        let first_failure = Mutex::new(String::new());
        let begin = Instant::now() + WARM_UP;
        let end = begin + length;
        let parts = in_parallel(
            self.agents.chunks(self.agents.len().div_ceil(CONNECTIONS)),
            |part| {
                let client = self.line.client()?;
                let (mut latencies, mut failed) = (Vec::new(), 0);
                for (n, agent) in (0_u64..).zip(part.iter().cycle()) {
                    let start = Instant::now();
                    if start >= end {
                        break;
                    }
                    let done = agent.check_in(&client, &self.line, n % VERIFIED == 0);
                    if let Err(error) = done {
                        failed += 1;
                        if let Ok(mut first) = first_failure.lock()
                            && first.is_empty()
                        {
                            *first = format!("{error:#}");
                        }
                    } else if start >= begin {
                        latencies.push(start.elapsed().as_secs_f64() * 1e3);
                    }
                }
                Ok((latencies, failed))
            },
        )?;
        let failed = parts.iter().map(|(_, failed)| failed).sum();
        let mut latencies: Vec<f64> = parts.into_iter().flat_map(|(all, _)| all).collect();
        latencies.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (latencies.len() as f64 * share) as usize;
            latencies.get(index).copied().unwrap_or(f64::INFINITY)
        };
        Ok(Outcome {
            done: latencies.len() as u64,
            failed,
            first_failure: first_failure.into_inner().unwrap_or_default(),
            seconds: length.as_secs_f64(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
        })
    }
}

impl Simulated {
    fn enrol(client: &ureq::Agent, line: &Line, psk: &Psk, name: &str, sid: &str) -> Result<Self> {
        let key = SigningKey::generate(Algorithm::Ed25519)?;
        let hello = serde_json::to_vec(&HelloRequest {
            v: 1,
            pin: psk.pin,
            key: *key.public(),
        })?;
        let (said, _) = line.post(client, &key, op::HELLO, &psk.pin.to_string(), &hello)?;
        let answer: HelloAnswer = serde_json::from_slice(&said)?;
        let keys = answer.key_set.succeed(&Trust::Pin(psk.pin), None)?;
        let root = answer.key_set.root.id().to_string();
        let facts = facts(name, sid)?;
        let core = serde_json::to_vec(&EnrolCore {
            v: 1,
            psk: psk.tag,
            nonce: answer.nonce,
            key: *key.public(),
            recipient: RecipientKey::generate()?.public().into(),
            facts: facts.clone(),
        })?;
        let transcript = transcript_hash(&hello, &said, &core);
        let request = serde_json::to_vec(&EnrolRequest {
            mac: psk.mac_key()?.mac(&transcript).into(),
            core: core.into(),
            hello_request: hello.into(),
            hello_answer: said.into(),
        })?;
        let (said, _) = line.post(client, &key, op::ENROL, &root, &request)?;
        let _: EnrolAnswer = serde_json::from_slice(&said)?;
        Ok(Self {
            key,
            facts,
            keys,
            root,
        })
    }

    fn check_in(&self, client: &ureq::Agent, line: &Line, verify: bool) -> Result<()> {
        let body = serde_json::to_vec(&CheckinRequest {
            v: 1,
            facts: self.facts.clone(),
            epoch: self.keys.epoch,
            recipient: RecipientKey::generate()?.public().into(),
            last_sequence: 0,
            holding: Vec::new(),
            running: None,
            queued_reports: 0,
            clock_skew_ms: 0,
            confirm: None,
        })?;
        let (said, sent) = line.post(client, &self.key, op::CHECKIN, &self.root, &body)?;
        if verify {
            sent.verify(&said, &self.keys)?;
        }
        Ok(())
    }
}

/// What is needed to verify an answer.
struct Sent {
    signature: RequestSignature,
    headers: Vec<(String, String)>,
}

impl Sent {
    fn verify(&self, body: &[u8], keys: &KeySet) -> Result<()> {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = read_answer(200, &headers, body, &self.signature.signature)?;
        let at = chrono::DateTime::from_timestamp(answer.created, 0).context("a time")?;
        let key = keys
            .key(&answer.keyid, KeyUse::Message, at)
            .context("an answer is signed by a key that is not in the key set")?;
        Ok(answer.verify(key)?)
    }
}

impl Line {
    fn client(&self) -> Result<ureq::Agent> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let pem = std::fs::read(&self.certificate)?;
        let root = Certificate::from_pem(&pem)?.to_owned();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[root]))
            .build();
        Ok(ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into())
    }

    fn post(
        &self,
        client: &ureq::Agent,
        key: &SigningKey,
        operation: &str,
        aud: &str,
        body: &[u8],
    ) -> Result<(Vec<u8>, Sent)> {
        let (headers, signature) = sign_request(
            key,
            &RequestParts {
                method: "POST",
                op: operation,
                aud,
                body,
                created: chrono::Utc::now().timestamp(),
            },
        )?;
        let mut request = client
            .post(format!("{}{operation}", self.url))
            .header("content-type", "application/json");
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let mut answer = request.send(body)?;
        let status = answer.status().as_u16();
        let said = answer.body_mut().read_to_vec()?;
        if status != 200 {
            bail!("{operation}: {status} {}", String::from_utf8_lossy(&said));
        }
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        Ok((said, Sent { signature, headers }))
    }
}

fn facts(name: &str, sid: &str) -> Result<DeviceFacts> {
    Ok(DeviceFacts {
        computer_name: name.to_owned(),
        domain: Some("source.test".into()),
        machine_sid: Some(sid.parse().map_err(|error| anyhow!("{sid}: {error}"))?),
        entra_device_id: None,
        serial: format!("SN-{name}"),
        smbios_uuid: None,
        disk_serial: Some(format!("DISK-{name}")),
        boot_id: "1".into(),
        utc_offset_minutes: 60,
        os: OsFacts {
            edition: "Windows 11 Pro".into(),
            build: 22631,
            is_server: false,
        },
        agent_version: env!("CARGO_PKG_VERSION").into(),
    })
}

/// One thread for each part; the first failure is the answer.
fn in_parallel<P: Send, T: Send>(
    parts: impl Iterator<Item = P>,
    work: impl Fn(P) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .map(|part| {
                let work = &work;
                scope.spawn(move || work(part))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
            .collect()
    })
}
