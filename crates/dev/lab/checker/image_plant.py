"""Damages a finished volume in every way the checker claims to see.

All faults go into one copy of the volume, each at a name of its own. The checker must
then name every one of them, in its own words, and nothing else.
"""

import ctypes
import os
import shutil
import struct
import subprocess
import tempfile

import image_check
import image_rules
from ntfs_snapshot import Mounted, set_xattr, take

ACL = b"system.ntfs_acl"


def run(arguments):
    """Checks the volume, plants, checks again; 0 when every plant is found."""
    clean = image_check.compare(arguments).run()
    if clean.wrong:
        print("the volume is wrong before anything is planted:")
        return clean.report(arguments.json)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(arguments.after))) as folder:
        copy = os.path.join(folder, "planted.img")
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", arguments.after, copy], check=True)
        comparison = image_check.compare(arguments)
        with Mounted(copy, writable=True) as point:
            plants = Planter(comparison, point).all()
        comparison = image_check.Comparison(
            comparison.before, take(copy), comparison.scope, comparison.expected, comparison.facts, comparison.state
        )
        result = comparison.run()
    missed = 0
    for name, path, words in plants:
        hits = [f for f in result.wrong if f["path"].split(" » ")[0] == path and words in f["what"]]
        missed += not hits
        print(f"{'found ' if hits else 'MISSED'} {name}: {path or '(root)'}")
    known = {path for _, path, _ in plants}
    strange = [f for f in result.wrong if f["path"].split(" » ")[0] not in known]
    for fault in strange[:10]:
        print(f"NOT PLANTED {fault['path']}: {fault['what'][:200]}")
    print(f"{len(plants)} planted, {missed} missed, {len(strange)} faults that nobody planted")
    return 1 if missed or strange or len(plants) < 8 else 0


