#!/usr/bin/env python3
"""Checks that the descriptor store of an NTFS volume holds together.

Written from the layouts as libfsntfs documents them and as mkfs.ntfs and ntfs-3g
write them; the standard library only, and no code of the product. It reads the raw
image and says every fault it finds:

  * the volume is not marked dirty; fix-ups of every file record in use and of every
    index block of `$Secure`; `$MFTMirr` equals the records it covers;
  * `$SDS`: each entry is where it says, its copy 256 KiB behind is the same, its hash
    fits, it is a descriptor; no id twice;
  * `$SII` and `$SDH` tell the same as `$SDS`, completely, sorted by id and by hash and
    id; every block of them is reached once, knows its number and is in its bitmap;
  * every file record in use names a descriptor that is there; header and bitmap of
    `$MFT` agree; the clusters of `$Secure` are marked as used.

    secure_check.py IMAGE        prints the faults; exit code 1 if there is one
    secure_check.py --self-test  plants faults into a real volume, must find each
"""

import argparse
import struct
import sys

BLOCK = 0x40000
HEAD = struct.Struct("<IIQI")  # hash, id, offset, length


class Broken(Exception):
    """The volume cannot be followed any further."""


def unfix(block):
    """The structure without its fix-ups; raises what is wrong with them."""
    at, count = struct.unpack_from("<HH", block, 4)
    if count == 0 or (count - 1) * 512 != len(block) or at + 2 * count > 510:
        raise Broken("fix-up stride")
    out, number = bytearray(block), block[at : at + 2]
    for sector in range(count - 1):
        tail = sector * 512 + 510
        if block[tail : tail + 2] != number:
            raise Broken("fix-up of sector %d does not match" % sector)
        out[tail : tail + 2] = block[at + 2 + 2 * sector : at + 4 + 2 * sector]
    return bytes(out)


def runs_of(pairs):
    """[(first cluster or None, clusters)] of mapping pairs."""
    runs, at, cluster = [], 0, 0
    while pairs[at]:
        sizes = pairs[at]
        length = int.from_bytes(pairs[at + 1 : at + 1 + (sizes & 15)], "little")
        at += 1 + (sizes & 15)
        if sizes >> 4:
            cluster += int.from_bytes(pairs[at : at + (sizes >> 4)], "little", signed=True)
            runs.append((cluster, length))
        else:
            runs.append((None, length))
        at += sizes >> 4
    return runs


def attributes(record):
    """(kind, name, instance, bytes, offset in the record) of each attribute."""
    at = struct.unpack_from("<H", record, 0x14)[0]
    while at + 8 <= len(record):
        kind, length = struct.unpack_from("<II", record, at)
        if kind == 0xFFFFFFFF:
            return
        if length < 24 or at + length > len(record):
            raise Broken("an attribute does not fit")
        bytes_ = record[at : at + length]
        name_at = struct.unpack_from("<H", bytes_, 10)[0]
        name = bytes_[name_at : name_at + 2 * bytes_[9]].decode("utf-16-le")
        yield kind, name, struct.unpack_from("<H", bytes_, 14)[0], bytes_, at
        at += length


class Value:
    """Bytes of an attribute, resident or in runs."""

    def __init__(self, volume, pieces):
        self.volume, self.runs, self.resident = volume, [], None
        for piece in pieces:
            if piece[8] == 0:
                length, at = struct.unpack_from("<IH", piece, 16)
                self.resident = piece[at : at + length]
                self.size = length
                return
            self.runs += runs_of(piece[struct.unpack_from("<H", piece, 32)[0] :])
            if struct.unpack_from("<Q", piece, 16)[0] == 0:
                self.size = struct.unpack_from("<Q", piece, 48)[0]

    def place(self, offset):
        """Where a byte lies on the volume, and how many follow it there."""
        cluster = self.volume.cluster
        for start, count in self.runs:
            if offset < count * cluster:
                if start is None:
                    raise Broken("a hole in metadata")
                return start * cluster + offset, count * cluster - offset
            offset -= count * cluster
        raise Broken("past the end of a value")

    def read(self, offset, length):
        if self.resident is not None:
            return self.resident[offset : offset + length]
        out = b""
        while len(out) < length:
            at, left = self.place(offset + len(out))
            out += self.volume.bytes_at(at, min(left, length - len(out)))
        return out


