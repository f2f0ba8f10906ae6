#!/usr/bin/env python3
"""A second agent, written from docs/protocol.md alone (section numbers below are its).

  python_agent.py --url https://host/Agent --ca CA.pem --psk gwp1.… --state DIR --claim claim.json
      enrols, waits for approval (--wait SECONDS), checks in, verifies and opens its orders and
      prints a JSON summary. Exit 0: trusted; 3: enrolled or known but not (yet) trusted;
      4: refused; 5: the server cannot be believed.
  python_agent.py --vectors docs/protocol-vectors.json
      checks every test vector, and that a change to any of them is refused.

It shares no code with the product: the standard library and `cryptography`.
"""
import argparse
import base64
import datetime
import gzip
import hashlib
import hmac
import json
import os
import re
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
import zlib

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

REQUEST = '("@method" "content-digest" "godwit-op" "godwit-aud")'
ANSWER = '("@status" "content-digest" "signature";req;key="godwit")'


class Untrusted(Exception):
    """What arrived is not believed."""


class Refused(Exception):
    """A signed refusal."""

    def __init__(self, problem):
        super().__init__(problem["code"])
        self.problem = problem


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# --- 2. keys and names -------------------------------------------------------------------------

def key_id(spki_b64):
    return sha256(unb64(spki_b64)).hex()


def spki(public):
    return b64(public.public_bytes(serialization.Encoding.DER,
                                   serialization.PublicFormat.SubjectPublicKeyInfo))


def verify(spki_b64, message, signature):
    key = serialization.load_der_public_key(unb64(spki_b64))
    try:
        if len(signature) != 64:
            raise Untrusted("a signature is 64 bytes")
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        else:
            raise Untrusted("an unknown kind of key")
    except InvalidSignature:
        raise Untrusted("the signature does not hold") from None


# --- 3. pre-shared key -------------------------------------------------------------------------

def hkdf(secret, salt, info, length):
    prk = hmac.digest(salt, secret, "sha256")
    out, block = b"", b""
    for n in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([n]), "sha256")
        out += block
    return out[:length]


def read_psk(text):
    if not text.startswith("gwp1."):
        raise ValueError("a pre-shared key begins with gwp1.")
    body = text[5:].upper()
    raw = base64.b32decode(body + "=" * (-len(body) % 8))
    if len(raw) != 38 or sha256(b"gwp1." + raw[:36])[:2] != raw[36:]:
        raise ValueError("the pre-shared key has a mistake in it")
    tag, secret, pin = raw[:4], raw[4:20], raw[20:36]
    return {"tag": tag.hex(), "pin": pin.hex(), "secret": secret,
            "mac_key": hkdf(secret, b"godwit psk v1", pin, 32)}


# --- 4. key set --------------------------------------------------------------------------------

def read_key_set(signed, trusted, held=None):
    """`trusted`: the pin (32 digits) or the stored root's key id (64 digits)."""
    root = key_id(signed["root"])
    at, customers = None, set()
    if root.startswith(trusted):
        at = root
    else:
        for link in signed.get("chain", [])[:64]:
            payload = unb64(link["payload"])
            change = json.loads(payload)
            message = b"godwit rootchange v1\n" + payload
            verify(change["old"], message, unb64(link["by_old"]))
            verify(change["new"], message, unb64(link["by_new"]))
            old = key_id(change["old"])
            if (at is None and old.startswith(trusted)) or at == old:
                customers.add(change["customer"])
                at = key_id(change["new"])
    if at != root:
        raise Untrusted("the key set is signed by a root that this agent does not believe")
    payload = unb64(signed["payload"])
    verify(signed["root"], b"godwit keyset v1\n" + payload, unb64(signed["signature"]))
    keys = json.loads(payload)
    if keys["v"] != 1 or root in keys["revoked"] or customers - {keys["customer"]}:
        raise Untrusted("the key set is not for this customer or version")
    if held:
        before = json.loads(unb64(held["payload"]))
        if keys["customer"] != before["customer"] or keys["epoch"] < before["epoch"] or (
                keys["epoch"] == before["epoch"] and held["payload"] != signed["payload"]):
            raise Untrusted("the key set does not follow the one that is held")
    return keys


def usable_key(keys, kid, use, now):
    for entry in keys["signing_keys"]:
        if (key_id(entry["key"]) == kid and kid not in keys["revoked"] and use in entry["uses"]
                and moment(entry["not_before"]) <= now <= moment(entry["not_after"])):
            return entry["key"]
    raise Untrusted(f"key {kid} may not sign a {use} now")


