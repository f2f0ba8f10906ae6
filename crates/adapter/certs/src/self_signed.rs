//! The certificate a server makes for itself until it is given a better one.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::{CertError, load::load_pem};

/// The two files of a self-signed certificate.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Makes the certificate if it is missing, lacks one of `names`, or ends
/// within [`RENEW_BEFORE`]. The key is made once and kept.
pub(crate) fn ensure(dir: &Path, names: &[String], now: DateTime<Utc>) -> Result<Files, CertError> {
    let files = Files {
        certificate: dir.join("self-signed.pem"),
        key: dir.join("self-signed.key"),
    };
    let names = full_names(names);
    if files.certificate.exists() && files.key.exists() {
        let loaded = load_pem("self_signed", &files.certificate, &files.key)?;
        if loaded.info.names == names && loaded.info.not_after - now > RENEW_BEFORE {
            return Ok(files);
        }
    }
    let refused = |source| CertError::Make {
        names: names.clone(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(|source| CertError::Write {
        path: dir.into(),
        source,
    })?;
    let key = key_pair(&files.key, &refused)?;
    let certificate = parameters(&names, now)
        .map_err(&refused)?
        .self_signed(&key)
        .map_err(&refused)?;
    write(
        &files.certificate,
        certificate.pem().as_bytes(),
        Readable::ByAll,
    )?;
    tracing::info!(certificate.names = ?names, "Made a self-signed certificate");
    Ok(files)
}

fn full_names(names: &[String]) -> Vec<String> {
    let canonical = |name: &String| match name.trim().parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => name.trim().to_lowercase(),
    };
    let mut all: Vec<String> = names
        .iter()
        .map(canonical)
        .filter(|name| !name.is_empty())
        .collect();
    all.extend([
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ]);
    all.sort();
    all.dedup();
    all
}

fn key_pair(
    path: &Path,
    refused: &impl Fn(rcgen::Error) -> CertError,
) -> Result<KeyPair, CertError> {
    if path.exists() {
        let pem = std::fs::read_to_string(path).map_err(|source| CertError::Read {
            path: path.into(),
            source,
        })?;
        return KeyPair::from_pem(&pem).map_err(refused);
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(refused)?;
    write(path, key.serialize_pem().as_bytes(), Readable::ByOwner)?;
    Ok(key)
}

fn parameters(names: &[String], now: DateTime<Utc>) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(names.to_vec())?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "Godwit server");
    parameters.distinguished_name = subject;
    parameters.is_ca = IsCa::NoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let day = |at: DateTime<Utc>| {
        date_time_ymd(
            at.year(),
            u8::try_from(at.month()).unwrap_or(1),
            u8::try_from(at.day()).unwrap_or(1),
        )
    };
    // A day back, for clients whose clock is behind.
    parameters.not_before = day(now - TimeDelta::days(1));
    parameters.not_after = day(now + VALID_FOR);
    Ok(parameters)
}

enum Readable {
    ByOwner,
    ByAll,
}

/// Writes beside the file and renames, so that a power cut leaves the old or the new one.
fn write(path: &Path, bytes: &[u8], readable: Readable) -> Result<(), CertError> {
    let failed = |source| CertError::Write {
        path: path.to_path_buf(),
        source,
    };
    let temporary = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match readable {
            Readable::ByOwner => 0o600,
            Readable::ByAll => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = readable;
    let mut file = options.open(&temporary).map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    drop(file);
    std::fs::rename(&temporary, path).map_err(failed)
}

const VALID_FOR: TimeDelta = TimeDelta::days(5 * 365);
const RENEW_BEFORE: TimeDelta = TimeDelta::days(30);
