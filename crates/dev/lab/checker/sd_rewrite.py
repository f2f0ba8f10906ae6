#!/usr/bin/env python3
"""Translates security descriptors; an independent second opinion.

Written from the layouts in [MS-DTYP] 2.4 and from the rules of translation as
they are stated in words; shares no code with the product. Plain and slow on
purpose: parse everything, make a tree, change the tree, write it out.

    sd_rewrite.py --map MAP --mode add|replace < in.ndjson > out.ndjson

Reads {"sd": "<hex>"} lines, prints {"sd": "<hex>", "changed": bool} (with
"fallback": true where add did not fit and replace was done) or {"error": …}.
"""

import argparse
import csv
import json
import struct
import sys

MAX_ACL = 65532
PARTS = {4: "sid", 8: "sid", 12: "acl", 16: "acl"}  # offset in the header: kind


class Refused(Exception):
    """The descriptor cannot be understood whole, or its result does not fit."""


# -- SIDs ---------------------------------------------------------------------


def sid_length(data, at):
    """Bytes of the SID at `at`; refuses what is none."""
    if at + 8 > len(data):
        raise Refused("SID cut off")
    if data[at] != 1:
        raise Refused("SID revision")
    if data[at + 1] > 15:
        raise Refused("SID with too many sub-authorities")
    length = 8 + 4 * data[at + 1]
    if at + length > len(data):
        raise Refused("SID cut off")
    return length


def sid_from_text(text):
    fields = text.split("-")
    if fields[0] != "S" or len(fields) < 4 or fields[1] != "1" or len(fields) > 18:
        raise ValueError("not a SID: %r" % text)
    authority = int(fields[2], 16 if fields[2].lower().startswith("0x") else 10)
    subs = [int(field) for field in fields[3:]]
    packed = struct.pack("<%dI" % len(subs), *subs)
    return bytes([1, len(subs)]) + authority.to_bytes(6, "big") + packed


def sid_to_text(sid):
    authority = int.from_bytes(sid[2:8], "big")
    head = str(authority) if authority < 2**32 else "0x%012X" % authority
    subs = struct.unpack("<%dI" % sid[1], sid[8:])
    return "-".join(["S", "1", head] + [str(sub) for sub in subs])


# -- conditions: a list of bytes, ("sid", bytes) and ("list", [...]) ------------

LENGTH_PREFIXED = {0x10, 0x18, 0xF8, 0xF9, 0xFA, 0xFB}
OPERATORS = set(range(0x80, 0x94)) | {0xA0, 0xA1, 0xA2}


def condition_tree(data, depth=0):
    if depth > 32:
        raise Refused("condition nested too deep")
    nodes, at = [], 0
    while at < len(data):
        code = data[at]
        if code == 0:
            if any(data[at:]):
                raise Refused("bytes behind the padding")
            nodes.append(data[at:])
            break
        if code in OPERATORS:
            nodes.append(data[at : at + 1])
            at += 1
            continue
        if 1 <= code <= 4:
            if at + 11 > len(data):
                raise Refused("integer cut off")
            nodes.append(data[at : at + 11])
            at += 11
            continue
        if code not in LENGTH_PREFIXED and code not in (0x50, 0x51):
            raise Refused("unknown token 0x%02x" % code)
        if at + 5 > len(data):
            raise Refused("token cut off")
        (length,) = struct.unpack_from("<I", data, at + 1)
        if at + 5 + length > len(data):
            raise Refused("token cut off")
        payload = data[at + 5 : at + 5 + length]
        if code == 0x51:
            if sid_length(payload, 0) != length:
                raise Refused("SID literal with a tail")
            nodes.append(("sid", payload))
        elif code == 0x50:
            nodes.append(("list", condition_tree(payload, depth + 1)))
        else:
            nodes.append(data[at : at + 5 + length])
        at += 5 + length
    return nodes


def condition_bytes(nodes, lookup):
    out = b""
    for node in nodes:
        if isinstance(node, bytes):
            out += node
        elif node[0] == "sid":
            sid = lookup(node[1])
            out += b"\x51" + struct.pack("<I", len(sid)) + sid
        else:
            inner = condition_bytes(node[1], lookup)
            out += b"\x50" + struct.pack("<I", len(inner)) + inner
    return out


