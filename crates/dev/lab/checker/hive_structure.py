#!/usr/bin/env python3
"""Checks the structure of a clean hive, cell by cell.

    hive_structure.py HIVE…            exit 0 when nothing is wrong
    hive_structure.py --self-test HIVE plants faults in copies and demands that each is found

Written from the published regf specification; shares no code with the product.
Checked: base block (checksum, equal sequence numbers, sizes), bins (signature,
offset, size, sum), cells (multiples of 8, none crosses its bin, no two free
neighbours are required), keys (parent, counts, maxima, order by upper case,
hashes and hints), values, big data, security ring (links both ways, counts,
no descriptor twice, slack), and that every allocated cell has one owner.
"""

import argparse
import struct
import sys

import hive_read

BASE = 4096
NIL = 0xFFFFFFFF
MOST_SLACK = 84


def upper(name):
    """Upper case of each UTF-16 unit by itself, where it stays one unit."""
    raw = name.encode("utf-16-le", "surrogatepass")
    out = []
    for (unit,) in struct.iter_unpack("<H", raw):
        up = chr(unit).upper() if not 0xD800 <= unit < 0xE000 else chr(unit)
        keep = unit in NO_UPPER or len(up) != 1 or ord(up) > 0xFFFF
        out.append(unit if keep else ord(up))
    return out


# Units that have an upper case in Unicode but none in Windows' table (those met in practice).
NO_UPPER = {0xB5, 0x131, 0x17F, 0x1C5, 0x1C8, 0x1CB, 0x1F2, 0x345, 0x3C2} | set(range(0x10D0, 0x10FB))


def name_hash(name):
    value = 0
    for unit in upper(name):
        value = (value * 37 + unit) & 0xFFFFFFFF
    return value


def name_hint(name):
    first = name[:4]
    if any(ord(ch) > 0xFF for ch in first):
        return b"\0" * 4
    return first.encode("latin-1").ljust(4, b"\0")


