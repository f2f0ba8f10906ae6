//! `setup`: everything that the other verbs need, installed once; running it again does nothing.

use crate::run::{self, cache_dir, cargo, command, have, output, python, root};
use anyhow::{Result, bail};
use std::process::Stdio;

/// Debian 12 packages, by what needs them.
const PACKAGES: &[(&str, &[&str])] = &[
    (
        "directories of the lab",
        &[
            "samba",
            "samba-ad-dc",
            "samba-ad-provision",
            "samba-dsdb-modules",
            "samba-vfs-modules",
            "winbind",
            "ldap-utils",
            "krb5-user",
            "python3-samba",
            "ldb-tools",
            "iproute2",
            "openssl",
        ],
    ),
    (
        "volumes and hives of the lab",
        &["ntfs-3g", "fuse3", "attr", "libhivex-bin", "reglookup"],
    ),
    (
        "server tests",
        &["nginx-light", "postgresql", "postgresql-client"],
    ),
    ("browser tests", &["chromium", "fonts-dejavu-core"]),
    (
        "Windows lane",
        &[
            "rustc-web",
            "rust-web-src",
            "rust-web-clippy",
            "gcc-mingw-w64-x86-64",
            "wine",
            "wine64",
            "wixl",
            "msitools",
            "xvfb",
        ],
    ),
    (
        "building",
        &[
            "gcc",
            "libc6-dev",
            "cmake",
            "python3-venv",
            "git",
            "procps",
            "util-linux",
        ],
    ),
];

/// Python packages of the lab's independent checkers.
const PYTHON: &[&str] = &[
    "impacket==0.13.1",
    "python-registry==1.3.1",
    "regipy==6.5.0",
    "cryptography==50.0.2",
];

pub(crate) fn run_packages() -> Result<()> {
    let wanted: Vec<&str> = PACKAGES
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let missing: Vec<&str> = wanted
        .into_iter()
        .filter(|name| !is_installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!(
        "apt-get install -y --no-install-recommends {}",
        missing.join(" ")
    );
    if output(command("id").arg("-u"))?.trim() != "0" {
        bail!("packages are missing; run this as root, then `cargo xtask setup` again:\n  {line}");
    }
    println!("installing {} packages", missing.len());
    // A server that a package starts by itself would be in the way of the lab's own.
    run::run(
        command("apt-get")
            .args(["update", "-q"])
            .stdout(Stdio::null()),
    )?;
    run::run(
        command("apt-get")
            .args(["install", "-y", "-q", "--no-install-recommends"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null()),
    )
}

fn is_installed(package: &str) -> bool {
    output(command("dpkg-query").args(["-W", "-f", "${Status}", package]))
        .is_ok_and(|status| status.starts_with("install ok"))
}

fn run_python() -> Result<()> {
    let stamp = cache_dir().join("venv/godwit-packages");
    let wanted = PYTHON.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && python().is_file() {
        return Ok(());
    }
    println!("making the checkers' Python environment");
    std::fs::create_dir_all(cache_dir())?;
    run::run(
        command("python3")
            .args(["-m", "venv"])
            .arg(cache_dir().join("venv")),
    )?;
    run::run(
        command(python())
            .args(["-m", "pip", "install", "-q", "--disable-pip-version-check"])
            .args(PYTHON),
    )?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

fn run_npm() -> Result<()> {
    let web = root().join("web");
    if !web.join("package-lock.json").is_file() {
        return Ok(());
    }
    if !have("npm") {
        bail!(
            "Node 20 or newer with npm is needed for the console; install it, then run this again"
        );
    }
    let lock = std::fs::read_to_string(web.join("package-lock.json"))?;
    let stamp = web.join("node_modules/.godwit-lock");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == lock) {
        return Ok(());
    }
    println!("installing the console's npm packages");
    run::run(
        command("npm")
            .args([
                "ci",
                "--prefer-offline",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ])
            .current_dir(&web),
    )?;
    std::fs::write(stamp, lock)?;
    Ok(())
}

pub(crate) fn run_all() -> Result<()> {
    run_packages()?;
    run_python()?;
    run_npm()?;
    run::run(cargo(&["fetch", "--locked"]).stdout(Stdio::null()))?;
    crate::windows::fetch()
}

/// The verb.
pub(crate) fn run() -> Result<()> {
    run_all()?;
    println!("everything is installed");
    Ok(())
}

/// Have the packages that `setup` installs been installed? Cheap; for verbs that call it first.
pub(crate) fn ensure() -> Result<()> {
    run_packages()?;
    run_python()?;
    run_npm()
}
