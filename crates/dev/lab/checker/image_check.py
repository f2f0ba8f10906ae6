#!/usr/bin/env python3
"""Compares a device's volume before and after a run, file by file and key by key.

    image_check.py snapshot IMAGE -o SNAP
    image_check.py compare --before SNAP --after IMAGE --map MAP.csv --mode replace
                           [--ignore PATTERN]… [--facts FACTS.json] [--json FILE]
    image_check.py equal A B [--account NAME [--account-off]] [--json FILE]
                                                A, B: images or snapshots
    image_check.py plant --before SNAP --after IMAGE --map MAP.csv --mode replace …
    image_check.py self-test IMAGE --map MAP.csv    no product needed: Python migrates a copy

`compare` demands, for every name on the volume and the root: in scope, exactly the
descriptor that the rules give for the one before; everything else, and everything in
ignored areas, byte for byte as it was. A record with one name in an ignored area is
ignored. `equal` demands the same of two volumes without any rule (undo, power cut);
what SAM keeps of one local account may differ, as its password and times do.
`plant` damages copies of the finished volume and demands that each damage is found.
Left aside: timestamps of folders and records, and our state folder.
Exit 0: nothing wrong. 1: something is wrong. 2: bad call.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, field

import areas_rules
import hive_check
import hive_read
import image_rules
from ntfs_snapshot import Snapshot, take

CONFIG = "windows/system32/config/"
LOG = re.compile(r"(.*?)(\.LOG[12]?|\{[0-9a-f-]{36}\}\.TM.*(\.blf|\.regtrans-ms))", re.IGNORECASE)
SHOWN = 40


@dataclass
class Result:
    """What was compared and what was wrong."""

    counts: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    profiles: dict = field(default_factory=dict)

    def of_profile(self, path, what, count=1):
        """Counts something of the profile that a path lies in."""
        parts = path.split("/")
        if parts[0] == "Users" and len(parts) > 1:
            counts = self.profiles.setdefault(parts[1], Counter())
            counts[what] += count

    def fault(self, path, what):
        self.counts["wrong"] += 1
        if len(self.wrong) < 10_000:
            self.wrong.append({"path": path, "what": what})

    def report(self, out):
        """Prints the table and the first faults; writes JSON when asked to."""
        for name, count in sorted(self.counts.items()):
            print(f"{name:32} {count:10}")
        if "wrong" not in self.counts:
            print(f"{'wrong':32} {0:10}")
        for fault in self.wrong[:SHOWN]:
            print(f"WRONG {fault['path'] or '(root)'}: {fault['what']}")
        if len(self.wrong) > SHOWN:
            print(f"… and {self.counts['wrong'] - SHOWN} more")
        if out:
            with open(out, "w", encoding="utf-8") as file:
                json.dump(
                    {
                        "ok": not self.wrong,
                        "wrong": self.counts["wrong"],
                        "counts": dict(sorted(self.counts.items())),
                        "profiles": {name: dict(sorted(c.items())) for name, c in sorted(self.profiles.items())},
                        "faults": self.wrong,
                        "notes": self.notes,
                    },
                    file,
                    indent=1,
                    ensure_ascii=True,
                )
        return 1 if self.wrong else 0


def load(path, mounted=None):
    """A snapshot from a snapshot file or an image."""
    with open(path, "rb") as file:
        if file.read(15) == b"SQLite format 3":
            return Snapshot.load(path)
    return take(path, mounted)


def renamed(path, pairs):
    """The path after folders named by a mapped SID (recycle bin, key stores) got their target's name."""
    return "/".join(pairs.get(part, part) for part in path.split("/"))