class Volume:
    def __init__(self, path):
        self.file = open(path, "rb")
        boot = self.bytes_at(0, 512)
        if boot[3:11] != b"NTFS    ":
            raise Broken("no NTFS volume")
        per = boot[13] if boot[13] <= 128 else 1 << (256 - boot[13])
        self.cluster = struct.unpack_from("<H", boot, 11)[0] * per
        size = struct.unpack_from("<b", boot, 0x40)[0]
        self.record_size = size * self.cluster if size > 0 else 1 << -size
        self.mft_start = struct.unpack_from("<Q", boot, 0x30)[0] * self.cluster
        first = unfix(self.bytes_at(self.mft_start, self.record_size))
        own = [a[3] for a in attributes(first) if a[0] == 0x80 and not a[1]]
        self.mft = Value(self, own)
        self.mft = self.value(0, 0x80, "")
        self.records = self.mft.size // self.record_size

    def bytes_at(self, at, length):
        self.file.seek(at)
        out = self.file.read(length)
        if len(out) != length:
            raise Broken("the image ends early")
        return out

    def raw(self, number):
        return self.mft.read(number * self.record_size, self.record_size)

    def record(self, number):
        return unfix(self.raw(number))

    def holders(self, number):
        """The base record and the records that extend it, with a list of what lies where."""
        base = self.record(number)
        for kind, _, _, bytes_, _ in attributes(base):
            if kind != 0x20:
                continue
            value = Value(self, [bytes_])
            entries, at, found = value.read(0, value.size), 0, []
            while at + 26 <= len(entries):
                what, length = struct.unpack_from("<IH", entries, at)
                vcn, where = struct.unpack_from("<QQ", entries, at + 8)
                instance = struct.unpack_from("<H", entries, at + 24)[0]
                found.append((what, vcn, where & 0xFFFFFFFFFFFF, instance))
                at += length
            return base, found
        return base, None

    def value(self, number, kind, name):
        base, listed = self.holders(number)
        if listed is None:
            pieces = [a[3] for a in attributes(base) if a[0] == kind and a[1] == name]
        else:
            pieces = []
            for what, vcn, where, instance in sorted(listed):
                if what != kind:
                    continue
                for a in attributes(self.record(where)):
                    if (a[0], a[1], a[2]) == (kind, name, instance):
                        pieces.append(a[3])
        return Value(self, pieces) if pieces else None