def map_condition(data, lookup):
    if data[:4] != b"artx":
        return data
    return data[:4] + condition_bytes(condition_tree(data[4:]), lookup)


# -- claims ---------------------------------------------------------------------


def map_claim(data, lookup):
    if len(data) < 16:
        return data
    name, kind, _, _, count = struct.unpack_from("<IHHII", data)
    if kind != 5:
        return data
    table_end = 16 + 4 * count
    if table_end > len(data):
        raise Refused("claim with too many values")
    offsets = list(struct.unpack_from("<%dI" % count, data, 16))
    stored = {}
    for offset in offsets:
        if offset < table_end or offset + 4 > len(data):
            raise Refused("claim value out of place")
        (length,) = struct.unpack_from("<I", data, offset)
        sid = data[offset + 4 : offset + 4 + length]
        if len(sid) != length or sid_length(sid, 0) != length:
            raise Refused("claim value is not a SID")
        stored[offset] = sid
    pieces, done, growth = [], table_end, []
    for offset in sorted(stored):
        if offset < done:
            raise Refused("claim values overlap")
        new = lookup(stored[offset])
        pieces.append(data[done:offset] + struct.pack("<I", len(new)) + new)
        done = offset + 4 + len(stored[offset])
        growth.append((offset, len(new) - len(stored[offset])))

    if not stored:
        return data

    def moved(offset):
        return offset + sum(by for start, by in growth if start < offset)

    table = struct.pack("<%dI" % count, *(moved(offset) for offset in offsets))
    return struct.pack("<I", moved(name)) + data[4:16] + table + b"".join(pieces) + data[done:]


# -- ACEs -------------------------------------------------------------------------

PLAIN = {0, 1, 2}
OBJECT = {5, 6, 7}
CALLBACK = {9, 10, 13}
CALLBACK_OBJECT = {11, 12, 15}
RESOURCE_ATTRIBUTE = 18
ACCESS_FILTER = 21


def map_ace(ace, lookup):
    """The ACE with every account in it looked up (itself, if none is mapped)."""
    kind = ace[0]
    known = PLAIN | OBJECT | CALLBACK | CALLBACK_OBJECT | {RESOURCE_ATTRIBUTE, ACCESS_FILTER}
    if kind not in known:
        return ace
    at = 8
    if kind in OBJECT | CALLBACK_OBJECT:
        if len(ace) < 12:
            raise Refused("object ACE cut off")
        (flags,) = struct.unpack_from("<I", ace, 8)
        at = 12 + (16 if flags & 1 else 0) + (16 if flags & 2 else 0)
    end = at + sid_length(ace, at)
    sid, rest = ace[at:end], ace[end:]
    if kind not in (RESOURCE_ATTRIBUTE, ACCESS_FILTER):
        sid = lookup(sid)
    if kind in CALLBACK | CALLBACK_OBJECT | {ACCESS_FILTER}:
        rest = map_condition(rest, lookup)
    elif kind == RESOURCE_ATTRIBUTE:
        rest = map_claim(rest, lookup)
    body = ace[4:at] + sid + rest
    return ace[:2] + struct.pack("<H", (len(body) + 4) & 0xFFFF) + body


# -- ACLs -------------------------------------------------------------------------


def split_acl(acl):
    (count,) = struct.unpack_from("<H", acl, 4)
    aces, at = [], 8
    for _ in range(count):
        if at + 4 > len(acl):
            raise Refused("ACE cut off")
        (size,) = struct.unpack_from("<H", acl, at + 2)
        if size < 4 or at + size > len(acl):
            raise Refused("ACE size")
        aces.append(acl[at : at + size])
        at += size
    return aces, acl[at:]


class TooLarge(Refused):
    """The ACL grew past what its size field may say."""


def join_acl(old, aces, tail):
    body = b"".join(aces) + tail
    size = 8 + len(body)
    if size > MAX_ACL and size > len(old):
        raise TooLarge("ACL would have %d bytes" % size)
    return old[:2] + struct.pack("<HH", size, len(aces)) + old[6:8] + body


def replace_in_acl(acl, lookup):
    aces, tail = split_acl(acl)
    kept = []  # (before, after)
    first_before = {}  # after: before, of the first that was kept
    for before in aces:
        after = map_ace(before, lookup)
        if first_before.setdefault(after, before) == before:
            kept.append(after)
    return join_acl(acl, kept, tail)


