//! Certificates from each source, and their replacement.

use std::path::Path;
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use gw_certs::{CertError, CertResolver, CertSource, Reload, load};

fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn self_signed(dir: &Path, names: &[&str]) -> CertSource {
    CertSource::SelfSigned {
        dir: dir.into(),
        names: names.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_first_start_makes_a_certificate_and_the_next_one_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = self_signed(dir.path(), &["Godwit.Source.test", "10.97.0.10"]);
    let first = load(&source, now()).unwrap().info;
    assert_eq!(
        first.names,
        [
            "10.97.0.10",
            "127.0.0.1",
            "::1",
            "godwit.source.test",
            "localhost"
        ]
    );
    assert_eq!(first.source, "self_signed");
    assert!(first.not_before < now() && first.not_after > now() + TimeDelta::days(1_000));
    assert_eq!(
        load(&source, now() + TimeDelta::days(1)).unwrap().info,
        first
    );
}

#[test]
fn renewal_and_new_names_change_the_certificate_but_never_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let first = load(&self_signed(dir.path(), &["a.test"]), now())
        .unwrap()
        .info;
    let named = load(&self_signed(dir.path(), &["b.test"]), now())
        .unwrap()
        .info;
    assert_ne!(first.sha256, named.sha256);
    assert_eq!(first.key_sha256, named.key_sha256);
    let later = first.not_after - TimeDelta::days(29);
    let renewed = load(&self_signed(dir.path(), &["b.test"]), later)
        .unwrap()
        .info;
    assert!(renewed.not_after > later + TimeDelta::days(1_000));
    assert_eq!(first.key_sha256, renewed.key_sha256);
}

#[cfg(unix)]
#[test]
fn the_key_is_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    load(&self_signed(dir.path(), &[]), now()).unwrap();
    let mode = std::fs::metadata(dir.path().join("self-signed.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_running_server_takes_a_new_certificate_and_survives_a_broken_one() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    load(&self_signed(old.path(), &["old.test"]), now()).unwrap();
    load(&self_signed(new.path(), &["new.test"]), now()).unwrap();
    let install = |from: &Path| {
        for file in ["self-signed.pem", "self-signed.key"] {
            std::fs::copy(from.join(file), dir.path().join(file)).unwrap();
        }
    };
    install(old.path());
    let resolver = CertResolver::new(
        CertSource::Pem {
            certificate: dir.path().join("self-signed.pem"),
            key: dir.path().join("self-signed.key"),
        },
        now(),
    )
    .unwrap();
    assert_eq!(resolver.reload(now()).unwrap(), Reload::Unchanged);

    // Half way through a replacement the key does not fit the certificate.
    std::fs::copy(
        new.path().join("self-signed.pem"),
        dir.path().join("self-signed.pem"),
    )
    .unwrap();
    assert!(matches!(resolver.reload(now()), Err(CertError::Key { .. })));
    assert!(resolver.info().names.contains(&"old.test".to_owned()));

    install(new.path());
    assert_eq!(resolver.reload(now()).unwrap(), Reload::Replaced);
    assert!(resolver.info().names.contains(&"new.test".to_owned()));
}

#[test]
fn a_pfx_made_by_openssl_opens_with_its_password_only() {
    let dir = tempfile::tempdir().unwrap();
    let made = load(&self_signed(dir.path(), &["pfx.test"]), now())
        .unwrap()
        .info;
    let file = dir.path().join("server.pfx");
    let status = Command::new("openssl")
        .args(["pkcs12", "-export", "-passout", "pass:right", "-in"])
        .arg(dir.path().join("self-signed.pem"))
        .arg("-inkey")
        .arg(dir.path().join("self-signed.key"))
        .arg("-out")
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success());
    let pfx = |password: &str| CertSource::Pfx {
        file: file.clone(),
        password: password.to_owned().into(),
    };
    let opened = load(&pfx("right"), now()).unwrap().info;
    assert_eq!(opened.sha256, made.sha256);
    assert_eq!(opened.source, "pfx");
    assert!(matches!(
        load(&pfx("wrong"), now()),
        Err(CertError::Pfx { .. })
    ));
    assert!(!format!("{:?}", pfx("right")).contains("right"));
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    load(&self_signed(dir.path(), &[]), now()).unwrap();
    let (pem, key) = (
        dir.path().join("self-signed.pem"),
        dir.path().join("self-signed.key"),
    );
    let from = |certificate: &Path, key: &Path| {
        load(
            &CertSource::Pem {
                certificate: certificate.into(),
                key: key.into(),
            },
            now(),
        )
        .unwrap_err()
    };
    assert!(matches!(from(&key, &key), CertError::NoCertificate { .. }));
    assert!(matches!(from(&pem, &pem), CertError::NoKey { .. }));
    assert!(matches!(
        from(&dir.path().join("none"), &key),
        CertError::Read { .. }
    ));
}