# --- 5. messages -------------------------------------------------------------------------------

def digest(body):
    return f"sha-256=:{b64(sha256(body))}:"


def sign_request(key, op, aud, body, created, nonce=None):
    nonce = nonce or b64(secrets.token_bytes(16))
    kid = key_id(spki(key.public_key()))
    params = f'{REQUEST};created={created};nonce="{nonce}";keyid="{kid}";tag="godwit-v1"'
    base = (f'"@method": POST\n"content-digest": {digest(body)}\n"godwit-op": {op}\n'
            f'"godwit-aud": {aud}\n"@signature-params": {params}')
    signature = key.sign(base.encode())
    return {"content-digest": digest(body), "godwit-op": op, "godwit-aud": aud,
            "signature-input": "godwit=" + params,
            "signature": f"godwit=:{b64(signature)}:"}, signature


def check_answer(status, headers, body, request_signature, find_key):
    """Returns `created`. `find_key(kid, created)` gives the key that may have signed."""
    headers = {name.lower(): value.strip() for name, value in headers.items()}
    for name in ("content-digest", "signature-input", "signature"):
        if name not in headers:
            raise Untrusted(f"unsigned answer (status {status})")
    if headers["content-digest"] != digest(body):
        raise Untrusted("the answer's body was changed")
    params = headers["signature-input"].removeprefix("godwit=")
    match = re.fullmatch(re.escape(ANSWER) +
                         r';created=(\d{1,15});keyid="([0-9a-f]{64})";tag="godwit-v1"', params)
    signature = re.fullmatch(r"godwit=:([A-Za-z0-9+/=]+):", headers["signature"])
    if not match or not signature:
        raise Untrusted("the answer is not signed as the protocol says")
    base = (f'"@status": {status}\n"content-digest": {digest(body)}\n'
            f'"signature";req;key="godwit": :{b64(request_signature)}:\n'
            f'"@signature-params": {params}')
    created = int(match[1])
    verify(find_key(match[2], created), base.encode(), unb64(signature[1]))
    return created


# --- 8. envelopes (RFC 9180, base mode, one message) -------------------------------------------