def add_in_acl(acl, lookup):
    aces, tail = split_acl(acl)
    present = set(aces)
    out = []
    for ace in aces:
        out.append(ace)
        clone = map_ace(ace, lookup)
        if clone not in present:
            present.add(clone)
            out.append(clone)
    return join_acl(acl, out, tail)


# -- descriptors ------------------------------------------------------------------


def regions_of(sd):
    """{offset: (length, kind, [header slots])} of the parts that are there."""
    if len(sd) < 20:
        raise Refused("too short")
    if sd[0] != 1:
        raise Refused("revision")
    if not struct.unpack_from("<H", sd, 2)[0] & 0x8000:
        raise Refused("not self-relative")
    regions = {}
    for slot, kind in PARTS.items():
        (offset,) = struct.unpack_from("<I", sd, slot)
        if offset == 0:
            continue
        if offset < 20 or offset >= len(sd):
            raise Refused("part out of place")
        if kind == "sid":
            length = sid_length(sd, offset)
        else:
            if offset + 8 > len(sd):
                raise Refused("ACL cut off")
            if not 2 <= sd[offset] <= 4:
                raise Refused("ACL revision")
            (length,) = struct.unpack_from("<H", sd, offset + 2)
            if length < 8 or offset + length > len(sd):
                raise Refused("ACL size")
        regions.setdefault(offset, (length, kind, []))[2].append(slot)
    return regions


def one_mode(sd, regions, change_sid, change_acl):
    starts = sorted(regions)
    ends = [start + regions[start][0] for start in starts]
    apart = any(nxt < end for nxt, end in zip(starts[1:], ends))
    parts = {}
    for start, end in zip(starts, ends):
        bytes_ = sd[start:end]
        parts[start] = change_acl(bytes_) if regions[start][1] == "acl" else change_sid(bytes_)
    if all(parts[start] == sd[start:end] for start, end in zip(starts, ends)):
        return sd
    header, body, done = bytearray(sd[:20]), b"", 20
    for start, end in zip(starts, ends):
        if not apart:
            body += sd[done:start]
            done = end
        for slot in regions[start][2]:
            struct.pack_into("<I", header, slot, 20 + len(body))
        body += parts[start]
    return bytes(header) + body + (b"" if apart else sd[done:])


def translate(sd_bytes, sid_map, mode):
    """(bytes, changed, fallback); `sid_map` maps encoded SIDs to encoded SIDs."""

    def lookup(sid):
        return sid_map.get(sid, sid)

    regions = regions_of(sd_bytes)

    def replaced():
        return one_mode(sd_bytes, regions, lookup, lambda acl: replace_in_acl(acl, lookup))

    fallback = False
    if mode == "replace":
        out = replaced()
    else:
        try:
            out = one_mode(
                sd_bytes, regions, lambda sid: sid, lambda acl: add_in_acl(acl, lookup)
            )
        except TooLarge:
            out, fallback = replaced(), True
    return out, out != sd_bytes, fallback


def sids_of(sd_bytes):
    """Every SID that a translation would look up, as a set of encoded SIDs."""
    seen = set()

    def note(sid):
        seen.add(sid)
        return sid

    one_mode(sd_bytes, regions_of(sd_bytes), note, lambda acl: replace_in_acl(acl, note))
    return seen


# -- command line -----------------------------------------------------------------


def answer(line, sid_map, mode):
    try:
        sd = bytes.fromhex(json.loads(line)["sd"])
        out, changed, fallback = translate(sd, sid_map, mode)
    except (Refused, ValueError, KeyError, TypeError) as error:
        return {"error": "%s: %s" % (type(error).__name__, error)}
    result = {"sd": out.hex(), "changed": changed}
    if fallback:
        result["fallback"] = True
    return result


def read_map(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        return {
            sid_from_text(row["source_sid"].strip()): sid_from_text(row["target_sid"].strip())
            for row in rows
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--map", required=True)
    parser.add_argument("--mode", required=True, choices=["add", "replace"])
    arguments = parser.parse_args()
    sid_map = read_map(arguments.map)
    for line in sys.stdin:
        print(json.dumps(answer(line, sid_map, arguments.mode), separators=(",", ":")))


if __name__ == "__main__":
    main()
