#!/usr/bin/env python3
"""Judges what a run did in the areas outside descriptors of files and keys.

    areas_check.py BEFORE AFTER --areas AREAS.json [--demand-changed]
    areas_check.py --self-test FOLDER          FOLDER: hives SYSTEM, SOFTWARE, SECURITY

BEFORE and AFTER are folders with the hives SYSTEM, SOFTWARE and SECURITY, task files and
folders named after accounts below `files`, and, where there is no SECURITY, `rights.json`.
AREAS.json says what was asked for: on, mode, pairs, handed, names, ignored.

Areas that are on must be exactly as `areas_rules` says; everything else, byte for byte as it
was. The self-test does a run in Python and then spoils it in every way that this claims to see.
Exit 0: nothing wrong. 1: something is wrong. 2: bad call.
"""

import argparse
import json
import os
import sys
from collections import Counter

import areas_rules
import hive_read

HIVES = ("SYSTEM", "SOFTWARE", "SECURITY")
SHOWN = 20


class Dump:
    """What can be seen of a device."""

    def __init__(self, hives, files, rights):
        self.hives, self.files, self.rights = hives, files, rights

    @staticmethod
    def read(folder):
        hives, files, rights = {}, {}, None
        for name in HIVES:
            path = os.path.join(folder, name)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    hives[name] = hive_read.read(file.read()).keys
        root = os.path.join(folder, "files")
        for above, folders, names in os.walk(root):
            inner = os.path.relpath(above, root).replace(os.sep, "/")
            for name in folders:
                files[name if inner == "." else f"{inner}/{name}"] = None
            for name in names:
                with open(os.path.join(above, name), "rb") as file:
                    files[name if inner == "." else f"{inner}/{name}"] = file.read()
        if "SECURITY" in hives:
            rights = areas_rules.rights_of(hives["SECURITY"])
        else:
            with open(os.path.join(folder, "rights.json"), encoding="utf-8") as file:
                rights = {sid: set(held) for sid, held in json.load(file).items() if held}
        return Dump(hives, files, rights)

    def tasks(self):
        """Task files by the path that the cache names."""
        head = areas_rules.TASKS
        return {
            path[len(head):].replace("/", "\\"): raw
            for path, raw in self.files.items()
            if raw is not None and path.startswith(head + "/")
        }


class Judge:
    """Compares two dumps."""

    def __init__(self, before, after, areas):
        self.before, self.after, self.areas = before, after, areas
        self.faults, self.seen, self.changed = [], Counter(), Counter()

    def run(self):
        files = {}
        for name, keys in self.before.hives.items():
            plan = areas_rules.hive_after(name, keys, self.areas, self.before.tasks())
            self.seen += plan.seen
            self.changed += plan.changed
            files.update(plan.files)
            self._hive(name, keys, self.after.hives.get(name, {}), plan)
        self._files(files)
        wanted = areas_rules.rights_after(self.before.rights, self.areas)
        self.seen["user_rights"] += len(self.before.rights)
        self.changed["user_rights"] += wanted != self.before.rights
        for sid in sorted(wanted.keys() | self.after.rights.keys()):
            want, have = wanted.get(sid, set()), self.after.rights.get(sid, set())
            if want != have:
                self.faults.append(f"rights of {sid} are {sorted(have)}, wanted {sorted(want)}")
        return self

    def _hive(self, name, before, after, plan):
        there = set()
        for path, key in before.items():
            if name == "SECURITY" and path.startswith("Policy\\Accounts\\"):
                there |= {p for p in after if p.startswith("Policy\\Accounts\\")}
                continue  # judged as rights
            place = plan.moved[path]
            if place is None:
                if path in after:
                    self.faults.append(f"{name}\\{path}: the cache about its owner is still there")
                    there.add(path)
                continue
            now = after.get(place)
            there.add(place)
            if now is None:
                self.faults.append(f"{name}\\{path}: {'is gone' if place == path else 'is not at ' + place}")
                continue
            if now.descriptor != key.descriptor or now.class_name != key.class_name:
                self.faults.append(f"{name}\\{path}: descriptor or class changed")
            wanted = plan.values[path]
            for value in sorted(wanted.keys() | now.values.keys()):
                if wanted.get(value) != now.values.get(value):
                    self.faults.append(f"{name}\\{path}: value {value!r} {self._what(key, value, wanted, now)}")
        for path in sorted(after.keys() - there):
            self.faults.append(f"{name}\\{path}: is new")

    @staticmethod
    def _what(key, value, wanted, now):
        have, want, was = now.values.get(value), wanted.get(value), key.values.get(value)
        if have == was:
            return "was not translated"
        if want == was:
            return "was changed, it must stay"
        return f"is {_short(have)}, wanted {_short(want)}"

    def _files(self, tasks):
        moved = areas_rules.folders_after(self.before.files, self.areas)
        for area, _ in moved.values():
            self.seen[area] += 1
            self.changed[area] += 1
        there = set()
        for path, raw in self.before.files.items():
            place = path
            for old, (_, new) in moved.items():
                if path == old or path.startswith(old + "/"):
                    place = new + path[len(old):]
            there.add(place)
            if place not in self.after.files:
                self.faults.append(f"{path}: {'is gone' if place == path else 'is not at ' + place}")
                continue
            head = areas_rules.TASKS
            task = path[len(head):].replace("/", "\\") if path.startswith(head + "/") else None
            if self.after.files[place] != tasks.get(task, raw):
                self.faults.append(f"{path}: content is not the expected one")
        for path in sorted(self.after.files.keys() - there):
            self.faults.append(f"{path}: is new")

    def unchanged(self):
        """Areas that are on and in which nothing was to change."""
        return sorted(area for area in self.areas.on if not self.changed[area])


def _short(value):
    return "absent" if value is None else f"type {value[0]}, {len(value[1])} bytes {value[1][:40].hex()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", nargs="?")
    parser.add_argument("after", nargs="?")
    parser.add_argument("--areas")
    parser.add_argument("--demand-changed", action="store_true")
    parser.add_argument("--self-test", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.self_test:
        import areas_plant

        return areas_plant.self_test(arguments.self_test)
    if not (arguments.before and arguments.after and arguments.areas):
        parser.error("give BEFORE, AFTER and --areas")
    with open(arguments.areas, encoding="utf-8") as file:
        areas = areas_rules.Areas(json.load(file))
    judge = Judge(Dump.read(arguments.before), Dump.read(arguments.after), areas).run()
    for area in areas_rules.ALL:
        if judge.seen[area]:
            print(f"{area:16} {judge.seen[area]:6} seen {judge.changed[area]:6} to change")
    for fault in judge.faults[:SHOWN]:
        print("WRONG", fault)
    empty = judge.unchanged() if arguments.demand_changed else []
    for area in empty:
        print(f"WRONG {area}: nothing was there to change")
    print(f"{len(judge.faults) + len(empty)} wrong")
    return 1 if judge.faults or empty else 0


if __name__ == "__main__":
    sys.exit(main())
