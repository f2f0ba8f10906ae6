#!/usr/bin/env python3
"""Searches files and folders (images, state, captured wire) for secrets.

Each secret is looked for as UTF-8, UTF-16LE, base64 (standard and URL alphabet, at
all three alignments, of both texts) and hexadecimal in both cases (of both texts).
Files are streamed with an overlap, so that a hit across a block border is found.

    secret_search.py --secret-file FILE PATH…      one secret per line
    secret_search.py --secret-env NAME PATH…       from the environment
    secret_search.py --self-test

Exit 0: nothing found. 3: found, each hit printed (never the secret itself). 2: bad call.
"""

import argparse
import base64
import json
import os
import sys
import tempfile

BLOCK = 8 << 20
SHORTEST = 6


def forms(secret):
    """Every byte form of a secret: {name: bytes}."""
    found = {}
    for text_name, raw in (("utf-8", secret.encode()), ("utf-16le", secret.encode("utf-16le"))):
        found[text_name] = raw
        found[f"hex of {text_name}"] = raw.hex().encode()
        found[f"HEX of {text_name}"] = raw.hex().upper().encode()
        for shift in range(3):
            # Characters touched by neighbouring bytes are cut off on both sides.
            encoded = base64.b64encode(b"\0" * shift + raw)
            first = -(-shift * 8 // 6)
            whole = (shift + len(raw)) * 8 // 6
            core = encoded[first:whole]
            for name, alphabet in (("base64", core), ("base64url", core.replace(b"+", b"-").replace(b"/", b"_"))):
                if len(alphabet) >= SHORTEST:
                    found[f"{name} of {text_name} at {shift}"] = alphabet
    # A JSON or URL escape of a secret with special characters is a form of its own.
    escaped = json.dumps(secret)[1:-1].encode()
    if escaped != found["utf-8"]:
        found["JSON"] = escaped
    return found


class Needles:
    """All forms of all secrets and what each means."""

    def __init__(self, secrets):
        self.meaning = {}
        for number, secret in enumerate(secrets, 1):
            if len(secret) < SHORTEST:
                raise ValueError(f"secret {number} has fewer than {SHORTEST} characters, it would be found everywhere")
            for name, raw in forms(secret).items():
                self.meaning.setdefault(raw, (number, name))
        self.overlap = max(map(len, self.meaning)) - 1

    def search(self, path):
        """Yields (offset, secret number, form) of a file or device."""
        with open(path, "rb", buffering=0) as file:
            kept, start = b"", 0
            while True:
                block = file.read(BLOCK)
                if not block:
                    return
                data = kept + block
                # A hit wholly inside what was kept was told already.
                if data.count(0) != len(data):
                    for raw, meaning in self.meaning.items():
                        at = data.find(raw)
                        while at >= 0:
                            if at + len(raw) > len(kept):
                                yield (start + at, *meaning)
                            at = data.find(raw, at + 1)
                kept = data[-self.overlap :]
                start += len(data) - len(kept)


def files_of(paths):
    """Every file below the given paths; links are not followed."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, _, names in os.walk(path):
            for name in sorted(names):
                full = os.path.join(folder, name)
                if os.path.isfile(full) and not os.path.islink(full):
                    yield full


def run(secrets, paths):
    """Prints every hit; answers their number."""
    needles = Needles(secrets)
    hits, files, size = 0, 0, 0
    for path in files_of(paths):
        files += 1
        size += os.path.getsize(path)
        for offset, number, form in needles.search(path):
            hits += 1
            print(f"FOUND secret {number} as {form} at byte {offset} of {path}")
    print(f"{files} files, {size} bytes, {len(secrets)} secrets in {len(needles.meaning)} forms: {hits} hits")
    return hits


def self_test():
    """Plants every form, at block borders and odd offsets, and demands that it is found."""
    secret = "Tr0ub4dor&3-Größe"
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x")
        plants = list(forms(secret).items())
        for shift in range(3):
            for text_name, raw in (("utf-8", secret.encode()), ("utf-16le", secret.encode("utf-16le"))):
                plants.append((f"in base64 {shift} {text_name}", base64.b64encode(b"abc"[:shift] + raw + b"rest")))
                plants.append((f"in url {shift}", base64.urlsafe_b64encode(b"\xff\xfe\xfd"[:shift] + raw + b"\xff")))
        for name, raw in plants:
            for at in (0, 13, BLOCK - len(raw) // 2, BLOCK - 1, 2 * BLOCK - 3):
                with open(path, "wb") as file:
                    file.truncate(2 * BLOCK + 4096)
                    file.seek(at)
                    file.write(raw)
                found = list(Needles([secret]).search(path))
                if not found:
                    faults.append(f"{name} at {at} was not found")
        with open(path, "wb") as file:
            file.write(os.urandom(BLOCK + 5))
            file.write(secret[:-1].encode() + b" " + secret[1:].encode("utf-16le"))
        if list(Needles([secret]).search(path)):
            faults.append("something was found where there is nothing")
        with open(path, "wb") as file:
            file.write(b"x" * (BLOCK - 4) + secret.encode() + b"x" * 50)
        if len([hit for hit in Needles([secret]).search(path) if hit[2] == "utf-8"]) != 1:
            faults.append("a hit across a border is not told exactly once")
    for fault in faults:
        print("self-test:", fault)
    print(f"self-test: {len(plants) * 5 + 2} plants, {len(faults)} missed")
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description="search files for secrets")
    parser.add_argument("--secret-file", action="append", default=[])
    parser.add_argument("--secret-env", action="append", default=[])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    secrets = [os.environ[name] for name in arguments.secret_env]
    for name in arguments.secret_file:
        with open(name, encoding="utf-8") as file:
            secrets += [line.rstrip("\n") for line in file if line.strip()]
    missing = [path for path in arguments.paths if not os.path.exists(path)]
    if not secrets or not arguments.paths or missing:
        parser.error(f"nothing to do: {len(secrets)} secrets, missing {missing}")
    return 3 if run(secrets, arguments.paths) else 0


if __name__ == "__main__":
    sys.exit(main())
