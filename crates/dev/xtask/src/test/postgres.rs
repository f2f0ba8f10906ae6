//! A PostgreSQL server of our own for the length of a test: a fresh cluster in a temporary folder
//! on a free port of the loopback address.

use crate::run::{cargo, command, output, run, run_within};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
    as_root: bool,
}

impl Cluster {
    fn start() -> Result<Self> {
        let bin = newest_bin()?;
        let dir = std::env::temp_dir().join(format!("godwit-pg-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir)?;
        let as_root = output(command("id").arg("-u"))?.trim() == "0";
        if as_root {
            run(command("chown").arg("postgres").arg(&dir))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self {
            bin,
            dir,
            port,
            as_root,
        };
        let data = cluster.dir.join("data");
        cluster.tool(
            "initdb",
            &[
                "-A",
                "trust",
                "-U",
                "godwit",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
                "-D",
                &shown(&data),
            ],
        )?;
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} -c fsync=off -c max_connections=200",
            cluster.dir.display()
        );
        let log = shown(&cluster.dir.join("log"));
        cluster.tool(
            "pg_ctl",
            &[
                "-D",
                &shown(&data),
                "-l",
                &log,
                "-w",
                "-t",
                "60",
                "-o",
                &options,
                "start",
            ],
        )?;
        Ok(cluster)
    }

    /// Runs one of the server's tools; it refuses to be root.
    fn tool(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let program = self.bin.join(name);
        let mut tool = if self.as_root {
            let mut runuser = command("runuser");
            runuser.args(["-u", "postgres", "--"]).arg(program);
            runuser
        } else {
            command(program)
        };
        tool.args(arguments)
            .current_dir(&self.dir)
            .stdout(std::process::Stdio::null());
        run_within(&mut tool, Duration::from_secs(120))
    }

    fn url(&self) -> String {
        format!(
            "postgres://godwit@127.0.0.1:{}/postgres?sslmode=disable",
            self.port
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = shown(&self.dir.join("data"));
        let _ = self.tool(
            "pg_ctl",
            &["-D", &data, "-m", "immediate", "-t", "30", "stop"],
        );
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn newest_bin() -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is missing; run `cargo xtask setup`")?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    match versions.pop() {
        Some(bin) => Ok(bin),
        None => bail!("PostgreSQL is missing; run `cargo xtask setup`"),
    }
}

/// The store story on both databases, and the races.
pub(super) fn run_parts() -> Result<()> {
    crate::setup::ensure()?;
    let cluster = Cluster::start()?;
    run(cargo(&[
        "test",
        "--workspace",
        "--locked",
        "--quiet",
        "--test",
        "story",
        "--test",
        "race",
    ])
    .env("PG_URL", cluster.url()))
}
