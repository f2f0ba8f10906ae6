#!/usr/bin/env python3
"""Makes a volume for translations, and judges one by walking over it before and after.

    volume_files.py build MOUNT --files N --descriptors D
    volume_files.py snapshot MOUNT FILE
    volume_files.py root IMAGE
    volume_files.py compare BEFORE AFTER --map MAP --mode MODE [--exclude NAME]…
                    [--report FILE]…

`build` fills a mounted volume: most of the descriptors name mapped accounts, a tenth of
them are used inside and outside of `Ignored`, one user's target is longer. `root` puts a
descriptor with a mapped account into the record of the root folder of an unmounted image.
`compare` demands of every file that its descriptor is the translated one (by
`sd_rewrite.py`, which shares no code with the product) if all of its names are in scope,
and what it was if not; and of each report that its changes are exactly those seen.
"""

import argparse
import collections
import ctypes
import json
import os
import struct
import sys

import sd_rewrite

ACL = "system.ntfs_acl"
DOMAIN = "S-1-5-21-1111-2222-3333-%d"
TARGET = "S-1-12-1-100-200-300-%d"
LONGER = "S-1-12-1-100-200-300-400-%d"
USERS = 12
_LIBC = ctypes.CDLL(None, use_errno=True)
_ROOM = ctypes.create_string_buffer(1 << 16)


def descriptor_of(path):
    """ntfs-3g wants a buffer for the largest one at once, which os.getxattr does not give."""
    length = _LIBC.lgetxattr(os.fsencode(path), ACL.encode(), _ROOM, len(_ROOM))
    if length < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)
    return _ROOM.raw[:length]


def sid(text):
    return sd_rewrite.sid_from_text(text)


def descriptor(number, total):
    """One of `total` distinct descriptors."""
    user = number % USERS
    account = sid(DOMAIN % (1100 + user)) if number % 2 else sid("S-1-5-21-9-9-9-%d" % (500 + user))
    system, admins = sid("S-1-5-18"), sid("S-1-5-32-544")
    entries = [(0, 0, 0x1F01FF, system), (0, 3, 0x1F01FF, admins)]
    # The mask makes it distinct; the account comes twice in some.
    entries.append((0, 3, 0x120000 | number & 0x1FF | (number >> 9) << 13 & 0x2000, account))
    if number % 5 == 0:
        entries.append((1, 0, 2, account))
    if number % 7 == 0:
        entries.append((0, 0x13, 0x1200A9, sid(DOMAIN % (1100 + (user + 1) % USERS))))
    entries.append((0, 0, number, sid("S-1-5-32-545")))
    body = b"".join(
        struct.pack("<BBHI", kind, flags, 8 + len(who), mask) + who for kind, flags, mask, who in entries
    )
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(body), len(entries), 0) + body
    owner = account if number % 3 else admins
    group = sid("S-1-5-21-1111-2222-3333-513" if number % 4 else "S-1-5-32-545")
    head = struct.pack("<BBHIIII", 1, 0, 0x8404, 20, 20 + len(owner), 0, 20 + len(owner) + len(group))
    return head + owner + group + acl


def write_map(path):
    with open(path, "w") as file:
        file.write("source_sid,target_sid\n")
        for user in range(USERS):
            target = LONGER if user == USERS - 1 else TARGET
            file.write("%s,%s\n" % (DOMAIN % (1100 + user), target % (7100 + user)))
        file.write("%s,%s\n" % (DOMAIN % 513, TARGET % 513))


