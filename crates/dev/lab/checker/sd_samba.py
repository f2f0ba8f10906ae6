#!/usr/bin/env python3
"""Reads pairs of descriptors with Samba's own parser and compares what they say.

Lines {"before": hex, "after": hex} on standard input and the pairs of the map
in the file named by the first argument (JSON, text SIDs). For each pair of a
replace: the same header bits, owner and group exchanged by the map, and every
ACE that Samba can read with the same type, flags and mask and the exchanged
SID, in order, apart from entries that became equal. Prints one line of JSON.

Run with the Python that has Samba's modules (Debian: /usr/bin/python3).
"""

import json
import sys

from samba.dcerpc import security
from samba.ndr import ndr_unpack

PLAIN = {0, 1, 2, 5, 6, 7}


def entries(acl, lookup):
    found = []
    for ace in acl.aces if acl else []:
        who = str(ace.trustee)
        guids = ()
        if ace.type in (5, 6, 7):
            guids = (ace.object.flags, str(ace.object.type), str(ace.object.inherited_type))
        found.append((ace.type, ace.flags, ace.access_mask, guids, lookup(who)))
    return found


def without_new_twins(before, after):
    """`after`, without entries that equal an earlier one that differed in `before`."""
    first, kept = {}, []
    for old, new in zip(before, after):
        if first.setdefault(new, old) == old:
            kept.append(new)
    return kept


def compare(before, after, pairs):
    def exchanged(sid):
        return pairs.get(sid, sid)

    def same(sid):
        return sid

    old, new = ndr_unpack(security.descriptor, before), ndr_unpack(security.descriptor, after)
    acls = [(old.dacl, new.dacl), (old.sacl, new.sacl)]
    if any(ace.type not in PLAIN for pair in acls for acl in pair if acl for ace in acl.aces):
        return None
    if old.type != new.type:
        return "control bits"
    for name in ("owner_sid", "group_sid"):
        was, now = getattr(old, name), getattr(new, name)
        if (was and exchanged(str(was))) != (now and str(now)):
            return name
    for was, now in acls:
        expected = without_new_twins(entries(was, same), entries(was, exchanged))
        if (was is None) != (now is None) or expected != entries(now, same):
            return "entries"
    return ""


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        pairs = json.load(file)
    read, skipped, wrong = 0, 0, []
    for number, line in enumerate(sys.stdin):
        row = json.loads(line)
        try:
            verdict = compare(bytes.fromhex(row["before"]), bytes.fromhex(row["after"]), pairs)
        except RuntimeError:
            verdict = None
        if verdict is None:
            skipped += 1
        elif verdict:
            wrong.append([number, verdict])
        else:
            read += 1
    print(json.dumps({"agreed": read, "skipped": skipped, "wrong": wrong}))


if __name__ == "__main__":
    main()