class Comparison:
    """One comparison of two snapshots; `expected` is None when they must be equal."""

    def __init__(self, before, after, scope, expected=None, facts=None, state=(image_rules.STATE_FOLDER,)):
        self.before, self.after, self.scope = before, after, scope
        self.expected, self.facts, self.state = expected, facts or {}, state
        self.result = Result()
        self.after_links = after.links()
        self.before_links = before.links()
        self.moved = {}
        # What the areas outside descriptors must look like, if the run had any.
        told = self.facts.get("areas") if expected else None
        self.areas = areas_rules.Areas(told, expected.pairs) if told else None
        self.plans, self.folders = self._plans(), {}
        if self.areas:
            self.folders = areas_rules.folders_after(before.names, self.areas)
        # After a new join of the source, logs of machine hives are parked and stay so.
        self.parked_logs = False

    def _plans(self):
        """Name of a machine hive -> what the areas make of it."""
        if not self.areas:
            return {}
        tasks = {"\\" + path.replace("/", "\\"): raw for path, raw in self.before.tasks.items()}
        plans = {}
        for name, (number, _) in self.before.names.items():
            hive = name.lower().removeprefix(CONFIG).upper()
            if name.lower().startswith(CONFIG) and hive in areas_rules.PLACES:
                keys = hive_read.read(self.before.hives[number]).keys
                plans[hive] = areas_rules.hive_after(hive, keys, self.areas, tasks)
        return plans

    def _renamed(self, name, here, pairs):
        """The name afterwards: exactly the one that the areas give, or (without areas) a likely one."""
        if self.areas:
            for folder, (area, new) in self.folders.items():
                if name == folder or name.startswith(folder + "/"):
                    self.result.counts[f"{area}: renamed"] += 1
                    return new + name[len(folder) :]
            return name
        return renamed(name, pairs) if name not in here and renamed(name, pairs) in here else name

    def _task_after(self, name):
        """The expected content of a task file that changes, or None."""
        if not name.startswith(areas_rules.TASKS + "/") or "SOFTWARE" not in self.plans:
            return None
        return self.plans["SOFTWARE"].files.get(name[len(areas_rules.TASKS) :].replace("/", "\\"))

    def run(self):
        self._names()
        for number, names in sorted(self.before_links.items()):
            names = [n for n in names if not image_rules.in_state_folder(n, self.state)]
            if names:
                self._record(number, names)
        return self.result

    def _names(self):
        """Every name before is there after, and no other."""
        pairs = self.expected.pairs if self.expected else {}
        here = {n for n in self.after.names if not image_rules.in_state_folder(n, self.state)}
        for name in self.before.names:
            if image_rules.in_state_folder(name, self.state):
                continue
            target = self._renamed(name, here, pairs)
            self.result.counts["renamed"] += target != name
            self.moved[name] = target
            if target not in here:
                if (self.expected or self.parked_logs) and self._is_log(name):
                    self.result.counts["hive logs parked"] += 1
                else:
                    self.result.fault(name, "is gone")
            here.discard(target)
        for name in sorted(here):
            if not self._may_be_new(name):
                self.result.fault(name, "is new")

    def _is_log(self, name):
        """Logs of a hive are set aside when the hive is replaced: left, they would spoil it."""
        match = LOG.fullmatch(name)
        return bool(match) and self.before.names.get(match[1], (0,))[0] in self.before.hives

    def _may_be_new(self, name):
        # The folder above our state folder, where there was none.
        return any(folder.lower().startswith(name.lower() + "/") for folder in self.state)

    def _record(self, number, names):
        old = self.before.records[number]
        first = self.moved[names[0]]
        if first not in self.after.names:
            return
        new_number, _ = self.after.names[first]
        new = self.after.records[new_number]
        ignored = [n for n in names if self.scope.ignored(n)]
        if ignored and len(ignored) < len(names):
            self.result.counts["linked into an ignored area"] += 1
            self.result.notes.append({"path": names[0], "what": f"also {ignored[0]}: must stay untouched"})
        self.result.counts["folders" if old.kind == "d" else "files"] += 1
        self._descriptor(names[0], old, new, bool(ignored))
        hive = number in self.before.hives
        self._rest(names, old, new, new_number, hive)
        if hive:
            self._hive(names[0], self.before.hives[number], self.after.hives.get(new_number))

    def _descriptor(self, name, old, new, ignored):
        counts = self.result.counts
        raw = self.before.descriptors[old.descriptor]
        now = self.after.descriptors[new.descriptor]
        if ignored:
            counts["descriptors in ignored areas"] += 1
            wanted = raw
        else:
            wanted = self.expected.descriptor(raw) if self.expected else raw
        self.result.of_profile(name, "seen")
        if wanted != raw:
            counts["descriptors translated"] += 1
            self.result.of_profile(name, "changed")
        elif not ignored:
            counts["descriptors that stay"] += 1
        if now != wanted:
            if now == raw:
                what = "descriptor was not translated"
            elif wanted == raw:
                what = "descriptor was changed, it must stay"
            else:
                what = "descriptor is neither the old one nor the expected one"
            self.result.fault(name, f"{what}: {now.hex()[:160]}…, wanted {wanted.hex()[:160]}…")

    def _rest(self, names, old, new, new_number, hive):
        fault = self.result.fault
        name = names[0]
        for field_name in ("kind", "attributes", "reparse", "object_id", "ea"):
            was, now = getattr(old, field_name), getattr(new, field_name)
            if was != now:
                fault(name, f"{field_name.replace('_', ' ')} was {was!r}, is {now!r}")
        if not hive:
            self.result.counts["contents"] += old.kind == "f"
            task = self._task_after(name)
            if task is not None:
                self.result.counts["task files translated"] += 1
                if new.content != hashlib.sha256(task).hexdigest():
                    fault(name, "content of the task is not the expected one")
            elif (old.size, old.content) != (new.size, new.content):
                fault(name, f"content of {old.size} bytes became another one of {new.size} bytes")
            elif self.expected and old.kind == "f" and old.mtime != new.mtime:
                fault(name, "last write time of an unchanged file moved")
        self.result.counts["streams"] += len(old.streams)
        for stream in sorted(old.streams.keys() | new.streams.keys()):
            if old.streams.get(stream) != new.streams.get(stream):
                fault(name, f"stream {stream!r} was {old.streams.get(stream)}, is {new.streams.get(stream)}")
        after_names = [n for n in self.after_links[new_number] if not image_rules.in_state_folder(n, self.state)]
        if sorted(self.moved[n] for n in names) != sorted(after_names):
            fault(name, f"names were {names}, are {after_names}")
        if len(names) > 1:
            self.result.counts["hard linked files"] += 1
        for each in names:
            was, now = self.before.names[each][1], self.after.names.get(self.moved[each], (0, ""))[1]
            if was != now:
                fault(each, f"short name was {was!r}, is {now!r}")

    def moved_or(self, name):
        """The name under which `name` is found in the volume after the run."""
        return self.moved.get(name) or (name if name in self.after.names else renamed(name, self.expected.pairs))

    def _hive(self, name, old, new):
        if new is None:
            self.result.fault(name, "is a hive no longer")
            return
        kind = name.lower()[len(CONFIG) :].upper() if name.lower().startswith(CONFIG) else "USER"
        if kind != "USER" and self.facts.get("files_only"):
            if old != new:
                self.result.fault(name, "machine hive was changed")
            return
        if kind == "USER" and self.expected and self.scope.ignored(name):
            # A hive in an ignored area, or of a profile that does not change hands.
            self.result.counts["hives left alone"] += 1
            if old != new:
                self.result.fault(name, "hive in an ignored area was changed")
            return
        told = hive_check.compare(kind, old, new, self.expected, self.facts, self.plans.get(kind), self.areas)
        self.result.counts.update(told.counts)
        self.result.of_profile(name, "keys", told.counts["keys"])
        self.result.of_profile(name, "keys changed", told.counts["keys translated"])
        for key, what in told.faults:
            self.result.fault(f"{name} » {key}", what)
        for note in told.changes:
            self.result.notes.append({"path": f"{name} » {note[0]}", "what": note[1]})


