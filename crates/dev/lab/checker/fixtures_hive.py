#!/usr/bin/env python3
"""Runs the agent's hive tools over real hives and checks every key independently.

    fixtures_hive.py --fixtures DIR --agent PATH [--wine] [--same-as NATIVE]

DIR has `hives/*.xz` (and `hives/edge/`). For each hive the verdict (accepted,
recovered, refused) is formed here first, by our own recovery and structural
check; then the agent must agree. `--wine` runs PATH under Wine; `--same-as`
names a native agent whose output must be the same bytes.
"""

import argparse
import json
import lzma
import os
import re
import subprocess
import sys
import tempfile

import hive_read
import hive_recover
import hive_rewrite
import hive_structure
import sd_rewrite

# Hives as Windows itself recovered them, by the end of their names.
RECOVERED = "RecoveredHive"


class Bench:
    """Counts what passed and failed, and prints as it goes."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, ok, what):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print("    FAILED: %s" % what)
        return ok


class Agent:
    """Runs one agent binary."""

    def __init__(self, path, wine):
        self.start = ["wine", path] if wine else [path]
        self.wine = wine
        self.environment = dict(os.environ, WINEDEBUG="-all")

    def path(self, name):
        return "Z:" + os.path.abspath(name).replace("/", "\\") if self.wine else name

    def run(self, *arguments):
        done = subprocess.run(
            self.start + list(arguments),
            capture_output=True,
            timeout=300,
            env=self.environment,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode().strip()

    def with_logs(self, hive):
        out = []
        for number in (1, 2):
            log = hive["log%d" % number]
            if log:
                out += ["--log%d" % number, self.path(log)]
        return out

    def sids(self, hive):
        return self.run("hive", "sids", "--json", *self.with_logs(hive), self.path(hive["path"]))

    def remap(self, hive, map_file, mode, out, logs=True):
        return self.run(
            "hive", "remap", "--json", "--map", self.path(map_file), "--mode", mode,
            *(self.with_logs(hive) if logs else []), self.path(hive["path"]), self.path(out),
        )


def unpack(fixtures, into):
    """Decompresses every fixture; answers hives (with the paths of their logs) by name."""
    names = {}
    for folder, _, files in sorted(os.walk(os.path.join(fixtures, "hives"))):
        for file in sorted(files):
            if not file.endswith(".xz"):
                continue
            relative = os.path.relpath(os.path.join(folder, file[:-3]), os.path.join(fixtures, "hives"))
            target = os.path.join(into, relative)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with lzma.open(os.path.join(folder, file)) as source, open(target, "wb") as copy:
                copy.write(source.read())
            names[relative] = target
    log = re.compile(r"\.log[12]?$", re.IGNORECASE)
    hives = []
    for name, path in names.items():
        if log.search(name):
            continue
        hive = {"name": name, "path": path, "log1": None, "log2": None}
        for other, other_path in names.items():
            found = log.search(other)
            if found and other[: found.start()].lower() == name.lower():
                hive["log2" if other.endswith("2") else "log1"] = other_path
        hives.append(hive)
    return hives


def read(path):
    if not path:
        return b""
    with open(path, "rb") as file:
        return file.read()


def judge(hive):
    """(verdict, reason, clean bytes) by our own recovery and structural check."""
    try:
        data, how = hive_recover.recover(read(hive["path"]), read(hive["log1"]), read(hive["log2"]))
    except hive_recover.Refused as error:
        return "refused", "dirty: %s" % error, None
    faults = hive_structure.check(data)
    if faults:
        return "refused", faults[0], None
    return ("accepted", how, data) if how == "clean" else ("recovered", how, data)


def write_map(path, pairs):
    with open(path, "w", encoding="ascii") as file:
        file.write("source_sid,target_sid\n")
        for source, target in pairs:
            file.write("%s,%s\n" % (source, target))


def try_refused(bench, agent, hive, scratch):
    out = os.path.join(scratch, "refused.out")
    empty = os.path.join(scratch, "empty.csv")
    code, _, reason = agent.remap(hive, empty, "replace", out)
    bench.check(code == 2, "remap must refuse with 2, gave %d" % code)
    bench.check(not os.path.exists(out), "a refused remap must write nothing")
    code, _, _ = agent.sids(hive)
    bench.check(code == 2, "sids must refuse with 2, gave %d" % code)
    return reason.split(os.path.basename(hive["path"]) + ": ", 1)[-1]


def try_hive(bench, agent, native, hive, data, scratch):
    """All checks of a hive that must be accepted or recovered; answers a summary."""
    before = hive_read.read(data)
    original = read(hive["path"])
    out = os.path.join(scratch, "out")
    code, text, error = agent.sids(hive)
    if not bench.check(code == 0, "sids gave %d: %s" % (code, error)):
        return "-"
    listed = {one["sid"] for one in json.loads(text)["sids"]}
    ours = hive_rewrite.sids_in(before)
    bench.check(ours <= listed, "sids misses %s" % sorted(ours - listed))
    sources = sorted(sid for sid in ours if sid.startswith("S-1-5-21-"))
    pairs = [(sid, "S-1-12-1-%d-%d-77-1" % (n + 1, 4000000000 - n)) for n, sid in enumerate(sources)]
    map_file = os.path.join(scratch, "map.csv")
    write_map(map_file, pairs)
    sid_map = sd_rewrite.read_map(map_file)
    summary = []
    for mode in ("replace", "add"):
        code, text, error = agent.remap(hive, map_file, mode, out)
        if not bench.check(code == 0, "%s gave %d: %s" % (mode, code, error)):
            continue
        after = read(out)
        told, changed = hive_rewrite.wrong(before, hive_read.read(after), sid_map, mode)
        bench.check(not told, "%s: %s" % (mode, told[:2]))
        faults = hive_structure.check(after)
        bench.check(not faults, "%s: %s" % (mode, faults[:2]))
        bench.check(json.loads(text)["keys_changed"] == changed, "%s: keys_changed is not %d" % (mode, changed))
        if changed:
            bench.check(numbers_above(after, hive), "%s: a sequence number is not above all others" % mode)
            bench.check(stamp(after) != stamp(data), "%s: an old log could match" % mode)
        if mode == "replace":
            bench.check(same_outside_descriptors(data, after, before), "replace changed other bytes")
        if native:
            code, _, _ = native.remap(hive, map_file, mode, out + ".native")
            bench.check(code == 0 and read(out + ".native") == after, "%s: other bytes than native" % mode)
        summary.append("%s %d keys" % (mode, changed))
    for name in ("empty.csv", "miss.csv"):
        code, _, error = agent.remap(hive, os.path.join(scratch, name), "replace", out)
        after = read(out) if code == 0 else b""
        if hive_recover.is_dirty(original):
            ok = code == 0 and not hive_read.differences(before, hive_read.read(after))
            ok = ok and not hive_structure.check(after)
        else:
            ok = code == 0 and after == original
        bench.check(ok, "a map that hits nothing (%s) must return the input; %s" % (name, error))
    if hive_recover.is_dirty(original):
        os.remove(out)
        code, _, _ = agent.remap(hive, map_file, "replace", out, logs=False)
        bench.check(code == 2 and not os.path.exists(out), "dirty without logs must be refused")
    bench.check(read(hive["path"]) == original, "the input was changed")
    return ", ".join(summary)


def numbers_above(after, hive):
    """Both sequence numbers are above any in the base block, the logs and their entries."""
    number = hive_recover.Header(after).first
    highest = 0
    for name in ("path", "log1", "log2"):
        data = read(hive[name])
        head = hive_recover.Header(data)
        if head.whole:
            highest = max(highest, head.first, head.second)
        if name != "path":
            for at in range(512, len(data) - 40, 512):
                if data[at : at + 4] == b"HvLE":
                    highest = max(highest, int.from_bytes(data[at + 12 : at + 16], "little"))
    return number > highest


def stamp(data):
    return hive_recover.Header(data).time


def same_outside_descriptors(data, after, before):
    """A replace of equal lengths touches descriptor bytes and the base block only."""
    if len(data) != len(after):
        return False
    masked = [bytearray(data), bytearray(after)]
    for offset, size in {(k.security, len(k.descriptor)) for k in before.keys.values()}:
        for copy in masked:
            at = 4096 + offset + 4 + 20
            copy[at : at + size] = bytes(size)
    return masked[0][512:] == masked[1][512:]


def compare_with_windows(bench, agent, hives, scratch):
    """The dirty hives with an empty map equal what Windows made of them."""
    for recovered in hives:
        if RECOVERED not in recovered["name"]:
            continue
        group = recovered["name"].split("-" + RECOVERED)[0]
        dirty = [h for h in hives if h["name"].startswith(group + "-") and RECOVERED not in h["name"]]
        for hive in dirty:
            out = os.path.join(scratch, "recovered.out")
            code, _, error = agent.remap(hive, os.path.join(scratch, "empty.csv"), "replace", out)
            if bench.check(code == 0, "%s: %s" % (hive["name"], error)):
                windows = hive_read.read(read(recovered["path"]))
                told = hive_read.differences(windows, hive_read.read(read(out)))
                bench.check(not told, "%s: %s" % (hive["name"], told))
                print("%-44s equals Windows' own recovery: %s" % (hive["name"], "no" if told else "yes"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fixtures", required=True)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--wine", action="store_true")
    parser.add_argument("--same-as", metavar="NATIVE")
    arguments = parser.parse_args()
    bench, agent = Bench(), Agent(arguments.agent, arguments.wine)
    native = Agent(arguments.same_as, False) if arguments.same_as else None
    with tempfile.TemporaryDirectory(prefix="godwit-hives-") as scratch:
        hives = unpack(arguments.fixtures, scratch)
        bench.check(len(hives) > 0, "no hives in %s" % arguments.fixtures)
        write_map(os.path.join(scratch, "empty.csv"), [])
        write_map(os.path.join(scratch, "miss.csv"), [("S-1-5-21-9-9-9-9999", "S-1-12-1-9-9-9-9")])
        for hive in hives:
            verdict, reason, data = judge(hive)
            if verdict == "refused":
                told = try_refused(bench, agent, hive, scratch)
                print("%-44s refused: %s [agent: %s]" % (hive["name"], reason, told))
            else:
                summary = try_hive(bench, agent, native, hive, data, scratch)
                print("%-44s %s (%s): %s" % (hive["name"], verdict, reason, summary))
        compare_with_windows(bench, agent, hives, scratch)
    print("%d passed, %d failed" % (bench.passed, bench.failed))
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
