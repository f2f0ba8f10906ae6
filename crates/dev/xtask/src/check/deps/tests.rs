//! One small workspace per rule: each must be found, and a clean one must not.

use crate::check::{deps, sources};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A workspace in a temporary folder, removed at the end.
struct Fixture(PathBuf);

impl Fixture {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("godwit-deps-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(
            dir.join("Cargo.toml"),
            "[workspace]\nresolver = \"3\"\nmembers = [\"*/\"]\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n",
        )
        .unwrap();
        Self(dir)
    }

    /// A crate; uses are `name` or `name+feature`, and live beside it.
    fn with(self, name: &str, tier: &str, uses: &[&str], source: &str) -> Self {
        let dir = self.0.join(name);
        fs::create_dir_all(dir.join("src")).unwrap();
        let mut manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        if !tier.is_empty() {
            manifest += &format!("[package.metadata.godwit]\ntier = \"{tier}\"\n");
        }
        if tier != "careless" {
            manifest += "[lints]\nworkspace = true\n";
        }
        manifest += "[features]\nfake = []\n[dependencies]\n";
        for used in uses {
            let (used, feature) = used.split_once('+').unwrap_or((used, ""));
            let features = if feature.is_empty() {
                String::new()
            } else {
                format!(", features = [\"{feature}\"]")
            };
            manifest += &format!("{used} = {{ path = \"../{used}\"{features} }}\n");
        }
        fs::write(dir.join("Cargo.toml"), manifest).unwrap();
        fs::write(dir.join("src/lib.rs"), source).unwrap();
        self
    }

    fn findings(&self) -> Vec<String> {
        [
            deps::check(&self.0).unwrap(),
            sources::check(&self.0).unwrap(),
        ]
        .concat()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn one(fixture: Fixture, wanted: &str) {
    let found = fixture.findings();
    assert!(
        found.iter().any(|line| line.contains(wanted)),
        "wanted `{wanted}` in {found:#?}"
    );
}

#[test]
fn a_clean_workspace_passes() {
    let fixture = Fixture::new("clean")
        .with("gw-secdesc", "base", &[], "//! `std::fs` in a comment is fine.\n#[cfg(test)]\nmod tests { fn f() { let _ = std::fs::read(\"x\"); } }\n")
        .with("sqlx", "", &[], "")
        .with("gw-store", "adapter", &["sqlx", "gw-secdesc"], "pub fn f() -> &'static str { \"SELECT 1 FROM t\" }\n")
        .with("godwit", "bin", &["gw-store"], "");
    assert_eq!(fixture.findings(), Vec::<String>::new());
}

#[test]
fn each_rule_is_found() {
    one(
        Fixture::new("up")
            .with("gw-a", "base", &["gw-b"], "")
            .with("gw-b", "app", &[], ""),
        "callers look down, never up",
    );
    one(
        Fixture::new("side")
            .with("gw-a", "adapter", &["gw-b"], "")
            .with("gw-b", "adapter", &[], ""),
        "adapters never use adapters",
    );
    one(
        Fixture::new("apps")
            .with("gw-a", "app", &["gw-b"], "")
            .with("gw-b", "app", &[], ""),
        "neighbours of one tier",
    );
    one(
        Fixture::new("sqlx")
            .with("sqlx", "", &[], "")
            .with("gw-services", "app", &["sqlx"], ""),
        "all SQL is in one crate",
    );
    one(
        Fixture::new("axum")
            .with("axum", "", &[], "")
            .with("gw-services", "app", &["axum"], ""),
        "transport is in one crate",
    );
    one(
        Fixture::new("tonic")
            .with("tonic", "", &[], "")
            .with("gw-http", "app", &["tonic"], ""),
        "transport is in one crate",
    );
    one(
        Fixture::new("ldap3")
            .with("ldap3", "", &[], "")
            .with("gw-services", "app", &["ldap3"], ""),
        "LDAP stays behind",
    );
    one(
        Fixture::new("win32").with("windows", "", &[], "").with(
            "gw-agent",
            "app",
            &["windows"],
            "",
        ),
        "Win32 is in one crate",
    );
    one(
        Fixture::new("transitive")
            .with("tokio", "", &[], "")
            .with("helper", "", &["tokio"], "")
            .with("gw-hive", "base", &["helper"], ""),
        "gw-hive reaches tokio",
    );
    one(
        Fixture::new("random").with("getrandom", "", &[], "").with(
            "gw-hive",
            "base",
            &["getrandom"],
            "",
        ),
        "gw-hive reaches getrandom",
    );
    one(
        Fixture::new("sync")
            .with("tokio", "", &[], "")
            .with("gw-x", "port", &[], "")
            .with("middle", "", &["tokio"], "")
            .with("gw-engine", "app", &["middle", "gw-x"], ""),
        "gw-engine reaches tokio",
    );
    one(
        Fixture::new("fake")
            .with("gw-platform", "port", &[], "")
            .with("godwit-agent", "bin", &["gw-platform+fake"], ""),
        "fakes never ship",
    );
    one(
        Fixture::new("tierless").with("gw-a", "", &[], ""),
        "names no tier",
    );
    one(
        Fixture::new("lints").with("gw-a", "careless", &[], ""),
        "unknown tier",
    );
}

#[test]
fn each_rule_on_sources_is_found() {
    let base = |name: &str, source: &str| Fixture::new(name).with("gw-hive", "base", &[], source);
    one(
        base("cfg", "#[cfg(windows)]\npub fn f() {}\n"),
        "no platform conditions",
    );
    one(
        base("cfg2", "#[cfg(target_os = \"linux\")]\npub fn f() {}\n"),
        "no platform conditions",
    );
    one(
        base(
            "clock",
            "pub fn f() { let _ = std::time::SystemTime::now(); }\n",
        ),
        "no clock",
    );
    one(
        base("clock2", "pub fn f() { let _ = Instant::now(); }\n"),
        "no clock",
    );
    one(
        base("uuid", "pub fn f() { let _ = Uuid::now_v7(); }\n"),
        "no randomness",
    );
    one(base("io", "use std::fs;\n"), "no I/O");
    one(
        base(
            "net",
            "pub fn f() { let _ = std::net::TcpStream::connect(\"x\"); }\n",
        ),
        "no I/O",
    );
    one(base("print", "pub fn f() { println!(\"x\"); }\n"), "no I/O");
    one(
        base("env", "pub fn f() { let _ = std::env::var(\"X\"); }\n"),
        "no I/O",
    );
    one(
        Fixture::new("sql").with(
            "gw-services",
            "app",
            &[],
            "pub const Q: &str = \"SELECT id FROM device\";\n",
        ),
        "SQL belongs into the store",
    );
    one(
        Fixture::new("unsafe").with("gw-services", "app", &[], "pub fn f() { unsafe { g() } }\n"),
        "unsafe",
    );
    one(
        Fixture::new("nolints").with("gw-x", "careless", &[], ""),
        "does not take the workspace's lints",
    );
}

#[test]
fn this_workspace_is_checked_from_its_own_root() {
    assert!(Path::new(&crate::run::root()).join("Cargo.toml").is_file());
}
