#!/usr/bin/env python3
"""Lets readers that are not ours read the hives that the test kit builds.

    built_hives.py DIR      DIR as written by the example `hives` of the test kit

reglookup, hivex, python-registry and regipy must agree with our own second
reader on every key; impacket must find the groups, the machine secret and the hash
of the fallback administrator's password. The structural checker must find nothing, and every fault planted in a copy.
"""

import argparse
import os
import re
import subprocess
import sys

import hive_read
import hive_structure

NAMES = ["NTUSER.DAT", "UsrClass.dat", "SYSTEM", "SOFTWARE", "SAM", "SECURITY"]
# The password the example gives the machine account and the fallback administrator.
PASSWORD = "correct horse battery staple"
SECRET = PASSWORD.encode("utf-16-le").hex()
ADMINISTRATOR = "GodwitFallback"


def run(*command):
    done = subprocess.run(command, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace").strip()


def by_reglookup(path):
    """Paths of keys, with security descriptors decoded (reglookup fails on a bad one)."""
    code, out, error = run("reglookup", "-s", path)
    if code:
        raise RuntimeError(error)
    lines = [line.split(b",") for line in out.split(b"\n")[1:] if line]
    return sum(fields[1] == b"KEY" for fields in lines)


def by_hivex(path):
    code, out, error = run("hivexml", path)
    if code or error:
        raise RuntimeError(error)
    return len(re.findall(rb"<node ", out))


def by_python_registry(path, dump):
    from Registry import Registry

    count = 0
    stack = [(Registry.Registry(path).root(), "")]
    while stack:
        key, where = stack.pop()
        count += 1
        values = {}
        for value in key.values():
            name = "" if value.name() == "(default)" else value.name()
            values[name] = value.raw_data()
        ours = {name: data for name, (_, data) in dump.keys[where].values.items()}
        # It does not give back what is stored in the value itself the same way for every type.
        long = {name: data for name, data in ours.items() if len(data) > 4}
        if values.keys() != ours.keys() or any(values[name] != data for name, data in long.items()):
            raise RuntimeError("values of %r differ" % where)
        for child in key.subkeys():
            stack.append((child, where + "\\" + child.name() if where else child.name()))
    return count


def by_regipy(path):
    from regipy.registry import RegistryHive

    return sum(1 for _ in RegistryHive(path).recurse_subkeys(fetch_values=False))


def by_impacket(folder):
    secretsdump = os.path.join(os.path.dirname(sys.executable), "secretsdump.py")
    code, out, error = run(
        sys.executable, secretsdump, "-system", os.path.join(folder, "SYSTEM"),
        "-security", os.path.join(folder, "SECURITY"), "-sam", os.path.join(folder, "SAM"), "LOCAL",
    )
    text = out.decode(errors="replace") + error
    from impacket.ntlm import compute_nthash

    account = "%s:1100:aad3b435b51404eeaad3b435b51404ee:%s:::" % (ADMINISTRATOR, compute_nthash(PASSWORD).hex())
    if account not in text.splitlines():
        raise RuntimeError("the fallback administrator is not found with its hash")
    wanted = ["plain_password_hex:" + SECRET, "Administrator:500:", "lokal:1001:", "DPAPI_SYSTEM", "NL$KM"]
    missing = [one.split(":")[0] for one in wanted if one not in text]
    if code or missing or "failed" in text:
        raise RuntimeError("not found: %s" % ", ".join(missing))
    return "machine secret, accounts, a password's hash and keys"


def samdump_groups(path):
    """Members of local groups, read as samdump-like tools do."""
    import struct

    import sd_rewrite

    dump = hive_read.read(open(path, "rb").read())
    groups = {}
    for key in dump.keys.values():
        found = re.fullmatch(r"SAM\\Domains\\Builtin\\Aliases\\([0-9A-F]{8})", key.path)
        if not found:
            continue
        c = key.values["C"][1]
        words = struct.unpack_from("<13I", c)
        at, members = 52 + words[10], []
        for _ in range(words[12]):
            size = sd_rewrite.sid_length(c, at)
            members.append(sd_rewrite.sid_to_text(c[at : at + size]))
            at += size
        name = c[52 + words[4] : 52 + words[4] + words[5]].decode("utf-16-le")
        groups[int(found[1], 16)] = (name, members)
    return groups


def attempt(what, action, expected=None):
    try:
        got = action()
    except Exception as error:  # any reader may fail in its own way
        print("FAILED  %-40s %s: %s" % (what, type(error).__name__, error))
        return 1
    if expected is not None and got != expected:
        print("FAILED  %-40s %r, expected %r" % (what, got, expected))
        return 1
    print("ok      %-40s %s" % (what, got))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    failed = 0
    for name in NAMES:
        path = os.path.join(folder, name)
        data = open(path, "rb").read()
        dump = hive_read.read(data)
        keys = len(dump.keys)
        failed += attempt(name + " structure", lambda: hive_structure.check(data), [])
        failed += attempt(name + " reglookup keys", lambda: by_reglookup(path), keys)
        failed += attempt(name + " hivex keys", lambda: by_hivex(path), keys)
        failed += attempt(name + " python-registry keys", lambda: by_python_registry(path, dump), keys)
        failed += attempt(name + " regipy keys", lambda: by_regipy(path), keys)
        if name in ("NTUSER.DAT", "UsrClass.dat"):
            cells = {key.security for key in dump.keys.values()}
            failed += attempt(name + " 60 security cells", lambda: len(cells) >= 60, True)
            failed += attempt(name + " planted faults", lambda: hive_structure.self_test(data), 0)
    failed += attempt("impacket secretsdump LOCAL", lambda: by_impacket(folder))
    groups = samdump_groups(os.path.join(folder, "SAM"))
    failed += attempt("SAM Administrators (German)", lambda: groups[544][0], "Administratoren")
    failed += attempt(
        "SAM fallback administrator", lambda: "S-1-5-21-11-22-33-1100" in groups[544][1], True
    )
    print("%d failed" % failed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