class Planter:
    """Plants each fault at a name that no other uses."""

    def __init__(self, comparison, point):
        self.c, self.point, self.used, self.plants = comparison, os.fsencode(point), set(), []

    def all(self):
        for method in sorted(m for m in dir(self) if m.startswith("plant_")):
            getattr(self, method)()
        return self.plants

    def full(self, path):
        return self.point + (b"/" + os.fsencode(path) if path else b"")

    def pick(self, wanted):
        """The first unused, singly linked name for which `wanted(path, record)` holds."""
        for path in sorted(self.c.before.names):
            number = self.c.before.names[path][0]
            alone = len(self.c.before_links[number]) == 1
            if path and alone and path not in self.used and self.c.moved_or(path) == path:
                if wanted(path, self.c.before.records[number]):
                    self.used.add(path)
                    return path
        raise RuntimeError("the volume has no file for a plant")

    def plain(self, path, record):
        inside = not self.c.scope.ignored(path)
        return inside and record.kind == "f" and not record.reparse and record.size > 10 and not self.is_hive(path)

    def is_hive(self, path):
        return self.c.before.names[path][0] in self.c.before.hives

    def raw(self, path):
        return self.c.before.descriptors[self.c.before.records[self.c.before.names[path][0]].descriptor]

    def translated(self, path, record):
        return self.plain(path, record) and self.c.expected.descriptor(self.raw(path)) != self.raw(path)

    def told(self, name, path, words):
        self.plants.append((name, path, words))

    def plant_descriptor_left(self):
        path = self.pick(self.translated)
        set_xattr(self.full(path), ACL, self.raw(path))
        self.told("descriptor left as it was", path, "was not translated")

    def plant_descriptor_half(self):
        path = self.pick(self.translated)
        wanted = bytearray(self.c.expected.descriptor(self.raw(path)))
        at = struct.unpack_from("<I", wanted, 16)[0] + 8 + 4
        wanted[at] ^= 1
        set_xattr(self.full(path), ACL, bytes(wanted))
        self.told("one bit of a mask", path, "neither the old one nor the expected one")

    def plant_root(self):
        set_xattr(self.full(""), ACL, self.raw(""))
        self.told("root left as it was", "", "was not translated")

    def plant_ignored_area(self):
        path = self.pick(
            lambda p, r: self.c.scope.ignored(p)
            and r.kind == "f"
            and not self.is_hive(p)
            and self.c.expected.descriptor(self.raw(p)) != self.raw(p)
        )
        set_xattr(self.full(path), ACL, self.c.expected.descriptor(self.raw(path)))
        self.told("ignored area translated", path, "it must stay")

    def plant_link_into_ignored_area(self):
        for number, names in sorted(self.c.before_links.items()):
            ignored = [self.c.scope.ignored(n) for n in names]
            raw = self.c.before.descriptors[self.c.before.records[number].descriptor]
            wanted = self.c.expected.descriptor(raw)
            if any(ignored) and not all(ignored) and wanted != raw:
                set_xattr(self.full(names[0]), ACL, wanted)
                self.told("file linked into an ignored area", names[0], "it must stay")
                return
        raise RuntimeError("no file is linked into an ignored area")

    def plant_unmapped(self):
        def unmapped(path, record):
            return self.plain(path, record) and self.c.expected.descriptor(self.raw(path)) == self.raw(path)

        path = self.pick(unmapped)
        raw = bytearray(self.raw(path))
        target = next(iter(self.c.expected.binary.values()))
        at = struct.unpack_from("<I", raw, 4)[0]
        if raw[at + 1] == target[1]:
            raw[at : at + len(target)] = target
        else:
            raw[2] ^= 0x01
        set_xattr(self.full(path), ACL, bytes(raw))
        self.told("descriptor that should stay", path, "it must stay")

    def plant_content(self):
        path = self.pick(self.plain)
        status = os.lstat(self.full(path))
        with open(self.full(path), "r+b") as file:
            byte = file.read(1)
            file.seek(0)
            file.write(bytes([byte[0] ^ 1]))
        os.utime(self.full(path), ns=(status.st_atime_ns, status.st_mtime_ns))
        self.told("one bit of a content", path, "content of")

    def plant_content_ignored(self):
        path = self.pick(lambda p, r: self.c.scope.ignored(p) and r.size > 10 and not self.is_hive(p))
        with open(self.full(path), "ab") as file:
            file.write(b"x")
        self.told("content in an ignored area", path, "content of")

    def plant_time(self):
        path = self.pick(self.plain)
        os.utime(self.full(path), ns=(0, 1_600_000_000_000_000_000))
        self.told("last write time", path, "last write time")

    def plant_stream_gone(self):
        path = self.pick(lambda p, r: self.plain(p, r) and "Zone.Identifier" in r.streams)
        os.remove(self.full(path) + b":Zone.Identifier")
        self.told("stream removed", path, "stream 'Zone.Identifier'")

    def plant_stream_changed(self):
        path = self.pick(lambda p, r: self.plain(p, r) and "Zone.Identifier" in r.streams)
        with open(self.full(path) + b":Zone.Identifier", "r+b") as file:
            file.write(b"#")
        self.told("stream changed", path, "stream 'Zone.Identifier'")

    def plant_gone(self):
        path = self.pick(self.plain)
        os.remove(self.full(path))
        self.told("file removed", path, "is gone")

    def plant_new(self):
        path = self.pick(self.plain) + ".bak"
        with open(self.full(path), "wb") as file:
            file.write(b"left behind")
        self.told("file left behind", path, "is new")

    def plant_attributes(self):
        path = self.pick(lambda p, r: self.plain(p, r) and r.attributes & 1)
        set_xattr(self.full(path), b"system.ntfs_attrib_be", struct.pack(">I", 0x20))
        self.told("read-only lost", path, "attributes was")

    def plant_reparse(self):
        path = self.pick(lambda p, r: r.reparse[:4] == b"\x03\x00\x00\xa0" and not self.c.scope.ignored(p))
        raw = bytearray(self.c.before.records[self.c.before.names[path][0]].reparse)
        tail = raw.rfind(b"s\0")
        raw[tail] = ord("t")
        set_xattr(self.full(path), b"system.ntfs_reparse_data", bytes(raw))
        self.told("junction leads elsewhere", path, "reparse was")

    def plant_short_name(self):
        path = self.pick(lambda p, r: self.c.before.names[p][1] and self.plain(p, r))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.lremovexattr(self.full(path), b"system.ntfs_dos_name"):
            raise OSError(ctypes.get_errno(), "removing a short name")
        self.told("short name lost", path, "short name was")

    def plant_link_broken(self):
        for number, names in sorted(self.c.before_links.items()):
            names = [n for n in names if not self.c.scope.ignored(n)]
            if len(names) == len(self.c.before_links[number]) > 1 and not self.used & set(names):
                self.used |= set(names)
                apart = self.full(names[0])
                descriptor = self.c.after.descriptors[self.c.after.records[self.c.after.names[names[0]][0]].descriptor]
                shutil.copyfile(apart, apart + b"~")
                os.replace(apart + b"~", apart)
                set_xattr(apart, ACL, descriptor)
                self.told("hard link became a copy", names[0], "names were")
                return
        raise RuntimeError("no hard links on the volume")

    def _hive(self):
        path = self.pick(lambda p, r: self.is_hive(p) and p.lower().endswith("ntuser.dat"))
        with open(self.full(path), "rb") as file:
            return path, bytearray(file.read())

    def plant_hive_descriptor(self):
        if not self.c.before.hives:
            return
        path, data = self._hive()
        at = data.find(b"sk\0\0") + 20
        acl = at + struct.unpack_from("<I", data, at + 16)[0]
        data[acl + 8 + 4] ^= 1
        with open(self.full(path), "wb") as file:
            file.write(data)
        self.told("descriptor of a hive key", path, "descriptor is")

    def plant_hive_value(self):
        if not self.c.before.hives:
            return
        path, data = self._hive()
        cells = (i for i in range(4096, len(data) - 24, 8) if data[i + 4 : i + 6] == b"vk" and data[i + 11] & 0x80)
        cell = next(i for i in cells if struct.unpack_from("<i", data, i)[0] < 0)
        data[cell + 12] ^= 1
        with open(self.full(path), "wb") as file:
            file.write(data)
        self.told("value of a hive key", path, "value")


