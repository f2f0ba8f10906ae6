#!/usr/bin/env python3
"""Recovers a dirty hive from its logs; an independent second opinion.

Written from the published regf specification ("Dirty state of a hive",
"Multiple transaction log files"); shares no code with the product.

    hive_recover.py HIVE [LOG1 [LOG2]] -o OUT
"""

import argparse
import struct
import sys

BASE = 4096
MASK = 0xFFFFFFFF
SEED = 0x82EF4D887A4E55C5


class Refused(Exception):
    """The hive cannot be recovered."""


def checksum(sector):
    total = 0
    for (word,) in struct.iter_unpack("<I", sector[:508]):
        total ^= word
    return {0: 1, MASK: MASK - 1}.get(total, total)


def marvin32(data):
    low, high = SEED & MASK, SEED >> 32
    whole = len(data) & ~3
    tail = (data[whole:] + b"\x80").ljust(4, b"\0")
    words = [word for (word,) in struct.iter_unpack("<I", data[:whole])]
    for word in words + [struct.unpack("<I", tail)[0], 0]:
        low = (low + word) & MASK
        high ^= low
        low = (((low << 20 | low >> 12) & MASK) + high) & MASK
        high = ((high << 9 | high >> 23) & MASK) ^ low
        low = (((low << 27 | low >> 5) & MASK) + high) & MASK
        high = (high << 19 | high >> 13) & MASK
    return high << 32 | low


class Header:
    """The first sector of a hive or log."""

    def __init__(self, data):
        self.sector = data[:512]
        self.whole = len(self.sector) == 512 and self.sector[:4] == b"regf"
        if not self.whole:
            return
        self.first, self.second, self.time = struct.unpack_from("<IIQ", data, 4)
        self.kind = struct.unpack_from("<I", data, 28)[0]
        self.size = struct.unpack_from("<I", data, 40)[0]
        self.sound = struct.unpack_from("<I", data, 508)[0] == checksum(self.sector)

    def is_log(self, kinds):
        return self.whole and self.sound and self.first == self.second and self.kind in kinds


def later(a, b):
    """a − b as a signed 32-bit difference is positive."""
    return 0 < ((a - b) & MASK) < 0x80000000


def is_dirty(hive):
    head = Header(hive)
    return not (head.whole and head.sound and head.first == head.second)


def entries(log, number):
    """(bins size, flags, [(offset, bytes)…]) of entries number, number + 1, …"""
    at = 512
    while log[at : at + 4] == b"HvLE":
        size, flags, sequence, bins, pages = struct.unpack_from("<IIIII", log, at + 4)
        entry = log[at : at + size]
        if size < 512 or size % 512 or len(entry) < size or sequence != number or bins % BASE or not bins:
            return
        hashes = struct.unpack_from("<QQ", entry, 24)
        if hashes[1] != marvin32(entry[:32]) or hashes[0] != marvin32(entry[40:]):
            return
        where, found = 40 + 8 * pages, []
        for index in range(pages):
            offset, length = struct.unpack_from("<II", entry, 40 + 8 * index)
            if where + length > size or offset + length > bins:
                return
            found.append((offset, entry[where : where + length]))
            where += length
        yield bins, flags, found
        at += size
        number = (number + 1) & MASK


def recover(hive, log1=b"", log2=b""):
    """(clean or recovered bytes, "clean" | "old log" | "new logs"); raises Refused."""
    if len(hive) < 2 * BASE:
        raise Refused("too short")
    if not is_dirty(hive):
        return hive, "clean"
    head = Header(hive)
    valid = head.whole and head.sound
    logs = [log for log in (log1, log2) if log]
    new = [log for log in logs if Header(log).is_log({6})]
    if new:
        return from_new(hive, head, valid, new), "new logs"
    stamp = head.time if valid else struct.unpack_from("<Q", hive, BASE + 20)[0]
    for log in logs:
        top = Header(log)
        if top.is_log({1, 2}) and log[512:516] == b"DIRT" and top.time == stamp:
            return from_old(hive, top, log), "old log"
    raise Refused("no log applies")


def from_old(hive, top, log):
    bitmap = log[516 : 516 + top.size // BASE]
    at = -(-(516 + len(bitmap)) // 512) * 512
    out = bytearray(hive.ljust(BASE + top.size, b"\0"))
    for bit in range(len(bitmap) * 8):
        if bitmap[bit // 8] >> bit % 8 & 1:
            page = log[at : at + 512]
            if len(page) < 512:
                raise Refused("the log is cut off")
            out[BASE + bit * 512 : BASE + bit * 512 + 512] = page
            at += 512
    return primary(out, log, top.size)


def from_new(hive, head, valid, logs):
    starts = sorted(((Header(log).first, log) for log in logs), key=lambda pair: pair[0])
    if len(starts) == 2 and later(starts[0][0], starts[1][0]):
        starts.reverse()
    if valid:
        starts = [pair for pair in starts if not later(head.second, pair[0])]
    else:
        starts = starts[-1:]
    if not starts:
        raise Refused("the logs are older than the hive")
    out = bytearray(hive)
    number, count, size = starts[0][0], 0, None
    for start, log in starts:
        if start != number:
            break
        for size, _, pages in entries(log, number):
            if len(out) < BASE + size:
                out.extend(bytes(BASE + size - len(out)))
            for offset, data in pages:
                out[BASE + offset : BASE + offset + len(data)] = data
            number, count = (number + 1) & MASK, count + 1
        if not count:
            raise Refused("the first log entry is damaged")
    return primary(out, hive if valid else starts[0][1], size)


def primary(out, sector, size):
    out[:512] = sector[:512]
    struct.pack_into("<I", out, 28, 0)
    struct.pack_into("<I", out, 40, size)
    first = struct.unpack_from("<I", out, 4)[0]
    struct.pack_into("<I", out, 8, first)
    struct.pack_into("<I", out, 508, checksum(out[:512]))
    return bytes(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("-o", "--out", required=True)
    arguments = parser.parse_args()
    contents = []
    for name in arguments.files:
        with open(name, "rb") as file:
            contents.append(file.read())
    try:
        data, how = recover(*contents)
    except Refused as error:
        sys.exit("refused: %s" % error)
    with open(arguments.out, "wb") as file:
        file.write(data)
    print(how)


if __name__ == "__main__":
    main()
