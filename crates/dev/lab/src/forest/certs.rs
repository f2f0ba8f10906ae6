//! The lab's certificate authority and the domain controllers' certificates.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The CA's certificate in PEM, made on first use and kept in `dir`.
pub(super) fn authority(dir: &Path) -> Result<PathBuf> {
    let (certificate, key) = (dir.join("ca.pem"), dir.join("ca.key"));
    if !certificate.exists() || !key.exists() {
        let pair = KeyPair::generate().context("making the lab CA's key")?;
        let made = authority_params()?
            .self_signed(&pair)
            .context("signing the lab CA")?;
        write_private(&key, &pair.serialize_pem())?;
        fs::write(&certificate, made.pem())?;
    }
    Ok(certificate)
}

/// A server certificate for one DNS name into `dir/NAME.pem` and `dir/NAME.key`.
pub(super) fn server(ca_dir: &Path, dns_name: &str, dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let ca_key = fs::read_to_string(ca_dir.join("ca.key")).context("reading the lab CA's key")?;
    let issuer = Issuer::new(authority_params()?, KeyPair::from_pem(&ca_key)?);
    let mut params = CertificateParams::new(vec![dns_name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, dns_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let pair = KeyPair::generate()?;
    let made = params
        .signed_by(&pair, &issuer)
        .context("signing the controller's certificate")?;
    fs::create_dir_all(dir)?;
    let (certificate, key) = (dir.join("tls.pem"), dir.join("tls.key"));
    fs::write(&certificate, made.pem())?;
    write_private(&key, &pair.serialize_pem())?;
    Ok((certificate, key))
}

fn authority_params() -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Godwit lab CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// Samba refuses a key that others may read.
fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("writing {}", path.display()))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file.write_all(text.as_bytes())?)
}