def migrate(image, expected, scope):
    """Does to a volume what the rules say, by ntfs-3g and plain Python: the self-test's "run"."""
    before = take(image)
    links = before.links()
    with Mounted(image, writable=True) as point:
        root = os.fsencode(point)
        for number, names in links.items():
            if any(scope.ignored(n) for n in names):
                continue
            full = root + (b"/" + os.fsencode(names[0]) if names[0] else b"")
            raw = before.descriptors[before.records[number].descriptor]
            if expected.descriptor(raw) != raw:
                set_xattr(full, ACL, expected.descriptor(raw))
            if number in before.hives:  # only those of users: machine hives are in an ignored area
                patched = remapped(before.hives[number], expected)
                with open(full, "r+b") as file:
                    file.write(patched)
    return before


def remapped(hive, expected):
    """A hive with its descriptors translated in place (replace only: never longer)."""
    import hive_read

    for raw in {key.descriptor for key in hive_read.read(hive).keys.values()}:
        wanted = expected.descriptor(raw)
        if wanted != raw and len(wanted) <= len(raw):
            old = struct.pack("<I", len(raw)) + raw
            hive = hive.replace(old, struct.pack("<I", len(wanted)) + wanted.ljust(len(raw), b"\0"))
    return hive


def self_test(image, map_file):
    """Migrates a copy of `image` by plain Python, finds nothing wrong, then finds every plant."""
    expected = image_rules.Expected(image_rules.read_map(map_file), "replace")
    scope = image_rules.Scope(image_rules.DEFAULT_IGNORED)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(image))) as folder:
        copy = os.path.join(folder, "migrated.img")
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", image, copy], check=True)
        snap = os.path.join(folder, "before.snap")
        migrate(copy, expected, scope).save(snap)
        arguments = image_check.parser().parse_args(
            ["plant", "--before", snap, "--after", copy, "--map", map_file, "--files-only"]
        )
        return run(arguments)