def compare(arguments):
    """Runs the comparison that the arguments describe."""
    before = load(arguments.before)
    after = load(arguments.after, arguments.mounted)
    facts = {}
    if arguments.facts:
        with open(arguments.facts, encoding="utf-8") as file:
            facts = json.load(file)
    pairs = image_rules.read_map(arguments.map)
    patterns = arguments.ignore if arguments.ignore is not None else list(image_rules.DEFAULT_IGNORED)
    scope = image_rules.Scope(patterns)
    expected = image_rules.Expected(pairs, arguments.mode)
    state = tuple(arguments.state or [image_rules.STATE_FOLDER])
    facts["files_only"] = arguments.files_only
    return Comparison(before, after, scope, expected, facts, state)


def parser():
    """The command line."""
    parser = argparse.ArgumentParser(description="compare device volumes")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("snapshot")
    one.add_argument("image")
    one.add_argument("-o", "--out", required=True)
    one.add_argument("--mounted", help="where IMAGE is mounted already")
    for name in ("compare", "plant"):
        two = verbs.add_parser(name)
        two.add_argument("--before", required=True, help="snapshot or image")
        two.add_argument("--after", required=True, help="image (or snapshot, for compare)")
        two.add_argument("--mounted", help="where --after is mounted already")
        two.add_argument("--map", required=True)
        two.add_argument("--mode", choices=("replace", "add"), default="replace")
        two.add_argument("--ignore", action="append", help="pattern of an ignored area; replaces the default ones")
        two.add_argument("--state", action="append", help="folder of our own state")
        two.add_argument("--facts", help="JSON: what the machine hives must say after the run")
        two.add_argument("--files-only", action="store_true", help="the machine hives were not part of the run")
        two.add_argument("--json")
    three = verbs.add_parser("equal")
    three.add_argument("left")
    three.add_argument("right")
    three.add_argument("--state", action="append")
    three.add_argument("--parked-logs", action="store_true", help="logs of hives may be set aside in our folder")
    three.add_argument("--account", help="a local account that may differ, or be new in RIGHT")
    three.add_argument("--account-off", action="store_true", help="it must be switched off and no administrator")
    three.add_argument("--json")
    four = verbs.add_parser("self-test")
    four.add_argument("image")
    four.add_argument("--map", required=True)
    return parser


def main():
    arguments = parser().parse_args()
    if arguments.verb == "snapshot":
        snap = take(arguments.image, arguments.mounted)
        snap.save(arguments.out)
        print(
            f"{len(snap.names)} names, {len(snap.records)} records, {len(snap.descriptors)} distinct descriptors, "
            f"{len(snap.hives)} hives -> {arguments.out} ({os.path.getsize(arguments.out)} bytes)"
        )
        return 0
    if arguments.verb == "equal":
        state = tuple(arguments.state or [image_rules.STATE_FOLDER])
        facts = {"account": arguments.account, "account_is": "off" if arguments.account_off else "any"}
        pair = Comparison(
            load(arguments.left), load(arguments.right), image_rules.Scope([]), facts=facts, state=state
        )
        pair.parked_logs = arguments.parked_logs
        return pair.run().report(arguments.json)
    if arguments.verb in ("plant", "self-test"):
        import image_plant

        if arguments.verb == "plant":
            return image_plant.run(arguments)
        return image_plant.self_test(arguments.image, arguments.map)
    return compare(arguments).run().report(arguments.json)


if __name__ == "__main__":
    sys.exit(main())
