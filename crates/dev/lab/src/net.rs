//! The lab's network: three namespaces on one bridge.
//!
//! `gw-source` 10.97.0.11, `gw-target` 10.97.0.12 (a domain controller each), `gw-hq` 10.97.0.10
//! (server and agents); the namespace the lab was started in has 10.97.0.1 on the bridge. Needs
//! nothing outside, so it works inside `unshare -n`.

use crate::forest::run::{Limited, run, try_run};
use anyhow::{Context, Result, bail};
use std::{fs, path::Path, process::Command};

/// One namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    /// `gw-…`.
    pub name: &'static str,
    /// Its address on the bridge.
    pub address: &'static str,
}

/// The source forest's domain controller.
pub const SOURCE: Namespace = Namespace {
    name: "gw-source",
    address: "10.97.0.11",
};
/// The target forest's domain controller.
pub const TARGET: Namespace = Namespace {
    name: "gw-target",
    address: "10.97.0.12",
};
/// Server and agents.
pub const HQ: Namespace = Namespace {
    name: "gw-hq",
    address: "10.97.0.10",
};
/// All of them.
pub const ALL: [Namespace; 3] = [SOURCE, TARGET, HQ];
/// The address of the namespace the lab was started in.
pub const ROOT_ADDRESS: &str = "10.97.0.1";

const BRIDGE: &str = "gw-br";

/// Makes the network anew unless it is there and reaches all three namespaces.
///
/// # Errors
/// If `ip` fails; its words are in the error.
pub fn up() -> Result<()> {
    if is_up() {
        return write_names();
    }
    down();
    run(ip(&["link", "set", "lo", "up"])).context("bringing the loopback up")?;
    run(ip(&["link", "add", BRIDGE, "type", "bridge"])).context("making the lab's bridge")?;
    run(ip(&[
        "addr",
        "add",
        &format!("{ROOT_ADDRESS}/24"),
        "dev",
        BRIDGE,
    ]))?;
    run(ip(&["link", "set", BRIDGE, "up"]))?;
    for ns in ALL {
        let outer = format!("{}-v", ns.name);
        run(ip(&["netns", "add", ns.name]))
            .with_context(|| format!("making namespace {}", ns.name))?;
        run(ip(&[
            "link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", ns.name,
        ]))?;
        run(ip(&["link", "set", &outer, "master", BRIDGE, "up"]))?;
        run(ip_in(
            ns,
            &["addr", "add", &format!("{}/24", ns.address), "dev", "eth0"],
        ))?;
        run(ip_in(ns, &["link", "set", "eth0", "up"]))?;
        run(ip_in(ns, &["link", "set", "lo", "up"]))?;
        run(ip_in(ns, &["route", "add", "default", "via", ROOT_ADDRESS]))?;
    }
    write_names()
}

/// Takes the network down; does not mind what is not there.
pub fn down() {
    for ns in ALL {
        let _ = try_run(ip(&["netns", "del", ns.name]));
        let _ = try_run(ip(&["link", "del", &format!("{}-v", ns.name)]));
        let _ = fs::remove_dir_all(format!("/etc/netns/{}", ns.name));
    }
    let _ = try_run(ip(&["link", "del", BRIDGE]));
}

/// True if all parts are there and belong to the network namespace this process is in.
#[must_use]
pub fn is_up() -> bool {
    let has = |arguments: &[&str], needle: &str| {
        try_run(ip(arguments)).is_ok_and(|out| out.ok && out.stdout.contains(needle))
    };
    let has_in = |ns: Namespace, arguments: &[&str], needle: &str| {
        try_run(ip_in(ns, arguments)).is_ok_and(|out| out.ok && out.stdout.contains(needle))
    };
    has(&["-4", "addr", "show", "dev", BRIDGE], ROOT_ADDRESS)
        && ALL.iter().all(|ns| {
            has(&["link", "show", &format!("{}-v", ns.name)], BRIDGE)
                && has_in(*ns, &["-4", "addr", "show", "dev", "eth0"], ns.address)
        })
}

/// A command that runs inside a namespace, with the namespace's own `/etc/hosts` and
/// `/etc/resolv.conf`.
///
/// `ip netns exec` cannot change mount propagation in a chroot whose root is no mount point; there
/// the same is done by hand.
///
/// # Errors
/// If neither way works.
pub fn command(ns: Namespace, program: &str) -> Result<Command> {
    if try_run(ip(&["netns", "exec", ns.name, "true"])).is_ok_and(|out| out.ok) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", ns.name, program]);
        return Ok(command);
    }
    let script = format!(
        "for f in hosts resolv.conf; do [ -e /etc/$f ] || : >/etc/$f; mount --bind /etc/netns/{}/$f /etc/$f || exit 97; done; exec \"$@\"",
        ns.name
    );
    let mut command = net_only(ns, "unshare");
    command.args([
        "-m",
        "--propagation",
        "unchanged",
        "sh",
        "-c",
        &script,
        "sh",
        program,
    ]);
    Ok(command)
}

/// A command inside a namespace's network only: files are the caller's own.
#[must_use]
pub fn net_only(ns: Namespace, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net=/run/netns/{}", ns.name))
        .arg(program);
    command
}

/// Stops domain controllers that are still in a namespace, whoever started them: two cannot share
/// its address.
pub fn stop_strays(ns: Namespace) {
    let Ok(said) = try_run(ip(&["netns", "pids", ns.name])) else {
        return;
    };
    for pid in said.stdout.split_whitespace() {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.starts_with("samba") {
            let mut command = Command::new("kill");
            command.args(["-KILL", pid]);
            let _ = try_run(Limited {
                command,
                seconds: 5,
                input: None,
            });
        }
    }
}

/// Host names of the lab for every namespace; only the source's DNS is asked for anything else, so
/// that an unknown name is refused at once.
fn write_names() -> Result<()> {
    let hosts = format!(
        "127.0.0.1 localhost\n{} dc1.source.test\n{} dc1.target.test\n{} server.godwit.test\n",
        SOURCE.address, TARGET.address, HQ.address
    );
    let resolver = format!(
        "nameserver {}\noptions timeout:1 attempts:1\n",
        SOURCE.address
    );
    for ns in ALL {
        let folder = Path::new("/etc/netns").join(ns.name);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        fs::write(folder.join("hosts"), &hosts)?;
        fs::write(folder.join("resolv.conf"), &resolver)?;
    }
    Ok(())
}

/// `ip` inside a namespace. Not `ip -n`: that changes mount propagation and cannot in a chroot.
fn ip_in(ns: Namespace, arguments: &[&str]) -> Limited {
    let mut command = net_only(ns, "ip");
    command.args(arguments);
    Limited {
        command,
        seconds: 20,
        input: None,
    }
}

fn ip(arguments: &[&str]) -> Limited {
    let mut command = Command::new("ip");
    command.args(arguments);
    Limited {
        command,
        seconds: 20,
        input: None,
    }
}

/// Fails with a sentence if this process may not make namespaces.
///
/// # Errors
/// If it is not root.
pub fn require_root() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let root = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"));
    if !root {
        bail!("the lab makes network namespaces and mounts: run it as root");
    }
    Ok(())
}