def hpke_keys(shared, context, info):
    """Key and nonce of the one message, from the shared secret of DHKEM."""
    def extract(suite, salt, label, ikm):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(suite, prk, label, context, length):
        info, out, block = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context, b"", b""
        for n in range(1, -(-length // 32) + 1):
            block = hmac.digest(prk, block + info + bytes([n]), "sha256")
            out += block
        return out[:length]

    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"
    secret = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", context, 32)
    schedule = (b"\x00" + extract(suite, b"", b"psk_id_hash", b"")
                + extract(suite, b"", b"info_hash", info))
    prk = extract(suite, secret, b"secret", b"")
    return expand(suite, prk, b"key", schedule, 32), expand(suite, prk, b"base_nonce", schedule, 12)


def hpke_open(private, enc, info, aad, ciphertext):
    shared = private.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    key, nonce = hpke_keys(shared, enc + raw_public(private), info)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        raise Untrusted("it does not open: for somebody else, or changed") from None


def open_sealed(version, header_b64, sealed, private):
    header = unb64(header_b64)
    facts = json.loads(header)
    info = "|".join([version, facts["customer"], facts["device"], facts["order"] or "-"])
    plain = hpke_open(private, unb64(sealed["enc"]), info.encode(), sha256(header),
                      unb64(sealed["ciphertext"]))
    return facts, zlib.decompress(plain) if facts.get("encoding") == "zlib" else plain


def open_envelope(version, envelope, keys, now, private):
    sealed = envelope["sealed"]
    message = (version.encode() + b"\n" + sha256(unb64(envelope["header"]))
               + sha256(unb64(sealed["enc"]) + unb64(sealed["ciphertext"])))
    verify(usable_key(keys, envelope["keyid"], "order", now), message,
           unb64(envelope["signature"]))
    header, plain = open_sealed(version, envelope["header"], sealed, private)
    return header, json.loads(plain)


def accept_order(envelope, keys, now, private, mine, seen):
    """The six rules; `seen`: `orders` and the highest `sequence`."""
    header, body = open_envelope("godwit order v1", envelope, keys, now, private)
    if (header["customer"], header["device"], header["agent_key"]) != mine:
        raise Untrusted("foreign order")
    if header["order"] in seen["orders"] or header["sequence"] <= seen["sequence"]:
        raise Untrusted("replayed order")
    if sha256(unb64(body["runbook"])).hex() != header["runbook"]["sha256"]:
        raise Untrusted("tampered order")
    if moment(header["start_by"]) < now:
        raise Untrusted("expired order")
    return header, body


# --- the agent: 5, 6, 7 ------------------------------------------------------------------------

class Agent:
    def __init__(self, args):
        self.args, self.path = args, os.path.join(args.state, "agent.json")
        os.makedirs(args.state, mode=0o700, exist_ok=True)
        self.state = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.state = json.load(file)
        seed = self.state.setdefault("key", b64(secrets.token_bytes(32)))
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(unb64(seed))
        self.public = spki(self.key.public_key())
        self.skew = 0
        context = ssl.create_default_context(cafile=args.ca)
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        self.save()

    def save(self):
        with open(os.open(self.path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "w", encoding="utf-8") as file:
            json.dump(self.state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    def now(self):
        return int(time.time() + self.skew)

    def post(self, op, aud, body):
        headers, signature = sign_request(self.key, op, aud, body, self.now())
        request = urllib.request.Request(
            self.args.url.rstrip("/") + op, data=body, method="POST",
            headers={**headers, "content-type": "application/json", "accept-encoding": "gzip"})
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers, self.body(answer), signature
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, self.body(answer), signature

    @staticmethod
    def body(answer):
        raw = answer.read(32 << 20)
        return gzip.decompress(raw) if answer.headers.get("content-encoding") == "gzip" else raw

    def hello(self, trusted):
        body = json.dumps({"v": 1, "pin": trusted[:32], "key": self.public}).encode()
        status, headers, answer, signature = self.post("/v1/hello", trusted[:32], body)
        try:
            signed = json.loads(answer)["key_set"]
        except (ValueError, KeyError, TypeError):
            raise Untrusted(f"hello was not answered (status {status})") from None
        keys = read_key_set(signed, trusted, self.state.get("key_set"))
        created = check_answer(status, headers, answer, signature,
                               lambda kid, at: usable_key(keys, kid, "message", at))
        self.skew = created - time.time()
        self.state.update(key_set=signed, root=key_id(signed["root"]))
        self.save()
        return keys, body, answer

    def call(self, keys, op, message):
        for attempt in range(3):
            body = json.dumps(message).encode()
            status, headers, answer, signature = self.post(op, self.state["root"], body)
            created = check_answer(status, headers, answer, signature,
                                   lambda kid, at: usable_key(keys, kid, "message", at))
            self.skew = created - time.time()
            result = json.loads(answer)
            if status == 200:
                return result
            if attempt < 2 and result.get("code") in ("retry", "clock-skewed"):
                time.sleep(1.1)
                continue
            raise Refused(result)

    def enrol(self, facts):
        psk = read_psk(self.args.psk)
        keys, request, answer = self.hello(self.state.get("root", psk["pin"]))
        private = x25519.X25519PrivateKey.generate()
        core = json.dumps({"v": 1, "psk": psk["tag"], "nonce": json.loads(answer)["nonce"],
                           "key": self.public, "recipient": b64(raw_public(private)),
                           "facts": facts}).encode()
        transcript = sha256(b"godwit transcript v1\n" + sha256(request) + sha256(answer)
                            + sha256(core))
        enrolled = self.call(keys, "/v1/enrol", {
            "core": b64(core), "hello_request": b64(request), "hello_answer": b64(answer),
            "mac": b64(hmac.digest(psk["mac_key"], transcript, "sha256"))})
        self.state["enrolled"] = {name: enrolled[name] for name in ("customer", "agent", "device")}
        self.save()
        return keys, enrolled

    def checkin(self, keys, facts):
        seen = self.state.setdefault("seen", {"orders": [], "sequence": 0})
        private = x25519.X25519PrivateKey.generate()
        answer = self.call(keys, "/v1/checkin", {
            "v": 1, "facts": facts, "epoch": keys["epoch"], "recipient": b64(raw_public(private)),
            "last_sequence": seen["sequence"], "holding": seen["orders"], "running": None,
            "queued_reports": 0, "clock_skew_ms": int(-self.skew * 1000)})
        mine = (self.state["enrolled"]["customer"], self.state["enrolled"]["device"],
                key_id(self.public))
        orders = []
        for envelope in answer["orders"]:
            header, body = accept_order(envelope, keys, self.now(), private, mine, seen)
            seen["orders"].append(header["order"])
            seen["sequence"] = header["sequence"]
            orders.append({"order": header["order"], "run": header["run"], "kind": header["kind"],
                           "sequence": header["sequence"], "runbook": header["runbook"],
                           "window": header["window"],
                           "runbook_bytes": len(unb64(body["runbook"])),
                           "sources": [source["dns_name"] for source in body["sources"]],
                           "target": (body["target"] or {}).get("dns_name")})
        self.save()
        return answer["trust"], orders


def raw_public(private):
    return private.public_key().public_bytes(serialization.Encoding.Raw,
                                             serialization.PublicFormat.Raw)


def run(args):
    with open(args.claim, encoding="utf-8") as file:
        facts = json.load(file)
    agent, summary = Agent(args), {"enrolled": False, "trust": None, "orders": []}
    deadline = time.monotonic() + args.wait
    while True:
        try:
            if "enrolled" in agent.state:
                keys = agent.hello(agent.state["root"])[0]
            else:
                keys = agent.enrol(facts)[0]
            summary.update(enrolled=True, **agent.state["enrolled"])
            summary["trust"], orders = agent.checkin(keys, facts)
            summary["orders"] += orders
            summary.pop("refusal", None)
            if summary["trust"] == "trusted" and (orders or not args.wait_for_order):
                code = 0
                break
            code = 3
        except Refused as refusal:
            summary["refusal"] = refusal.problem
            code = 4 if refusal.problem["code"] != "computer-unknown" else 3
            if code == 4:
                break
        except Untrusted as error:
            summary["untrusted"] = str(error)
            code = 5
            break
        except (urllib.error.URLError, OSError) as error:
            summary["unreachable"] = str(error)
            code = 3
        if time.monotonic() >= deadline:
            break
        time.sleep(2)
    print(json.dumps(summary, indent=2, ensure_ascii=False))
    return code


# --- 11. test vectors --------------------------------------------------------------------------

def vectors(path):
    with open(path, encoding="utf-8") as file:
        v = json.load(file)
    checked = []

    def check(name, holds):
        checked.append(name)
        if not holds:
            sys.exit(f"{path}: {name} does not hold")

    def refused(name, call):
        try:
            call()
        except (Untrusted, ValueError):
            checked.append(name)
            return
        sys.exit(f"{path}: {name} was believed")

    psk = read_psk(v["psk"]["text"])
    check("psk", (psk["tag"], psk["pin"], psk["secret"].hex(), psk["mac_key"].hex()) == tuple(
        v["psk"][name] for name in ("tag", "pin", "secret_hex", "mac_key_hex")))
    check("root id", key_id(v["psk"]["root"]) == v["psk"]["root_id"])
    check("pin", v["psk"]["root_id"].startswith(psk["pin"]))
    refused("psk typo", lambda: read_psk(v["psk"]["text"][:-1] + "Z"))
    keys = read_key_set(v["key_set"], psk["pin"])
    check("key set", keys["epoch"] == 7)
    read_key_set(v["key_set"], psk["pin"], v["key_set"])
    refused("key set under another pin", lambda: read_key_set(v["key_set"], "00" * 16))
    refused("key set without chain", lambda: read_key_set(dict(v["key_set"], chain=[]), psk["pin"]))
    payload = bytearray(unb64(v["key_set"]["payload"]))
    payload[payload.index(b'"epoch":7') + 8] = ord("9")
    refused("key set changed", lambda: read_key_set(dict(v["key_set"], payload=b64(payload)),
                                                    psk["pin"]))

    agent = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
    signatures = {}
    for name in ("hello", "enrol"):
        request = v[name]["request"]
        given = request["headers"]
        nonce = re.search(r'nonce="([^"]*)"', given["signature-input"])[1]
        headers, signatures[name] = sign_request(agent, given["godwit-op"], given["godwit-aud"],
                                                 request["body"].encode(), v["now"], nonce)
        check(f"{name} request", headers == given)
    find = lambda kid, at: usable_key(keys, kid, "message", at)
    for name, part in (("hello", "answer"), ("enrol", "refusal")):
        answer, sig = v[name][part], signatures[name]
        args = [answer["status"], answer["headers"], answer["body"].encode(), sig]
        check(f"{name} {part}", check_answer(*args, find) == v["now"])
        other = signatures["enrol" if name == "hello" else "hello"]
        refused(f"{name} {part} to another request",
                lambda: check_answer(*args[:3], other, find))
        refused(f"{name} {part} with another status",
                lambda: check_answer(418, *args[1:], find))
        refused(f"{name} {part} with another body",
                lambda: check_answer(*args[:2], args[2] + b" ", sig, find))
    body = json.loads(v["enrol"]["request"]["body"])
    core = v["enrol"]["core"].encode()
    hello = v["hello"]["request"]["body"].encode(), v["hello"]["answer"]["body"].encode()
    check("enrol body", [unb64(body[n]) for n in ("hello_request", "hello_answer", "core")]
          == [*hello, core])
    transcript = sha256(b"godwit transcript v1\n" + sha256(hello[0]) + sha256(hello[1])
                        + sha256(core))
    check("transcript", transcript.hex() == v["enrol"]["transcript_hex"])
    mac = hmac.digest(psk["mac_key"], transcript, "sha256")
    check("mac", mac.hex() == v["enrol"]["mac_hex"] and unb64(body["mac"]) == mac)

    private = x25519.X25519PrivateKey.from_private_bytes(
        bytes.fromhex(v["order"]["recipient_private_hex"]))
    for name, version in (("order", "godwit order v1"), ("stage", "godwit stage v1")):
        envelope = v[name]["envelope"]
        header, body = open_envelope(version, envelope, keys, v["now"], private)
        check(f"{name} envelope", header == json.loads(v[name]["header"])
              and unb64(envelope["header"]).decode() == v[name]["header"]
              and body == v[name]["body"])
        changed = json.loads(json.dumps(envelope))
        changed["header"] = b64(unb64(envelope["header"]).replace(b'"v":1', b'"v":2'))
        refused(f"{name} with another header",
                lambda: open_envelope(version, changed, keys, v["now"], private))
        refused(f"{name} as something else",
                lambda: open_envelope("godwit return v1", envelope, keys, v["now"], private))
        refused(f"{name} after its key", lambda: open_envelope(
            version, envelope, keys, v["now"] + 10 * 86400, private))
        refused(f"{name} for somebody else", lambda: open_envelope(
            version, envelope, keys, v["now"], x25519.X25519PrivateKey.generate()))
    head = json.loads(v["order"]["header"])
    mine, fresh = (head["customer"], head["device"], head["agent_key"]), {"orders": [],
                                                                          "sequence": 0}
    take = lambda mine, seen, now: accept_order(v["order"]["envelope"], keys, now, private, mine,
                                                seen)
    check("order accepted", take(mine, fresh, v["now"])[0] == head)
    refused("foreign order", lambda: take((*mine[:2], "00" * 32), fresh, v["now"]))
    refused("replayed order", lambda: take(mine, {"orders": [], "sequence": 1}, v["now"]))
    keys["signing_keys"][0]["not_after"] = "2099-01-01T00:00:00Z"
    refused("expired order", lambda: take(mine, fresh, moment(head["start_by"]) + 1))
    escrow = x25519.X25519PrivateKey.from_private_bytes(
        bytes.fromhex(v["escrow"]["escrow_private_hex"]))
    box = v["escrow"]["escrowed"]
    check("escrow", raw_public(escrow) == unb64(keys["escrow_key"]) and open_sealed(
        "godwit escrow v1", box["header"], box["sealed"], escrow)[1].decode()
        == v["escrow"]["secret"])
    private = v["private"]["body"]["private"]
    packed = json.loads(hpke_open(
        escrow, unb64(private["enc"]), f"godwit private v1|{mine[0]}|{mine[1]}|-".encode(),
        sha256(v["private"]["op"].encode()), unb64(private["ciphertext"])))
    plain = unb64(packed["data"])
    check("private request", (zlib.decompress(plain) if packed["encoding"] == "zlib" else plain)
          == v["private"]["request"].encode())
    print(json.dumps({"vectors": path, "checked": len(checked), "ok": True}))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors")
    parser.add_argument("--url")
    parser.add_argument("--ca")
    parser.add_argument("--psk")
    parser.add_argument("--state")
    parser.add_argument("--claim", help="JSON of the device's facts (section 6)")
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait for trust")
    parser.add_argument("--wait-for-order", action="store_true")
    args = parser.parse_args()
    if args.vectors:
        return vectors(args.vectors)
    if not (args.url and args.psk and args.state and args.claim):
        parser.error("--url, --psk, --state and --claim are needed")
    return run(args)


if __name__ == "__main__":
    sys.exit(main())