class Checker:
    """One pass over one hive; `faults` is what was found."""

    def __init__(self, data):
        self.data = data
        self.faults = []
        self.cells = {}
        self.owner = {}

    def fault(self, what, *args):
        if len(self.faults) < 50:
            self.faults.append(what % args)

    def run(self):
        try:
            self.base()
            self.bins()
            if not self.faults:
                self.reader = hive_read.Reader(self.data)
                self.ring()
                self.tree()
                self.leaks()
        except (hive_read.Damaged, struct.error, IndexError) as error:
            self.fault("unreadable: %s", error)
        return self.faults

    def base(self):
        data = self.data
        total = 0
        for (word,) in struct.iter_unpack("<I", data[:508]):
            total ^= word
        total = {0: 1, NIL: NIL - 1}.get(total, total)
        if struct.unpack_from("<I", data, 508)[0] != total:
            self.fault("checksum is wrong")
        first, second = struct.unpack_from("<II", data, 4)
        if first != second:
            self.fault("sequence numbers differ: %d, %d", first, second)
        if struct.unpack_from("<I", data, 28)[0] != 0:
            self.fault("not a primary file")
        if struct.unpack_from("<I", data, 144)[0] & 1:
            self.fault("a kernel transaction is pending")

    def bins(self):
        size = struct.unpack_from("<I", self.data, 40)[0]
        offset = 0
        if BASE + size > len(self.data) or size % 4096 or not size:
            self.fault("bins size %#x does not fit", size)
            return
        while offset < size:
            head = self.data[BASE + offset : BASE + offset + 12]
            own, length = struct.unpack_from("<II", head, 4)
            if head[:4] != b"hbin" or own != offset or not length or length % 4096 or offset + length > size:
                self.fault("bin at %#x is damaged", offset)
                return
            self.cells_of(offset, offset + length)
            offset += length
        if offset != size:
            self.fault("bins do not sum to %#x", size)

    def cells_of(self, start, end):
        at = start + 32
        while at < end:
            size = struct.unpack_from("<i", self.data, BASE + at)[0]
            if size == 0 or abs(size) % 8:
                self.fault("cell at %#x has size %d", at, size)
                return
            if at + abs(size) > end:
                self.fault("cell at %#x crosses the end of its bin", at)
                return
            self.cells[at] = size
            at += abs(size)

    def own(self, offset, who):
        if self.cells.get(offset, 0) >= 0:
            self.fault("%s refers to %#x, where no allocated cell begins", who, offset)
            raise hive_read.Damaged("no cell at %#x" % offset)
        if offset in self.owner:
            self.fault("%s and %s both own %#x", who, self.owner[offset], offset)
            raise hive_read.Damaged("cell at %#x is shared" % offset)
        self.owner[offset] = who

    def ring(self):
        root = self.reader.record(self.reader.root, b"nk", 76)
        start = at = struct.unpack_from("<I", root, 44)[0]
        self.count, seen = {}, {}
        while True:
            self.own(at, "the security ring")
            cell = self.reader.record(at, b"sk", 20)
            flink, _, count, size = struct.unpack_from("<IIII", cell, 4)
            self.count[at] = count
            descriptor = self.reader.descriptor(at)
            if descriptor in seen:
                self.fault("security cells %#x and %#x hold the same descriptor", seen[descriptor], at)
            seen[descriptor] = at
            if not 0 <= len(cell) - 20 - size <= MOST_SLACK:
                self.fault("security cell %#x has %d bytes of slack", at, len(cell) - 20 - size)
            behind = struct.unpack_from("<I", self.reader.record(flink, b"sk", 20), 8)[0]
            if behind != at:
                self.fault("security cell %#x links back to %#x, not %#x", flink, behind, at)
                return
            at = flink
            if at == start:
                return

    def tree(self):
        used = dict.fromkeys(self.count, 0)
        stack = [(self.reader.root, None, "")]
        while stack:
            offset, parent, path = stack.pop()
            self.own(offset, "key %r" % path)
            cell = self.reader.record(offset, b"nk", 76)
            if parent is not None and struct.unpack_from("<I", cell, 16)[0] != parent:
                self.fault("key %r names another parent", path)
            security = struct.unpack_from("<I", cell, 44)[0]
            if security not in used:
                self.fault("key %r names a security cell outside the ring", path)
            else:
                used[security] += 1
            self.values(cell, path)
            children = self.children(cell, offset, path)
            stack.extend(reversed(children))
        for offset, count in self.count.items():
            if used[offset] != count:
                self.fault("security cell %#x counts %d keys, %d name it", offset, count, used[offset])

    def children(self, cell, offset, path):
        count, _, listing = struct.unpack_from("<III", cell, 20)
        longest, longest_class = struct.unpack_from("<HxxI", cell, 52)
        if not count:
            return []
        found, last = [], None
        for child, kind, mark in self.elements(listing, path, True):
            node = self.reader.record(child, b"nk", 76)
            flags, name_len, class_len = struct.unpack_from("<H", node, 2) + struct.unpack_from("<HH", node, 72)
            name = hive_read.text(node[76 : 76 + name_len], flags & 0x20)
            where = path + "\\" + name if path else name
            folded = upper(name)
            if last is not None and not last < folded:
                self.fault("key %r is out of order", where)
            last = folded
            if kind == b"lh" and struct.unpack("<I", mark)[0] != name_hash(name):
                self.fault("key %r has a wrong hash", where)
            if kind == b"lf" and mark != name_hint(name):
                self.fault("key %r has a wrong hint", where)
            if 2 * len(folded) > longest:
                self.fault("key %r is longer than its parent's maximum", where)
            if class_len > longest_class:
                self.fault("class of %r is longer than its parent's maximum", where)
            found.append((child, offset, where))
        if len(found) != count:
            self.fault("key %r counts %d subkeys and lists %d", path, count, len(found))
        return found

    def elements(self, listing, path, top):
        self.own(listing, "list of %r" % path)
        cell = self.reader.cell(listing)
        kind, count = cell[:2], struct.unpack_from("<H", cell, 2)[0]
        if kind == b"ri":
            if not top:
                self.fault("index in an index below %r", path)
            for index in range(count):
                leaf = struct.unpack_from("<I", cell, 4 + 4 * index)[0]
                yield from self.elements(leaf, path, False)
            return
        stride = {b"li": 4, b"lf": 8, b"lh": 8}.get(kind)
        if stride is None:
            raise hive_read.Damaged("list of %r is none" % path)
        for index in range(count):
            part = cell[4 + stride * index : 4 + stride * index + stride]
            yield struct.unpack_from("<I", part)[0], kind, part[4:]

    def values(self, cell, path):
        count, listing, _, class_at = struct.unpack_from("<IIII", cell, 36)
        longest, largest = struct.unpack_from("<II", cell, 60)
        if struct.unpack_from("<H", cell, 74)[0] and class_at != NIL:
            self.own(class_at, "class of %r" % path)
        if not count or struct.unpack_from("<H", cell, 2)[0] & 0x40:
            return
        self.own(listing, "values of %r" % path)
        offsets = struct.unpack_from("<%dI" % count, self.reader.cell(listing))
        for offset in offsets:
            self.own(offset, "a value of %r" % path)
            name, _, data = self.reader.value(offset)
            if 2 * len(upper(name)) > longest or len(data) > largest:
                self.fault("value %r of %r is over the maximum", name, path)
            size, where = struct.unpack_from("<II", self.reader.cell(offset), 4)
            if size & 0x80000000 or not size:
                continue
            self.own(where, "data of a value of %r" % path)
            if size > 16344 and self.reader.minor > 3:
                segments, listing_at = struct.unpack_from("<HI", self.reader.cell(where), 2)
                self.own(listing_at, "segments of a value of %r" % path)
                for part in struct.unpack_from("<%dI" % segments, self.reader.cell(listing_at)):
                    self.own(part, "a segment of a value of %r" % path)

    def leaks(self):
        lost = [at for at, size in self.cells.items() if size < 0 and at not in self.owner]
        self.leaked = len(lost)