def build(mount, files, descriptors):
    for folder in ("Users", "Ignored", "Данные"):
        os.mkdir(os.path.join(mount, folder))
    made = 0
    while made < files:
        ignored = made // 200 % 5 == 4
        top = "Ignored" if ignored else ("Users" if made // 200 % 2 else "Данные")
        folder = os.path.join(mount, top, "folder %05d" % (made // 200))
        os.mkdir(folder)
        os.setxattr(folder, ACL, descriptor(made // 200 % descriptors, descriptors))
        for number in range(made, min(files, made + 200)):
            path = os.path.join(folder, "file %07d" % number)
            with open(path, "wb") as file:
                if number % 50 == 0:
                    file.write(b"x" * (number % 3000))
            # Ignored files share a tenth of the descriptors, and have some of their own.
            if ignored:
                which = number % (descriptors // 10) * 10 if number % 2 else descriptors + number % 9
            else:
                which = number % descriptors
            os.setxattr(path, ACL, descriptor(which, descriptors))
        made += 200
    inside = os.path.join(mount, "Users", "folder 00001")
    for number in range(200, 206):
        first = os.path.join(inside, "file %07d" % number)
        across = "Ignored" if number % 2 else "Users"
        os.link(first, os.path.join(mount, across, "link %d" % number))
    os.symlink("file 0000201", os.path.join(inside, "points"))
    long = os.path.join(mount, "Users", "имя " * 50)
    os.mkdir(long)
    # Enough names for the record to need others beside it.
    with open(os.path.join(long, "many"), "w") as file:
        file.write("x")
    for number in range(60):
        os.link(os.path.join(long, "many"), os.path.join(long, "%03d %s" % (number, "y" * 180)))
    os.setxattr(os.path.join(long, "many"), ACL, descriptor(3, descriptors))


def snapshot(mount, out):
    records, pending = {}, [("", mount)]
    while pending:
        name, path = pending.pop()
        status = os.lstat(path)
        record = records.setdefault(
            status.st_ino, {"sd": descriptor_of(path).hex(), "names": [], "size": status.st_size}
        )
        record["names"].append(name)
        if os.path.isdir(path) and not os.path.islink(path):
            for entry in os.listdir(path):
                pending.append((name + "\\" + entry if name else entry, os.path.join(path, entry)))
    for record in records.values():
        record["names"].sort()
    with open(out, "w") as file:
        json.dump(records, file)


def plant_root(image):
    """Puts a mapped account into the descriptor in the record of the root folder."""
    with open(image, "r+b") as file:
        boot = file.read(512)
        cluster = struct.unpack_from("<H", boot, 11)[0] * boot[13]
        size = struct.unpack_from("<b", boot, 0x40)[0]
        size = size * cluster if size > 0 else 1 << -size
        places = [struct.unpack_from("<Q", boot, 0x30)[0] * cluster + 5 * size]
        if cluster // size > 5:
            places.append(struct.unpack_from("<Q", boot, 0x38)[0] * cluster + 5 * size)
        file.seek(places[0])
        record = bytearray(file.read(size))
        at = struct.unpack_from("<H", record, 0x14)[0]
        while struct.unpack_from("<I", record, at)[0] != 0x50:
            at += struct.unpack_from("<I", record, at + 4)[0]
        if record[at + 8]:
            # Not resident: its clusters hold the descriptor.
            runs = at + struct.unpack_from("<H", record, at + 32)[0]
            sizes = record[runs]
            start = runs + 1 + (sizes & 15)
            first = int.from_bytes(record[start : start + (sizes >> 4)], "little")
            length = struct.unpack_from("<Q", record, at + 48)[0]
            places = [first * cluster]
            file.seek(places[0])
            record, at = bytearray(file.read(length)), 0
        else:
            length = struct.unpack_from("<I", record, at + 16)[0]
            at += struct.unpack_from("<H", record, at + 20)[0]
        # The first entry of the list gets the bytes of a mapped account; the list is written
        # anew into the same length, what is left over belongs to nobody.
        account = sid(DOMAIN % 1103)
        owner = sid("S-1-5-32-544")
        ace = struct.pack("<BBHI", 0, 3, 8 + len(account), 0x1F01FF) + account
        acl = struct.pack("<BBHHH", 2, 0, 8 + len(ace), 1, 0) + ace
        new = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 20 + len(owner), 0, 20 + 2 * len(owner))
        new += owner + owner + acl
        assert len(new) <= length, (len(new), length)
        acl_at = len(new) - len(acl)
        acl = struct.pack("<BBHHH", 2, 0, length - acl_at, 1, 0) + ace
        new = new[:acl_at] + acl + bytes(length - acl_at - len(acl))
        for offset in range(at, at + length):
            assert offset % 512 < 510 or len(record) % 512, "it lies under a fix-up"
        record[at : at + length] = new
        for place in places:
            file.seek(place)
            file.write(record)


def compare(arguments):
    with open(arguments.before) as file:
        before = json.load(file)
    with open(arguments.after) as file:
        after = json.load(file)
    sid_map = sd_rewrite.read_map(arguments.map)
    excluded = [name.upper() for name in arguments.exclude]

    def inside(name):
        return name.split("\\")[0].upper() not in excluded

    wrong, changed, cache = [], collections.Counter(), {}
    if before.keys() != after.keys():
        wrong.append("the files are not the same")
    counts = collections.Counter()
    for number, old in before.items():
        new = after.get(number)
        if new is None:
            continue
        if (old["names"], old["size"]) != (new["names"], new["size"]):
            wrong.append("%s: names or size changed" % old["names"][0])
        in_scope = all(inside(name) for name in old["names"])
        across = not in_scope and any(inside(name) for name in old["names"])
        counts["in scope" if in_scope else "across" if across else "excluded"] += 1
        want = old["sd"]
        if in_scope:
            if want not in cache:
                out = sd_rewrite.translate(bytes.fromhex(want), sid_map, arguments.mode)
                cache[want] = out[0].hex()
            want = cache[want]
        if new["sd"] != want:
            wrong.append("%s: %s instead of %s" % (old["names"][0], new["sd"], want))
        if new["sd"] != old["sd"]:
            changed[old["sd"], new["sd"]] += 1
        if in_scope and arguments.mode == "replace":
            left = sd_rewrite.sids_of(bytes.fromhex(new["sd"])) & sid_map.keys()
            if left:
                wrong.append("%s: still names a mapped account" % old["names"][0])
    for path in arguments.report:
        with open(path) as file:
            report = json.load(file)
        told = collections.Counter()
        for change in report["changes"]:
            told[change["before"], change["after"]] += change["files"]
        for pair in told.keys() | changed.keys():
            if told[pair] != changed[pair]:
                wrong.append("%s: %d told, %d seen: %s" % (path, told[pair], changed[pair], pair))
        sums = {"files_changed": sum(changed.values()), "linked_across": counts["across"], "excluded": counts["excluded"]}
        for field, value in sums.items():
            if report[field] != value:
                wrong.append("%s: %s is %d, seen %d" % (path, field, report[field], value))
        if report["files"] + report["directories"] != counts["in scope"]:
            wrong.append("%s: not as many in scope" % path)
    for text in wrong[:20]:
        print(text)
    print(json.dumps({"changed": sum(changed.values()), "descriptors": len(changed), **counts, "wrong": len(wrong)}))
    if arguments.mode == "replace" and not changed:
        print("nothing has changed at all")
        return 1
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("build")
    one.add_argument("mount")
    one.add_argument("--files", type=int, default=2000)
    one.add_argument("--descriptors", type=int, default=100)
    one = verbs.add_parser("map")
    one.add_argument("file")
    one = verbs.add_parser("root")
    one.add_argument("image")
    one = verbs.add_parser("snapshot")
    one.add_argument("mount")
    one.add_argument("file")
    one = verbs.add_parser("compare")
    one.add_argument("before")
    one.add_argument("after")
    one.add_argument("--map", required=True)
    one.add_argument("--mode", required=True)
    one.add_argument("--exclude", action="append", default=[])
    one.add_argument("--report", action="append", default=[])
    arguments = parser.parse_args()
    if arguments.verb == "build":
        build(arguments.mount, arguments.files, arguments.descriptors)
    elif arguments.verb == "map":
        write_map(arguments.file)
    elif arguments.verb == "root":
        plant_root(arguments.image)
    elif arguments.verb == "snapshot":
        snapshot(arguments.mount, arguments.file)
    else:
        return compare(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
