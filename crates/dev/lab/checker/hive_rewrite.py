#!/usr/bin/env python3
"""Says what a remapped hive must look like, and compares.

    hive_rewrite.py BEFORE AFTER --map MAP --mode add|replace

BEFORE must be clean or recovered. Every key must have exactly the descriptor
that the independent translator gives for the one before; classes, values,
types, order and last-written times stay. Exit 0 when they do.
"""

import argparse
import sys

import hive_read
import sd_rewrite


def expected(descriptor, sid_map, mode, cache):
    """The descriptor a key must have afterwards; an unreadable one stays."""
    if descriptor not in cache:
        try:
            cache[descriptor] = sd_rewrite.translate(descriptor, sid_map, mode)[0]
        except sd_rewrite.Refused:
            cache[descriptor] = descriptor
    return cache[descriptor]


def wrong(before, after, sid_map, mode, limit=20):
    """What is wrong with `after`: a list of sentences, and how many keys were to change."""
    told, cache, changed = [], {}, 0
    if list(before.keys) != list(after.keys):
        told.append("other keys or another order: %r" % sorted(before.keys.keys() ^ after.keys.keys())[:5])
    for path, old in before.keys.items():
        new = after.keys.get(path)
        if new is None:
            continue
        want = expected(old.descriptor, sid_map, mode, cache)
        changed += want != old.descriptor
        if new.descriptor != want:
            told.append("%r: descriptor %s, expected %s" % (path, new.descriptor.hex(), want.hex()))
        for name in ("class_name", "written", "flags"):
            if getattr(old, name) != getattr(new, name):
                told.append("%r: %s changed" % (path, name))
        if list(old.values.items()) != list(new.values.items()):
            told.append("%r: values changed" % path)
    return told[:limit], changed


def sids_in(dump):
    """Every SID that a translation would look up, as text."""
    found = set()
    for descriptor in {key.descriptor for key in dump.keys.values()}:
        try:
            found |= sd_rewrite.sids_of(descriptor)
        except sd_rewrite.Refused:
            pass
    return {sd_rewrite.sid_to_text(sid) for sid in found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--map", required=True)
    parser.add_argument("--mode", required=True, choices=["add", "replace"])
    arguments = parser.parse_args()
    dumps = []
    for name in (arguments.before, arguments.after):
        with open(name, "rb") as file:
            dumps.append(hive_read.read(file.read()))
    told, changed = wrong(*dumps, sd_rewrite.read_map(arguments.map), arguments.mode)
    for line in told:
        print("WRONG", line)
    print("%d keys, %d to change, %d wrong" % (len(dumps[0].keys), changed, len(told)))
    sys.exit(1 if told else 0)


if __name__ == "__main__":
    main()