def check(data):
    """Sentences about what is wrong; empty when nothing is."""
    return Checker(data).run()


def leaked(data):
    """How many allocated cells nothing refers to (Windows leaves some)."""
    checker = Checker(data)
    checker.run()
    return getattr(checker, "leaked", None)


# -- planted faults ---------------------------------------------------------------


def seal(data):
    total = 0
    for (word,) in struct.iter_unpack("<I", bytes(data[:508])):
        total ^= word
    struct.pack_into("<I", data, 508, {0: 1, NIL: NIL - 1}.get(total, total))


def faults(data):
    """(name, damaged copy) for every kind of fault that can be planted in this hive."""
    good = Checker(bytes(data))
    if good.run():
        raise SystemExit("the hive is not clean: %s" % good.faults[0])
    dump = hive_read.read(bytes(data))
    ring = list(good.count)
    keys = list(dump.keys.values())
    child = next(key for key in keys if key.path)
    busy = next(key for key in keys if len(key.children) > 1)

    def u32(copy, at, value):
        struct.pack_into("<I", copy, BASE + at, value)

    def get(at):
        return struct.unpack_from("<I", data, BASE + at)[0]

    def plant(name, *changes, base=()):
        copy = bytearray(data)
        for at, value in changes:
            u32(copy, at, value)
        for at, value in base:
            struct.pack_into("<I", copy, at, value)
        if name != "checksum":
            seal(copy)
        return name, bytes(copy)

    size = struct.unpack_from("<I", data, 40)[0]
    allocated = sorted(at for at, length in good.cells.items() if length < 0)
    listing = get(busy.offset + 4 + 28)
    leaf = listing
    while data[BASE + leaf + 4 : BASE + leaf + 6] == b"ri":
        leaf = get(leaf + 8)
    stride = 4 if data[BASE + leaf + 4 : BASE + leaf + 6] == b"li" else 8
    first = leaf + 8
    yield plant("checksum", base=[(508, struct.unpack_from("<I", data, 508)[0] ^ 1)])
    yield plant("sequence numbers", base=[(8, struct.unpack_from("<I", data, 8)[0] + 1)])
    yield plant("bins size", base=[(40, size + 4096)])
    yield plant("bin offset", (4, 4096))
    yield plant("bin size", (8, 4096 * 3 + 8))
    yield plant("cell over the end of its bin", (allocated[-1], (-(1 << 20)) & NIL))
    yield plant("cell not a multiple of 8", (allocated[-1], (-(abs(good.cells[allocated[-1]]) + 4)) & NIL))
    yield plant("used cell marked free", (child.offset, -good.cells[child.offset]))
    yield plant("reference count up", (ring[0] + 16, get(ring[0] + 16) + 1))
    yield plant("reference count down", (ring[-1] + 16, get(ring[-1] + 16) - 1))
    yield plant("backward link", (ring[0] + 12, allocated[0]))
    yield plant("forward link", (ring[-1] + 8, ring[-1]))
    yield plant("parent", (child.offset + 20, child.offset))
    yield plant("security cell of a key", (child.offset + 48, allocated[0]))
    yield plant("subkey count", (busy.offset + 24, get(busy.offset + 24) + 1))
    yield plant("order of subkeys", *[(first + i, get(first + stride + i)) for i in range(0, stride, 4)],
                *[(first + stride + i, get(first + i)) for i in range(0, stride, 4)])
    yield plant("same subkey twice", (first + stride, get(first)))
    if stride == 8:
        yield plant("hash or hint", (first + 4, get(first + 4) ^ 0x01000000))
    yield plant("name maximum", (busy.offset + 56, 1))
    if len(ring) > 1:
        equal = next(((a, b) for a in ring for b in ring if a < b and get(a + 20) == get(b + 20)), None)
        if equal:
            a, b = equal
            yield plant("descriptor twice", *[(b + 24 + i, get(a + 24 + i)) for i in range(0, get(a + 20), 4)])
    valued = next((key for key in keys if len(key.values) > 1), None)
    if valued:
        values = get(valued.offset + 44)
        yield plant("value twice", (values + 8, get(values + 4)))


def self_test(data):
    missed = planted = 0
    for name, damaged in faults(data):
        found = check(damaged)
        planted += 1
        missed += not found
        print("%-30s %s" % (name, found[0] if found else "NOT FOUND"))
    print("%d faults planted, %d not found" % (planted, missed))
    return 1 if missed or planted < 10 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hives", nargs="+")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    worst = 0
    for name in arguments.hives:
        with open(name, "rb") as file:
            data = file.read()
        if arguments.self_test:
            worst |= self_test(data)
            continue
        found = check(data)
        for line in found:
            print("%s: %s" % (name, line))
        worst |= bool(found)
        print("%s: %s" % (name, "%d faults" % len(found) if found else "clean"))
    sys.exit(worst)


if __name__ == "__main__":
    main()
