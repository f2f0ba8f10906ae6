"""Reads everything that can be seen of an NTFS volume, through ntfs-3g alone.

A snapshot holds, for every name from the root down, which file record it names,
and for every record its descriptor, attributes, reparse data, contents, streams,
links and object id. Descriptors are kept once each. Registry hives are kept whole,
because they are compared as trees, not as bytes; and so are task files, of which a run
may change a part.

Shares no code with the product: descriptors come from the extended attributes of
ntfs-3g, contents from its mounted files (`ntfscat` where a reparse point hides them).
"""

import ctypes
import hashlib
import os
import sqlite3
import struct
import subprocess
import tempfile
import time
import zlib
from dataclasses import dataclass, field

_LIBC = ctypes.CDLL(None, use_errno=True)
_BUFFER = ctypes.create_string_buffer(1 << 16)
DOS_DIRECTORY, REPARSE_POINT = 0x10, 0x400
DIRECTORY, FILE = "d", "f"
TASKS = "Windows/System32/Tasks/"


@dataclass
class Record:
    """One file record: everything its names share."""

    kind: str
    descriptor: str
    attributes: int
    size: int = 0
    content: str = ""
    reparse: bytes = b""
    object_id: bytes = b""
    ea: bytes = b""
    mtime: int = 0
    streams: dict = field(default_factory=dict)


@dataclass
class Snapshot:
    """A volume as it was."""

    names: dict = field(default_factory=dict)  # path -> (record number, short name)
    records: dict = field(default_factory=dict)  # record number -> Record
    descriptors: dict = field(default_factory=dict)  # SHA-256 hex -> bytes
    hives: dict = field(default_factory=dict)  # record number -> bytes
    tasks: dict = field(default_factory=dict)  # path below the folder of tasks -> bytes

    def links(self):
        """Record number -> sorted names."""
        found = {}
        for path, (number, _) in self.names.items():
            found.setdefault(number, []).append(path)
        return {number: sorted(paths) for number, paths in found.items()}

    def save(self, path):
        """Writes the snapshot as one compact SQLite file."""
        if os.path.exists(path):
            os.remove(path)
        base = sqlite3.connect(path)
        base.executescript(
            """
            CREATE TABLE names (path TEXT PRIMARY KEY, record INTEGER, short TEXT) WITHOUT ROWID;
            CREATE TABLE records (record INTEGER PRIMARY KEY, kind TEXT, descriptor TEXT, attributes INTEGER,
                size INTEGER, content TEXT, reparse BLOB, object_id BLOB, ea BLOB, mtime INTEGER);
            CREATE TABLE streams (record INTEGER, name TEXT, size INTEGER, content TEXT);
            CREATE TABLE descriptors (hash TEXT PRIMARY KEY, bytes BLOB) WITHOUT ROWID;
            CREATE TABLE hives (record INTEGER PRIMARY KEY, bytes BLOB);
            CREATE TABLE tasks (path TEXT PRIMARY KEY, bytes BLOB) WITHOUT ROWID;
            """
        )
        base.executemany("INSERT INTO names VALUES (?,?,?)", ((_out(p), r, s) for p, (r, s) in self.names.items()))
        base.executemany(
            "INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                (n, r.kind, r.descriptor, r.attributes, r.size, r.content, r.reparse, r.object_id, r.ea, r.mtime)
                for n, r in self.records.items()
            ),
        )
        base.executemany(
            "INSERT INTO streams VALUES (?,?,?,?)",
            ((n, _out(k), v[0], v[1]) for n, r in self.records.items() for k, v in r.streams.items()),
        )
        base.executemany("INSERT INTO descriptors VALUES (?,?)", self.descriptors.items())
        base.executemany("INSERT INTO hives VALUES (?,?)", ((n, zlib.compress(b, 1)) for n, b in self.hives.items()))
        base.executemany("INSERT INTO tasks VALUES (?,?)", ((_out(p), b) for p, b in self.tasks.items()))
        base.commit()
        base.close()

    @staticmethod
    def load(path):
        """Reads a snapshot file."""
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        snap = Snapshot()
        for name, number, short in base.execute("SELECT path, record, short FROM names"):
            snap.names[_in(name)] = (number, short)
        for row in base.execute("SELECT * FROM records"):
            snap.records[row[0]] = Record(*row[1:])
        for number, name, size, content in base.execute("SELECT * FROM streams"):
            snap.records[number].streams[_in(name)] = (size, content)
        snap.descriptors = dict(base.execute("SELECT hash, bytes FROM descriptors"))
        snap.hives = {n: zlib.decompress(b) for n, b in base.execute("SELECT record, bytes FROM hives")}
        snap.tasks = {_in(p): b for p, b in base.execute("SELECT path, bytes FROM tasks")}
        base.close()
        return snap


