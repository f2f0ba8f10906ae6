"""Plants faults into the descriptor store of a real volume, each of which must be found.

The proof of `secure_check.py`: a volume with 400 descriptors is made by ntfs-3g, found to be
sound, and broken in one place at a time. Run by `secure_check.py --self-test`.
"""

import os
import struct
import subprocess
import tempfile
import time

from secure_check import BLOCK, HEAD, Volume, attributes, check, read_sds


def make_volume(folder):
    """A small real volume with enough descriptors for both indexes to have blocks."""
    image, point = os.path.join(folder, "disk.img"), os.path.join(folder, "mnt")
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    os.mkdir(point)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["mkfs.ntfs", "-F", "-Q", "-q", image], check=True, timeout=60, **quiet)
    options = "permissions,streams_interface=windows,no_detach"
    driver = subprocess.Popen(["ntfs-3g", "-o", options, image, point], **quiet)
    try:
        while not os.path.ismount(point):
            if driver.poll() is not None:
                raise SystemExit("ntfs-3g does not mount the volume")
            time.sleep(0.005)
        sid = bytes.fromhex("010500000000000515000000") + struct.pack("<III", 11, 22, 33)
        for number in range(400):
            path = os.path.join(point, "file %d" % number)
            with open(path, "w") as file:
                file.write("x")
            user = sid + struct.pack("<I", 1000 + number)
            ace = struct.pack("<BBHI", 0, 0, 8 + len(user), 0x1F01FF) + user
            acl = struct.pack("<BBHHH", 2, 0, 8 + len(ace), 1, 0) + ace
            head = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 20 + len(user), 0, 20 + 2 * len(user))
            os.setxattr(path, "system.ntfs_acl", head + user + user + acl)
    finally:
        subprocess.run(["umount", point], timeout=60)
        # umount returns before ntfs-3g has written everything; a mount namespace made
        # meanwhile may keep it alive, until it is asked to end.
        try:
            driver.wait(timeout=3)
        except subprocess.TimeoutExpired:
            driver.terminate()
            driver.wait(timeout=60)
    return image


