#!/usr/bin/env python3
"""Checks the members of a built-in local group after a run, from SAM itself.

    local_group.py --after IMAGE --map MAP.csv --rid 544

Demands that no mapped source is a member, that at least one target is, and that the index of
each member names the group. Exit 0: so it is. 1: it is not. The alias record is read by the
layout that public tools document: the numbers at 0x28, 0x2C and 0x30 of `C` are offset (from
0x34), length and count of the members' SIDs.
"""

import argparse
import csv
import os
import shutil
import struct
import sys
import tempfile

from Registry import Registry

from ntfs_snapshot import Mounted


def sid_text(raw):
    count = raw[1]
    authority = int.from_bytes(raw[2:8], "big")
    parts = struct.unpack_from(f"<{count}I", raw, 8)
    return "-".join(["S", str(raw[0]), str(authority), *map(str, parts)]), 8 + 4 * count


def members(sam, rid):
    record = sam.open(f"SAM\\Domains\\Builtin\\Aliases\\{rid:08X}").value("C").value()
    offset, length, count = struct.unpack_from("<III", record, 0x28)
    at, end, found = 0x34 + offset, 0x34 + offset + length, []
    for _ in range(count):
        text, size = sid_text(record[at:end])
        found.append(text)
        at += size
    return found


def index_names(sam, sid, rid):
    domain, _, last = sid.rpartition("-")
    try:
        key = sam.open(f"SAM\\Domains\\Builtin\\Aliases\\Members\\{domain}\\{int(last):08X}")
    except Registry.RegistryKeyNotFoundException:
        return False
    raw = b"".join(v.raw_data() for v in key.values() if v.name() in ("", "(default)"))
    return rid in struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", help="accepted for symmetry; the rule needs only what is there after")
    parser.add_argument("--after", required=True)
    parser.add_argument("--map", required=True)
    parser.add_argument("--rid", type=int, default=544)
    options = parser.parse_args()
    with open(options.map, encoding="utf-8", newline="") as file:
        pairs = {row["source_sid"]: row["target_sid"] for row in csv.DictReader(file)}
    with tempfile.TemporaryDirectory() as work, Mounted(options.after) as root:
        copy = os.path.join(work, "SAM")
        shutil.copyfile(os.path.join(root, "Windows/System32/config/SAM"), copy)
        sam = Registry.Registry(copy)
        found = members(sam, options.rid)
        faults = [f"{sid} is still a member" for sid in found if sid in pairs]
        targets = [sid for sid in found if sid in pairs.values()]
        if not targets:
            faults.append(f"no target user is a member: {found}")
        faults += [f"the index of {sid} does not name the group" for sid in found if not index_names(sam, sid, options.rid)]
    for fault in faults:
        print(f"WRONG {fault}")
    if not faults:
        print(f"S-1-5-32-{options.rid} holds {len(targets)} target user(s) and no source user: {', '.join(targets)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