def hash_of(descriptor):
    value = 0
    for (word,) in struct.iter_unpack("<I", descriptor[: len(descriptor) // 4 * 4]):
        value = (word + ((value << 3 | value >> 29) & 0xFFFFFFFF)) & 0xFFFFFFFF
    return value


def is_descriptor(bytes_):
    if len(bytes_) < 20 or bytes_[0] != 1:
        return False
    for offset in struct.unpack_from("<IIII", bytes_, 4):
        if offset and offset + 8 > len(bytes_):
            return False
    return True


def read_sds(volume, fault):
    """id -> (hash, id, offset, length) of every entry in the primary blocks."""
    sds, entries, base = volume.value(9, 0x80, "$SDS"), {}, 0
    while base < sds.size:
        block = sds.read(base, min(BLOCK, sds.size - base))
        copy = sds.read(base + BLOCK, max(0, min(BLOCK, sds.size - base - BLOCK)))
        at = 0
        while at + 20 <= len(block) and any(block[at : at + 20]):
            entry = HEAD.unpack_from(block, at)
            hash_, id_, offset, length = entry
            if offset != base + at or length <= 20 or at + length > len(block):
                fault("sds-entry", "the entry at %#x of $SDS is misplaced" % (base + at))
                if length <= 20 or at + length > len(block):
                    break
                at += (length + 15) // 16 * 16
                continue
            descriptor = block[at + 20 : at + length]
            if hash_of(descriptor) != hash_:
                fault("hash", "the hash of descriptor %d is wrong" % id_)
            if not is_descriptor(descriptor):
                fault("descriptor", "descriptor %d is none" % id_)
            if copy[at : at + length] != block[at : at + length]:
                fault("mirror", "the copy of descriptor %d differs" % id_)
            if id_ in entries:
                fault("sds-entry", "descriptor %d is there twice" % id_)
            entries[id_] = entry
            at += (length + 15) // 16 * 16
        base += 2 * BLOCK
    return entries


def walk_index(volume, name, fault):
    """(key, data, tail) of each entry, in the order of the tree."""
    root = volume.value(9, 0x90, name)
    if root is None:
        raise Broken("no %s" % name)
    root = root.read(0, root.size)
    size = struct.unpack_from("<I", root, 8)[0]
    blocks, bitmap = volume.value(9, 0xA0, name), volume.value(9, 0xB0, name)
    bits = bitmap.read(0, bitmap.size) if bitmap else b""
    unit = min(volume.cluster, size) if volume.cluster <= size else 512
    seen, found = set(), []

    def node(bytes_, header, depth):
        first, used = struct.unpack_from("<II", bytes_, header)
        at, end = header + first, header + used
        while at + 16 <= min(end, len(bytes_)):
            data_at, data_len, _, length, key_len, flags = struct.unpack_from("<HHIHHH", bytes_, at)
            if length < 16 or at + length > len(bytes_):
                raise Broken("an entry of %s does not fit" % name)
            if flags & 1:
                child(struct.unpack_from("<Q", bytes_, at + length - 8)[0], depth)
            if flags & 2:
                return
            key = bytes_[at + 16 : at + 16 + key_len]
            data = bytes_[at + data_at : at + data_at + data_len]
            found.append((key, data, bytes_[at + data_at + data_len : at + data_at + data_len + 4]))
            at += length
        raise Broken("a node of %s has no end" % name)

    def child(vcn, depth):
        if vcn in seen or depth > 16:
            raise Broken("%s goes round at block %d" % (name, vcn))
        seen.add(vcn)
        block = blocks.read(vcn * unit, size)
        if block[:4] != b"INDX":
            raise Broken("block %d of %s has no signature" % (vcn, name))
        try:
            block = unfix(block)
        except Broken as error:
            fault("fixup", "block %d of %s: %s" % (vcn, name, error))
        if struct.unpack_from("<Q", block, 16)[0] != vcn:
            fault("index", "block %d of %s says another number" % (vcn, name))
        bit = vcn * unit // size
        if bit // 8 >= len(bits) or not bits[bit // 8] >> bit % 8 & 1:
            fault("index-bitmap", "block %d of %s is not in its bitmap" % (vcn, name))
        node(block, 24, depth + 1)

    node(root, 16, 0)
    marked = sum(bin(byte).count("1") for byte in bits)
    if marked != len(seen):
        fault("index-bitmap", "%s has %d blocks, its bitmap %d" % (name, len(seen), marked))
    return found


def check_indexes(volume, entries, fault):
    by_id = walk_index(volume, "$SII", fault)
    keys = [struct.unpack("<I", key)[0] for key, _, _ in by_id]
    if any(left >= right for left, right in zip(keys, keys[1:])):
        fault("sii-order", "$SII is out of order")
    for key, (_, data, _) in zip(keys, by_id):
        if key not in entries or HEAD.unpack(data[:20]) != entries[key]:
            fault("sii", "$SII tells something else about descriptor %d than $SDS" % key)
    for id_ in entries.keys() - set(keys):
        fault("sii", "$SII lacks descriptor %d" % id_)
    by_hash = walk_index(volume, "$SDH", fault)
    pairs = [struct.unpack("<II", key) for key, _, _ in by_hash]
    if any(left >= right for left, right in zip(pairs, pairs[1:])):
        fault("sdh-order", "$SDH is out of order")
    for (hash_, id_), (_, data, tail) in zip(pairs, by_hash):
        entry = entries.get(id_)
        if entry is None or HEAD.unpack(data[:20]) != entry or entry[0] != hash_:
            fault("sdh", "$SDH tells something else about descriptor %d than $SDS" % id_)
        if tail != b"I\0I\0":
            fault("sdh", "the entry of descriptor %d in $SDH has a wrong end" % id_)
    for id_ in entries.keys() - {id_ for _, id_ in pairs}:
        fault("sdh", "$SDH lacks descriptor %d" % id_)


def check_records(volume, entries, fault):
    bitmap = volume.value(0, 0xB0, "")
    bits = bitmap.read(0, (volume.records + 7) // 8)
    chunk, size = 1024, volume.record_size
    files = 0
    for first in range(0, volume.records, chunk):
        count = min(chunk, volume.records - first)
        block = volume.mft.read(first * size, count * size)
        for index in range(count):
            number, raw = first + index, block[index * size : (index + 1) * size]
            marked = bool(bits[number // 8] >> number % 8 & 1)
            if raw[:4] == b"BAAD":
                fault("fixup", "record %d is marked BAAD" % number)
                continue
            used = raw[:4] == b"FILE" and bool(raw[0x16] & 1)
            if used != marked:
                fault("mft-bitmap", "header and bitmap disagree about record %d" % number)
            if not used:
                continue
            try:
                record = unfix(raw)
            except Broken as error:
                fault("fixup", "record %d: %s" % (number, error))
                continue
            if struct.unpack_from("<Q", record, 0x20)[0]:
                continue
            files += 1
            for kind, _, _, bytes_, _ in attributes(record):
                if kind != 0x10:
                    continue
                length, at = struct.unpack_from("<IH", bytes_, 16)
                if length >= 0x38:
                    id_ = struct.unpack_from("<I", bytes_, at + 0x34)[0]
                    if id_ and id_ not in entries:
                        fault("unknown-id", "record %d uses descriptor %d, which is not there" % (number, id_))
                break
    return files


def check_clusters(volume, fault):
    bitmap = volume.value(6, 0x80, "")
    for kind, name in ((0x80, "$SDS"), (0xA0, "$SII"), (0xA0, "$SDH")):
        value = volume.value(9, kind, name)
        for start, count in value.runs if value else []:
            for cluster in range(start, start + count):
                if not bitmap.read(cluster // 8, 1)[0] >> cluster % 8 & 1:
                    fault("cluster-bitmap", "cluster %d of %s is marked as free" % (cluster, name))


def check_head(volume, fault):
    mirror = volume.value(1, 0x80, "")
    for number in range(mirror.size // volume.record_size):
        at = number * volume.record_size
        if mirror.read(at, volume.record_size) != volume.raw(number):
            fault("mft-mirror", "record %d differs from its copy in $MFTMirr" % number)
    information = volume.value(3, 0x70, "").read(0, 12)
    if information[10] & 1:
        fault("dirty", "the volume is marked dirty")


def check(path):
    """([(kind, text)], number of files, number of descriptors)."""
    faults, files, entries = [], 0, {}

    def fault(kind, text):
        faults.append((kind, text))

    try:
        volume = Volume(path)
        check_head(volume, fault)
        entries = read_sds(volume, fault)
        check_indexes(volume, entries, fault)
        files = check_records(volume, entries, fault)
        check_clusters(volume, fault)
    except (Broken, struct.error, IndexError, AttributeError) as error:
        fault("broken", "%s: %s" % (type(error).__name__, error))
    return faults, files, len(entries)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("image", nargs="?")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        # Here, since it needs this module whole.
        import secure_plant

        secure_plant.self_test()
        return 0
    if not arguments.image:
        parser.error("name an image")
    faults, files, descriptors = check(arguments.image)
    for _, text in faults[:100]:
        print(text)
    print("%d files, %d descriptors, %d faults" % (files, descriptors, len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
