#!/usr/bin/env python3
"""Measures the offline translation of a volume beside a walk over the mounted one.

    volume_bench.py --agent godwit-agent --dir FOLDER [--files N] [--peer-files N]

Prints one budget row as a JSON line. The volume (at most 1,000 distinct descriptors, 99 of
them shared between the files in scope and an excluded folder that holds a fifth of all) is made
once by ntfs-3g and kept in FOLDER; each measurement works on a fresh copy that was read once, so
that both sides find it in memory. The peer is `peer/acl_walk.c`, compiled here with -O2, on at
least 100,000 files; its time is scaled by the number of files. System calls are counted by
`strace -c -f` in a run of its own, which is not timed, where strace is installed; else the
agent's are not known, and the peer's are its own count.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, "volume_files.py")
GOAL_SECONDS, GOAL_RATIO = 3.0, 200.0
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Mounted:
    """A mounted volume; ntfs-3g has written everything at the end."""

    def __init__(self, image, point):
        self.image, self.point = image, point

    def __enter__(self):
        os.makedirs(self.point, exist_ok=True)
        options = "permissions,streams_interface=windows,noatime,no_detach"
        self.driver = subprocess.Popen(["ntfs-3g", "-o", options, self.image, self.point], **QUIET)
        while not os.path.ismount(self.point):
            if self.driver.poll() is not None:
                raise SystemExit("ntfs-3g does not mount " + self.image)
            time.sleep(0.005)
        return self.point

    def __exit__(self, *_):
        subprocess.run(["umount", self.point], timeout=120)
        # A mount namespace made meanwhile may keep ntfs-3g alive, until it is asked to end.
        try:
            self.driver.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.driver.terminate()
            self.driver.wait(timeout=600)


def volume(folder, files):
    """A volume with so many files, made once."""
    with open(FILES, "rb") as source:
        key = hashlib.sha256(source.read()).hexdigest()[:10]
    image = os.path.join(folder, "volume-%d-%s.img" % (files, key))
    if not os.path.exists(image):
        print("making %s, which takes about a second per 1,000 files" % image, file=sys.stderr)
        part = image + ".part"
        with open(part, "wb") as file:
            file.truncate((256 << 20) + files * 4096)
        subprocess.run(["mkfs.ntfs", "-F", "-Q", "-q", part], check=True, timeout=120, **QUIET)
        subprocess.run([sys.executable, FILES, "root", part], check=True, timeout=60)
        with Mounted(part, os.path.join(folder, "mnt")) as point:
            words = [sys.executable, FILES, "build", point, "--files", str(files), "--descriptors", "990"]
            subprocess.run(words, check=True, timeout=60 + files // 100)
        os.rename(part, image)
    return image


def fresh(image, folder):
    copy = os.path.join(folder, "work.img")
    if os.path.exists(copy):
        os.remove(copy)
    subprocess.run(["cp", "--sparse=always", image, copy], check=True, timeout=600)
    # On stable storage, so that what is measured flushes its own writes and not the copy's.
    subprocess.run(["sync", copy], check=True, timeout=600)
    with open(copy, "rb") as file:
        while file.read(1 << 24):
            pass
    return copy


def agent(arguments, image, table):
    return [arguments.agent, "volume", "remap", image, "--map", table, "--mode", "replace", "--exclude", "Ignored", "--json"]


def ours(arguments, image, table):
    """(best seconds of three, report)."""
    best, report = None, None
    for _ in range(arguments.rounds):
        copy = fresh(image, arguments.dir)
        start = time.monotonic()
        done = subprocess.run(agent(arguments, copy, table), check=True, timeout=900, capture_output=True)
        seconds = time.monotonic() - start
        best = seconds if best is None else min(best, seconds)
        report = json.loads(done.stdout)
    checked = subprocess.run([sys.executable, os.path.join(HERE, "secure_check.py"), copy], timeout=900, capture_output=True)
    if checked.returncode:
        raise SystemExit("the volume is not sound afterwards: %s" % checked.stdout.decode()[:500])
    return best, report


def calls_of(words):
    """System calls of a program and all it starts, by strace; None without strace."""
    if not shutil.which("strace"):
        return None
    done = subprocess.run(["strace", "-c", "-f", "-q"] + words, timeout=1800, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    total = re.search(r"^\s*100\.00\s+[\d.]+\s+(?:\d+\s+)?(\d+)\s+(?:\d+\s+)?total", done.stderr.decode(), re.M)
    return int(total.group(1)) if total else None


def theirs(arguments, image, table):
    program = os.path.join(arguments.dir, "acl_walk")
    source = os.path.join(HERE, "..", "peer", "acl_walk.c")
    subprocess.run(["gcc", "-O2", "-Wall", "-o", program, source], check=True, timeout=120)
    copy = fresh(image, arguments.dir)
    with Mounted(copy, os.path.join(arguments.dir, "mnt")) as point:
        done = subprocess.run([program, point, table, "Ignored"], check=True, timeout=3600, capture_output=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--agent", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--files", type=int, default=int(os.environ.get("GODWIT_BENCH_FILES", "100000")))
    parser.add_argument("--peer-files", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.makedirs(arguments.dir, exist_ok=True)
    table = os.path.join(arguments.dir, "map.csv")
    subprocess.run([sys.executable, FILES, "map", table], check=True, timeout=60)
    image = volume(arguments.dir, arguments.files)
    seconds, report = ours(arguments, image, table)
    seen = report["files"] + report["directories"] + report["excluded"]
    calls = calls_of(agent(arguments, fresh(image, arguments.dir), table))
    peer = theirs(arguments, volume(arguments.dir, arguments.peer_files), table)
    if peer["failed"]:
        raise SystemExit("the peer failed on %d files" % peer["failed"])
    os.remove(os.path.join(arguments.dir, "work.img"))
    in_scope = report["files"] + report["directories"]
    peer_seconds = peer["seconds"] / peer["files"] * in_scope
    ratio = peer_seconds / seconds
    million = seconds * 1e6 / seen
    met = million <= GOAL_SECONDS and ratio >= GOAL_RATIO
    print(
        "volume: %d files, %d descriptors, %d patched, %d new; %d files changed in %.3f s; %s system calls"
        % (seen, report["descriptors"], report["patched"], report["added"], report["files_changed"], seconds, calls if calls else "uncounted"),
        file=sys.stderr,
    )
    print(
        "peer: %d files, %d changed in %.1f s, %d system calls of its own; scaled %.1f s"
        % (peer["files"], peer["changed"], peer["seconds"], peer["calls"], peer_seconds),
        file=sys.stderr,
    )
    because = ""
    if not met:
        because = "%.2f s for a million files here, %.0f times the peer" % (million, ratio)
        if arguments.files < 1000000:
            because += "; mounting and flushing weigh more on %d files" % arguments.files
    row = {
        "name": "volume-remap",
        "value": round(seconds, 3),
        "unit": "s (%d files)" % seen,
        "goal": "<= 3 s/1 M files, >= 200 times",
        "peer": "C xattr walk",
        "ratio": round(ratio, 1),
        "met": met,
        "because": because,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