class Planter:
    """Changes bytes of an image so that only one thing is wrong."""

    def __init__(self, image):
        with open(image, "rb") as file:
            self.bytes = bytearray(file.read())
        self.volume = Volume(image)
        self.sds = self.volume.value(9, 0x80, "$SDS")
        self.entries = sorted(read_sds(self.volume, lambda *_: None).values(), key=lambda e: e[1])

    def sds_at(self, offset):
        return self.sds.place(offset)[0]

    def record_at(self, number):
        return self.volume.mft.place(number * self.volume.record_size)[0]

    def mirror_record(self, number):
        """Copies a record to $MFTMirr, so that only the planted fault is seen."""
        place = self.volume.value(1, 0x80, "").place(number * self.volume.record_size)[0]
        size, at = self.volume.record_size, self.record_at(number)
        self.bytes[place : place + size] = self.bytes[at : at + size]

    def index_at(self, name, data):
        """Every place in the blocks of an index where these bytes are."""
        blocks, found = self.volume.value(9, 0xA0, name), []
        for offset in range(0, blocks.size, self.volume.cluster):
            place = blocks.place(offset)[0]
            # What lies behind the used part has been moved away long ago.
            used = 24 + struct.unpack_from("<I", self.bytes, place + 28)[0]
            block = self.bytes[place : place + used]
            at = block.find(data)
            while at >= 0:
                if all((at + n) % 512 < 510 for n in range(len(data))):
                    found.append(place + at)
                at = block.find(data, at + 1)
        return found

    def bitmap_bit(self, number, kind, name, bit):
        value = self.volume.value(number, kind, name)
        if value.resident is None:
            self.bytes[value.place(bit // 8)[0]] ^= 1 << bit % 8
            return
        for what, called, _, bytes_, at in attributes(self.volume.record(number)):
            if (what, called) == (kind, name):
                value_at = at + struct.unpack_from("<H", bytes_, 20)[0]
                self.bytes[self.record_at(number) + value_at + bit // 8] ^= 1 << bit % 8


def plants(p):
    """name -> (kinds that may be told, what plants it)."""
    hash_, id_, offset, length = p.entries[200]
    primary, copy = p.sds_at(offset), p.sds_at(offset + BLOCK)
    head = HEAD.pack(hash_, id_, offset, length)

    def xor(at, mask=1):
        p.bytes[at] ^= mask

    def fill(at, count):
        p.bytes[at : at + count] = bytes(count)

    def in_index(name, shift, mask=1):
        for entry in p.entries[150:]:
            places = p.index_at(name, HEAD.pack(*entry))
            if places and 8 < places[0] % 512 < 480:
                xor(places[0] + shift, mask)
                return
        raise AssertionError("no entry in the blocks of " + name)

    def clear(at):
        """Whether key and data there lie under no fix-up."""
        return 16 < at % 512 < 480

    def swap(name, key):
        """Swaps key and data of two entries that follow each other in a block."""
        sortable = sorted(p.entries, key=key)
        for left, right in zip(sortable, sortable[1:]):
            a, b = p.index_at(name, HEAD.pack(*left)), p.index_at(name, HEAD.pack(*right))
            if a and b and 0 < b[0] - a[0] <= 64 and clear(a[0]) and clear(b[0]):
                x, y = a[0], b[0]
                # The key stands behind the data's header: entries are header, key, data.
                back = 8 if name == "$SDH" else 4
                one, two = bytes(p.bytes[x - back : x + 20]), bytes(p.bytes[y - back : y + 20])
                p.bytes[x - back : x + 20], p.bytes[y - back : y + 20] = two, one
                return
        raise AssertionError("no two neighbours in " + name)

    def id_of_file():
        record = p.volume.record(100)
        for kind, _, _, bytes_, at in attributes(record):
            if kind == 0x10:
                place = p.record_at(100) + at + struct.unpack_from("<H", bytes_, 20)[0]
                struct.pack_into("<I", p.bytes, place + 0x34, 0xFFFF)

    def dirty():
        for kind, _, _, bytes_, at in attributes(p.volume.record(3)):
            if kind == 0x70:
                xor(p.record_at(3) + at + struct.unpack_from("<H", bytes_, 20)[0] + 10)
        p.mirror_record(3)

    def signature(text):
        at = p.record_at(100)
        p.bytes[at : at + 4] = text

    def index_block():
        blocks = p.volume.value(9, 0xA0, "$SDH")
        return blocks.place(0)[0]

    def both(shift, mask=1):
        xor(primary + shift, mask)
        xor(copy + shift, mask)

    def cluster_of_sds():
        return primary // p.volume.cluster

    return {
        "one byte of a copy differs": ({"mirror"}, lambda: xor(copy + 40)),
        "a copy is zeroed": ({"mirror"}, lambda: fill(copy, length)),
        "the primary differs from copy and hash": ({"hash", "mirror"}, lambda: xor(primary + 44)),
        "a descriptor was changed under its old hash": ({"hash"}, lambda: both(44)),
        "a hash was changed in the store alone": ({"hash", "sii", "sdh"}, lambda: both(0)),
        "an entry says another place": ({"sds-entry"}, lambda: both(8, 0x10)),
        "an entry has another id": ({"sii", "sdh"}, lambda: both(4, 0x80)),
        "an entry is too long": ({"hash"}, lambda: both(18)),
        "$SII has an old hash": ({"sii"}, lambda: in_index("$SII", 0)),
        "$SII has another offset": ({"sii"}, lambda: in_index("$SII", 8, 16)),
        "$SII is out of order": ({"sii-order"}, lambda: swap("$SII", lambda e: e[1])),
        "$SDH has an old key": ({"sdh", "sdh-order"}, lambda: in_index("$SDH", -8)),
        "$SDH has another length": ({"sdh"}, lambda: in_index("$SDH", 16)),
        "$SDH is out of order": ({"sdh-order"}, lambda: swap("$SDH", lambda e: e[:2])),
        "a fix-up of $Secure's record": ({"broken", "fixup"}, lambda: xor(p.record_at(9) + 510, 0x55)),
        "a fix-up of an index block": ({"fixup"}, lambda: xor(index_block() + 510, 0x55)),
        "a fix-up of a file": ({"fixup"}, lambda: xor(p.record_at(100) + 1022, 0x55)),
        "a record is marked BAAD": ({"fixup"}, lambda: signature(b"BAAD")),
        "$MFTMirr differs": ({"mft-mirror"}, lambda: xor(p.volume.value(1, 0x80, "").place(60)[0])),
        "a file is not in the bitmap": ({"mft-bitmap"}, lambda: p.bitmap_bit(0, 0xB0, "", 100)),
        "a file has an id that is not there": ({"unknown-id"}, id_of_file),
        "the volume is dirty": ({"dirty"}, dirty),
        "an index block is not in its bitmap": ({"index-bitmap"}, lambda: p.bitmap_bit(9, 0xB0, "$SDH", 0)),
        "a block of an index is another": ({"index"}, lambda: xor(index_block() + 16, 0x40)),
        "the store's clusters are marked free": ({"cluster-bitmap"}, lambda: p.bitmap_bit(6, 0x80, "", cluster_of_sds())),
    }


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        image = make_volume(folder)
        faults, files, descriptors = check(image)
        if faults:
            raise SystemExit("a sound volume has faults: %s" % faults[:5])
        print("sound: %d files, %d descriptors, no fault" % (files, descriptors))
        missed, names = [], list(plants(Planter(image)))
        broken = os.path.join(folder, "broken.img")
        for name in names:
            planter = Planter(image)
            kinds, plant = plants(planter)[name]
            plant()
            with open(broken, "wb") as file:
                file.write(planter.bytes)
            told = {kind for kind, _ in check(broken)[0]}
            caught = bool(told & kinds)
            how = "caught: " if caught else "MISSED: "
            print("%-45s %s%s" % (name, how, ", ".join(sorted(told))))
            if not caught:
                missed.append(name)
        if missed:
            raise SystemExit("%d of %d planted faults were missed" % (len(missed), len(names)))
        print("%d planted faults, each caught" % len(names))