def _out(text):
    # Names with lone surrogates stay exact in a text column.
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _in(text):
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def get_xattr(path, name):
    """Value of an extended attribute of `path` itself, or None when it has none."""
    size = _LIBC.lgetxattr(path, name, _BUFFER, len(_BUFFER))
    if size < 0:
        error = ctypes.get_errno()
        if error in (61, 95):  # no data, not supported
            return None
        raise OSError(error, os.strerror(error), f"{name!r} of {path!r}")
    return _BUFFER.raw[:size]


def set_xattr(path, name, value):
    """Sets an extended attribute of `path` itself."""
    if _LIBC.lsetxattr(path, name, value, len(value), 0):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), f"{name!r} of {path!r}")


class Mounted:
    """A volume mounted with ntfs-3g inside a `with` block; leaving waits for the daemon."""

    def __init__(self, image, writable=False):
        self.image, self.writable = os.path.abspath(image), writable

    def __enter__(self):
        self.point = tempfile.mkdtemp(prefix="gw-check-")
        options = "permissions,streams_interface=windows,noatime,no_detach" + ("" if self.writable else ",ro")
        self.daemon = subprocess.Popen(
            ["ntfs-3g", "-o", options, self.image, self.point], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while not os.path.ismount(self.point):
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                self.daemon.kill()
                os.rmdir(self.point)
                raise RuntimeError(f"ntfs-3g did not mount {self.image}")
            time.sleep(0.01)
        return self.point

    def __exit__(self, *_):
        subprocess.run(["umount", self.point], check=True, timeout=120)
        self.daemon.wait(timeout=120)
        os.rmdir(self.point)


def take(image, mounted=None):
    """Snapshot of `image`; `mounted` names the place where it is mounted already."""
    if mounted:
        return _walk(mounted, image)
    with Mounted(image) as point:
        return _walk(point, image)


def _walk(point, image):
    snap = Snapshot()
    root = os.fsencode(point)
    _one(snap, root, "", image)
    pending = [(root, "")]
    while pending:
        folder, path = pending.pop()
        for entry in os.listdir(folder):
            inner = folder + b"/" + entry
            name = (path + "/" if path else "") + os.fsdecode(entry)
            if _one(snap, inner, name, image):
                pending.append((inner, name))
    return snap


def _one(snap, full, name, image):
    """Adds one name; answers whether it is a folder to go into."""
    status = os.lstat(full)
    number = status.st_ino
    short = get_xattr(full, b"system.ntfs_dos_name") if name else None
    snap.names[name] = (number, short.decode("utf-8", "replace") if short else "")
    if number in snap.records:
        return False
    descriptor = get_xattr(full, b"system.ntfs_acl") or b""
    key = hashlib.sha256(descriptor).hexdigest()
    snap.descriptors.setdefault(key, descriptor)
    attributes = struct.unpack(">I", get_xattr(full, b"system.ntfs_attrib_be"))[0]
    record = Record(kind=DIRECTORY, descriptor=key, attributes=attributes, mtime=status.st_mtime_ns)
    snap.records[number] = record
    record.object_id = (get_xattr(full, b"system.ntfs_object_id") or b"")[:16]
    record.ea = get_xattr(full, b"system.ntfs_ea") or b""
    surrogate = bool(attributes & REPARSE_POINT)
    if surrogate:
        record.reparse = get_xattr(full, b"system.ntfs_reparse_data") or b""
    folder = bool(attributes & DOS_DIRECTORY)
    if not folder:
        record.kind = FILE
        data = _unseen(image, number, None) if surrogate else _read(full)
        record.size, record.content = len(data), hashlib.sha256(data).hexdigest()
        if data[:4] == b"regf":
            snap.hives[number] = data
        if name.startswith(TASKS):
            snap.tasks[name[len(TASKS) :]] = data
    listed = get_xattr(full, b"ntfs.streams.list") or b""
    for stream in filter(None, listed.split(b"\0")):
        data = _unseen(image, number, stream) if surrogate else _read(full + b":" + stream)
        record.streams[os.fsdecode(stream)] = (len(data), hashlib.sha256(data).hexdigest())
    return folder and not surrogate


def _read(path):
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _unseen(image, number, stream):
    """Data of a reparse point, which a mount shows as a link."""
    command = ["ntfscat", "-f", "-i", str(number)]
    if stream:
        command += ["-n", os.fsdecode(stream)]
    done = subprocess.run(command + [image], capture_output=True, timeout=60)
    return done.stdout
