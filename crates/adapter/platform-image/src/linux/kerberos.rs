//! Proving the join: the device authenticates as itself, with the secret that it reads back from
//! its own hives, by a Kerberos AS exchange (MIT `kinit`).

use gw_platform::{AdTarget, Controller, JoinProof, MachineError, Reach, Secret};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const KERBEROS: u16 = 88;
const CONNECT: Duration = Duration::from_secs(4);
const EXCHANGE: Duration = Duration::from_secs(20);

/// Does a controller of the domain answer?
pub(super) fn reach(target: &AdTarget) -> Reach {
    let mut tried = Vec::new();
    for controller in &target.controllers {
        for address in addresses(controller) {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(_) => {
                    return Reach::Yes {
                        server: controller.host.clone(),
                    };
                }
                Err(error) => tried.push(format!("{} ({address}): {error}", controller.host)),
            }
        }
    }
    let because = if tried.is_empty() {
        format!(
            "no address is known for a domain controller of {}",
            target.dns_name
        )
    } else {
        tried.join("; ")
    };
    Reach::No { because }
}

fn addresses(controller: &Controller) -> Vec<SocketAddr> {
    let named: Vec<SocketAddr> = controller
        .addresses
        .iter()
        .filter_map(|address| address.parse().ok().map(|ip| SocketAddr::new(ip, KERBEROS)))
        .collect();
    if !named.is_empty() {
        return named;
    }
    (controller.host.as_str(), KERBEROS)
        .to_socket_addrs()
        .map(Iterator::collect)
        .unwrap_or_default()
}

/// Authenticates as `target`'s account. `secret` is the password as LSA holds it, UTF-16LE.
pub(super) fn prove(
    scratch: &Path,
    target: &AdTarget,
    secret: &Secret,
) -> Result<JoinProof, MachineError> {
    if let Reach::No { because } = reach(target) {
        return Err(MachineError::Network {
            target: target.dns_name.clone(),
            why: because,
        });
    }
    let realm = target.dns_name.to_uppercase();
    let principal = format!("{}@{realm}", target.account_name);
    let password = password(secret, &principal)?;
    let work = Scratch::new(scratch)?;
    let config = work.0.join("krb5.conf");
    let mut text = format!(
        "[libdefaults]\n default_realm = {realm}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
         rdns = false\n udp_preference_limit = 1\n[realms]\n {realm} = {{\n"
    );
    for controller in &target.controllers {
        for address in addresses(controller) {
            text.push_str(&format!("  kdc = {address}\n"));
        }
    }
    text.push_str(" }\n");
    fs::write(&config, text)
        .map_err(|error| MachineError::io(config.display().to_string(), &error))?;
    let mut kinit = Command::new("kinit")
        .arg("-c")
        .arg(format!("FILE:{}", work.0.join("ticket").display()))
        .arg(&principal)
        .env("KRB5_CONFIG", &config)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| MachineError::io("kinit (is the package krb5-user installed?)", &error))?;
    if let Some(mut input) = kinit.stdin.take() {
        // A kinit that ended early closes the pipe; its exit code says why.
        let _ = input
            .write_all(password.as_bytes())
            .and_then(|()| input.write_all(b"\n"));
    }
    let since = Instant::now();
    let status = loop {
        match kinit.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if since.elapsed() < EXCHANGE => std::thread::sleep(Duration::from_millis(10)),
            _ => {
                let _ = kinit.kill();
                let _ = kinit.wait();
                return Err(MachineError::Network {
                    target: target.dns_name.clone(),
                    why: format!("no answer to Kerberos within {} s", EXCHANGE.as_secs()),
                });
            }
        }
    };
    if status.success() {
        return Ok(JoinProof {
            principal,
            server: target
                .controllers
                .first()
                .map(|c| c.host.clone())
                .unwrap_or_default(),
            method: "Kerberos AS exchange".into(),
        });
    }
    let mut why = String::new();
    if let Some(mut errors) = kinit.stderr.take() {
        let _ = errors.read_to_string(&mut why);
    }
    let why = why.trim().trim_start_matches("kinit: ").to_owned();
    if why.contains("Cannot contact any KDC") {
        return Err(MachineError::Network {
            target: target.dns_name.clone(),
            why,
        });
    }
    Err(MachineError::Refused {
        target: target.dns_name.clone(),
        why: format!("{principal}: {why}"),
    })
}

fn password(secret: &Secret, principal: &str) -> Result<zeroize::Zeroizing<String>, MachineError> {
    let wide: Vec<u16> = secret
        .expose()
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&wide)
        .map(zeroize::Zeroizing::new)
        .map_err(|_| MachineError::Damaged {
            object: format!("the machine secret of {principal}"),
            why: "it is not text".into(),
        })
}

/// A folder that only root may enter, gone when the value is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Self, MachineError> {
        let dir = parent.join(format!("kerberos-{}", std::process::id()));
        let io = |error: std::io::Error| MachineError::io(dir.display().to_string(), &error);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).map_err(io)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(io)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
