#!/usr/bin/env python3
"""Prints the machine's own password as impacket's secretsdump reads it from a device's volume.

    machine_secret.py IMAGE

Exit 0 and the password (UTF-8) on standard output; 1 when there is none.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile

from impacket.examples.secretsdump import LocalOperations, LSASecrets

from ntfs_snapshot import Mounted


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as work, Mounted(sys.argv[1]) as root:
        config = os.path.join(root, "Windows/System32/config")
        for name in ("SYSTEM", "SECURITY"):
            shutil.copyfile(os.path.join(config, name), os.path.join(work, name))
        boot_key = LocalOperations(os.path.join(work, "SYSTEM")).getBootKey()
        found = []

        class Reader(LSASecrets):
            """Takes the raw secret where secretsdump would print hashes of it."""

            def _LSASecrets__printSecret(self, name, secret):
                if name.upper().startswith("$MACHINE.ACC"):
                    found.append(secret)

        silence, sys.stdout = sys.stdout, io.StringIO()
        try:
            reader = Reader(os.path.join(work, "SECURITY"), boot_key, None, isRemote=False)
            reader.dumpSecrets()
            reader.finish()
        finally:
            sys.stdout = silence
    if not found or not found[0]:
        print("no machine secret", file=sys.stderr)
        return 1
    sys.stdout.write(found[0].decode("utf-16-le"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
