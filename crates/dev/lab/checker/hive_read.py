#!/usr/bin/env python3
"""Reads a registry hive into plain data; an independent second reader.

Written from the published regf specification; shares no code with the product.
Trusts nothing it need not: every offset is checked, and what cannot be read is
an error. `Dump` compares by keys, classes, values, types and descriptors.

    hive_read.py HIVE [--times]      prints one JSON object per key
"""

import argparse
import json
import struct
import sys
from dataclasses import dataclass, field

NIL = 0xFFFFFFFF
BASE = 4096


class Damaged(Exception):
    """The hive cannot be read."""


@dataclass
class Key:
    """One key. `values` maps a name to (type, data)."""

    path: str
    offset: int
    parent: int
    flags: int
    written: int
    class_name: bytes
    security: int
    descriptor: bytes
    values: dict = field(default_factory=dict)
    children: list = field(default_factory=list)

    def content(self):
        return (self.class_name, self.descriptor, self.values)


@dataclass
class Dump:
    """A hive: `keys` by path, in stored order; the root has the path ""."""

    minor: int
    keys: dict

    def without_times(self):
        return {path: key.content() for path, key in self.keys.items()}


class Reader:
    """Cells of a hive by offset."""

    def __init__(self, data):
        if len(data) < 2 * BASE or data[:4] != b"regf":
            raise Damaged("no base block")
        self.data = data
        self.minor, self.root, self.size = (
            struct.unpack_from("<I", data, at)[0] for at in (24, 36, 40)
        )
        if BASE + self.size > len(data):
            raise Damaged("cut off")

    def cell(self, offset):
        """The bytes of an allocated cell without its size."""
        if offset % 8 or offset + 8 > self.size:
            raise Damaged("no cell at %#x" % offset)
        size = -struct.unpack_from("<i", self.data, BASE + offset)[0]
        if size < 8 or offset + size > self.size:
            raise Damaged("bad cell at %#x" % offset)
        return self.data[BASE + offset + 4 : BASE + offset + size]

    def record(self, offset, signature, least):
        cell = self.cell(offset)
        if cell[:2] != signature or len(cell) < least:
            raise Damaged("no %s at %#x" % (signature.decode(), offset))
        return cell

    def list_of_keys(self, offset):
        """Offsets of keys below a list, in order."""
        cell = self.cell(offset)
        kind, count = cell[:2], struct.unpack_from("<H", cell, 2)[0]
        stride = {b"li": 4, b"ri": 4, b"lf": 8, b"lh": 8}.get(kind)
        if stride is None or 4 + count * stride > len(cell):
            raise Damaged("bad list at %#x" % offset)
        found = [struct.unpack_from("<I", cell, 4 + i * stride)[0] for i in range(count)]
        if kind == b"ri":
            return [key for leaf in found for key in self.list_of_keys(leaf)]
        return found

    def value(self, offset):
        """(name, type, data) of a value."""
        cell = self.record(offset, b"vk", 20)
        name_len, size, where, kind, flags = struct.unpack_from("<HIIIH", cell, 2)
        name = text(cell[20 : 20 + name_len], flags & 1)
        if size & 0x80000000:
            size = min(size & 0x7FFFFFFF, 4)
            return name, kind, cell[8 : 8 + size]
        if size == 0:
            return name, kind, b""
        if size > 16344 and self.minor > 3:
            record = self.record(where, b"db", 8)
            count, listing = struct.unpack_from("<HI", record, 2)
            parts = self.cell(listing)
            data = b"".join(
                self.cell(struct.unpack_from("<I", parts, i * 4)[0])[:16344] for i in range(count)
            )
        else:
            data = self.cell(where)
        if len(data) < size:
            raise Damaged("value at %#x is cut off" % offset)
        return name, kind, data[:size]

    def descriptor(self, offset):
        cell = self.record(offset, b"sk", 20)
        size = struct.unpack_from("<I", cell, 16)[0]
        if 20 + size > len(cell):
            raise Damaged("descriptor at %#x is cut off" % offset)
        return cell[20 : 20 + size]

    def key(self, offset, path):
        """A key without its children, and the offsets of those."""
        cell = self.record(offset, b"nk", 76)
        flags, written = struct.unpack_from("<HQ", cell, 2)
        parent, subkeys, _, listing = struct.unpack_from("<IIII", cell, 16)
        value_count, value_list, security, class_at = struct.unpack_from("<IIII", cell, 36)
        name_len, class_len = struct.unpack_from("<HH", cell, 72)
        name = text(cell[76 : 76 + name_len], flags & 0x20)
        class_name = self.cell(class_at)[:class_len] if class_len and class_at != NIL else b""
        if path is None:
            path = ""
        else:
            path = path + "\\" + name if path else name
        key = Key(
            path, offset, parent, flags, written, class_name, security, self.descriptor(security)
        )
        if value_count and not flags & 0x40:
            values = self.cell(value_list)
            if 4 * value_count > len(values):
                raise Damaged("values of %s are cut off" % path)
            for index in range(value_count):
                value_name, kind, data = self.value(struct.unpack_from("<I", values, index * 4)[0])
                key.values[value_name] = (kind, data)
        return key, self.list_of_keys(listing) if subkeys else []


def text(raw, one_byte):
    if one_byte:
        return raw.decode("latin-1")
    # Lone surrogates are kept, so that no two names become one.
    return raw.decode("utf-16-le", "surrogatepass")


def read(data):
    """A `Dump` of the hive in `data`, which must be clean or recovered."""
    reader = Reader(data)
    keys = {}
    stack = [(reader.root, None)]
    seen = set()
    while stack:
        offset, path = stack.pop()
        if offset in seen:
            raise Damaged("keys go round in a circle at %#x" % offset)
        seen.add(offset)
        key, children = reader.key(offset, path)
        if key.path in keys:
            raise Damaged("two keys %r" % key.path)
        keys[key.path] = key
        key.children = children
        stack.extend((child, key.path) for child in reversed(children))
    return Dump(reader.minor, keys)


def differences(before, after, limit=20):
    """What differs between two dumps in keys, classes, values, types and descriptors."""
    told = []
    old, new = before.without_times(), after.without_times()
    for path in old.keys() | new.keys():
        if path not in old or path not in new:
            told.append("%r is only in the %s" % (path, "first" if path in old else "second"))
        elif old[path] != new[path]:
            parts = [
                name
                for name, a, b in zip(("class", "descriptor", "values"), old[path], new[path])
                if a != b
            ]
            told.append("%r differs in %s" % (path, ", ".join(parts)))
    return sorted(told)[:limit]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hive")
    parser.add_argument("--times", action="store_true")
    arguments = parser.parse_args()
    with open(arguments.hive, "rb") as file:
        dump = read(file.read())
    for path, key in dump.keys.items():
        line = {
            "path": path,
            "class": key.class_name.hex(),
            "sd": key.descriptor.hex(),
            "values": {name: [kind, data.hex()] for name, (kind, data) in key.values.items()},
        }
        if arguments.times:
            line["written"] = key.written
        sys.stdout.write(json.dumps(line, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
