#!/usr/bin/env python3
"""Unfolds captured HTTP messages as a curious operator of a proxy would.

  wire_layers.py CAPTURED OUT      CAPTURED: one file per direction of a connection, as it came
  wire_layers.py --self-test

From each message the body is taken (lengths, chunks, gzip); JSON is walked; every string that is
base64, hexadecimal, JSON or compressed is unfolded, again and again. All layers go to OUT, where
another tool searches them. Prints counts as JSON; exit 0, or 3 if a message cannot be read.
"""
import base64
import binascii
import gzip
import json
import os
import re
import sys
import tempfile
import zlib

DEPTH = 8


def messages(raw):
    """(head, body) of every HTTP message in a stream."""
    while raw.strip():
        head, mark, rest = raw.partition(b"\r\n\r\n")
        if not mark:
            raise ValueError("a message without an end of its head")
        fields = {}
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            fields[name.strip().lower()] = value.strip()
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            body, raw = chunks(rest)
        else:
            length = int(fields.get(b"content-length", b"0"))
            body, raw = rest[:length], rest[length:]
        if fields.get(b"content-encoding") == b"gzip":
            body = gzip.decompress(body)
        yield head, body


def chunks(rest):
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            return body, rest.partition(b"\r\n")[2]
        body, rest = body + rest[:length], rest[length + 2:]


def unfold(raw, depth=DEPTH):
    """The bytes and everything that is folded into them."""
    yield raw
    if depth == 0:
        return
    for inflate in (zlib.decompress, gzip.decompress, lambda raw: zlib.decompress(raw, -15)):
        try:
            plain = inflate(raw)
        except (zlib.error, OSError, EOFError):
            continue
        if plain:
            yield from unfold(plain, depth - 1)
            break
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return
    try:
        for part in strings(json.loads(text)):
            yield from unfold(part.encode(), depth - 1)
        return
    except (ValueError, RecursionError):
        pass
    for part in re.findall(r"[A-Za-z0-9+/_-]{12,}={0,2}", text):
        for decode in (bytes.fromhex, lambda part: base64.b64decode(part, validate=True),
                       lambda part: base64.urlsafe_b64decode(part)):
            try:
                plain = decode(part)
            except (ValueError, binascii.Error):
                continue
            if plain:
                yield from unfold(plain, depth - 1)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def run(captured, out):
    counts, broken = {"files": 0, "messages": 0, "layers": 0, "bytes": 0, "operations": {}}, []
    with open(out, "wb") as file:
        for name in sorted(os.listdir(captured)):
            with open(os.path.join(captured, name), "rb") as stream:
                raw = stream.read()
            counts["files"] += 1
            counts["bytes"] += len(raw)
            try:
                for head, body in messages(raw):
                    counts["messages"] += 1
                    asked = re.match(rb"POST (\S+)", head)
                    if asked:
                        path = asked[1].decode()
                        counts["operations"][path] = counts["operations"].get(path, 0) + 1
                    for layer in (head, *unfold(body)):
                        counts["layers"] += 1
                        file.write(layer + b"\n")
            except (ValueError, OSError) as error:
                broken.append(f"{name}: {error}")
                file.write(raw + b"\n")
    print(json.dumps({**counts, "broken": broken}))
    return 3 if broken else 0


def self_test():
    """What is folded up in the ways of the protocol, and in worse ones, is found."""
    secret, faults = b"S-1-5-21-1-2-3-1104 and more", []
    folded = {
        "plain": secret,
        "base64": base64.b64encode(secret),
        "packed": json.dumps({"encoding": "zlib", "data": base64.b64encode(
            zlib.compress(secret)).decode()}).encode(),
        "hex in base64": base64.b64encode(secret.hex().encode()),
        "JSON in JSON": json.dumps([json.dumps({"sids": [secret.decode()]})]).encode(),
        "gzip": gzip.compress(json.dumps({"x": base64.urlsafe_b64encode(secret).decode()}).encode()),
    }
    with tempfile.TemporaryDirectory() as folder:
        captured, out = os.path.join(folder, "c"), os.path.join(folder, "o")
        os.mkdir(captured)
        for name, body in folded.items():
            for chunked in (False, True):
                head = b"POST /x/Agent/v1/report HTTP/1.1\r\n"
                if chunked:
                    middle = len(body) // 2
                    sent = b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
                        b"%x\r\n%s\r\n" % (len(part), part)
                        for part in (body[:middle], body[middle:])) + b"0\r\n\r\n"
                else:
                    sent = b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
                for other in os.listdir(captured):
                    os.unlink(os.path.join(captured, other))
                with open(os.path.join(captured, "1"), "wb") as file:
                    file.write(head + sent + head + sent)
                sys.stdout = open(os.devnull, "w", encoding="utf-8")
                code = run(captured, out)
                sys.stdout = sys.__stdout__
                with open(out, "rb") as file:
                    found = file.read().count(secret)
                if code or found < 2:
                    faults.append(f"{name}, chunked {chunked}: exit {code}, found {found}")
    for fault in faults:
        print("self-test:", fault)
    print(f"self-test: {2 * len(folded)} messages, {len(faults)} missed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else run(sys.argv[1], sys.argv[2]))
