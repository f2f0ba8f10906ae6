#!/usr/bin/env python3
"""A server written from docs/protocol.md alone, that means ill.

  python_server.py --dir DIR --listen ADDRESS:PORT --cert CERT.pem --key KEY.pem
      makes a root, keys and a pre-shared key (DIR/psk), admits every agent, and at each check-in
      plays the case that DIR/case names (see `CASES`). It opens what agents report and appends
      it to DIR/reports.jsonl; every operation goes to DIR/log.jsonl.
  … --impostor FILE
      knows a whole pre-shared key of another server (it is in FILE), but not that server's root.
  python_server.py --self-test
      every case, against the agent in python_agent.py.

It shares no code with the product: the standard library, `cryptography` and python_agent.py.
"""
import argparse
import base64
import datetime
import hmac
import http.server
import json
import os
import re
import secrets
import ssl
import sys
import threading
import time
import uuid
import zlib

from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from python_agent import (ANSWER, REQUEST, Untrusted, accept_order, b64, digest, hpke_keys,
                          hpke_open, key_id, raw_public, read_key_set, read_psk, sha256, spki,
                          unb64, verify)

# Nothing that a run would change: it leaves nothing, joins nothing and re-permissions nothing.
RUNBOOK = {"version": 1, "permission_updates": {"mode": "leave", "areas": []},
           "general": {"name": "Nothing at all", "sources": ["dir_" + "0" * 31 + "1"],
                       "target": "dir_" + "0" * 31 + "2"}}


def instant(seconds=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def prefixed(prefix):
    return f"{prefix}_{uuid.uuid4().hex}"


def hpke_seal(recipient, info, aad, plain):
    ephemeral = x25519.X25519PrivateKey.generate()
    enc = raw_public(ephemeral)
    shared = ephemeral.exchange(x25519.X25519PublicKey.from_public_bytes(recipient))
    key, nonce = hpke_keys(shared, enc + recipient, info)
    return {"enc": b64(enc), "ciphertext": b64(ChaCha20Poly1305(key).encrypt(nonce, plain, aad))}


def flip(text, at):
    raw = bytearray(unb64(text))
    raw[at] ^= 1
    return b64(raw)


class Refuse(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.problem = {"status": status, "code": code, "title": "Refused by the lab.",
                        "request_id": "lab"}


class Server:
    def __init__(self, folder, impostor=None):
        self.folder, self.lock = folder, threading.Lock()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.root, self.signing, self.stranger = (
            ed25519.Ed25519PrivateKey.generate() for _ in range(3))
        self.escrow = x25519.X25519PrivateKey.generate()
        self.customer, self.nonces, self.agents, self.seen = prefixed("cus"), set(), {}, set()
        self.sequence, self.good, self.accepted = 10, None, {}
        root = spki(self.root.public_key())
        if impostor is None:
            raw = secrets.token_bytes(20) + bytes.fromhex(key_id(root)[:32])
            raw += sha256(b"gwp1." + raw)[:2]
            impostor = "gwp1." + base64.b32encode(raw).decode().rstrip("=")
        self.psk = read_psk(impostor)
        self.write("psk", impostor)
        payload = json.dumps({
            "v": 1, "customer": self.customer, "epoch": 1, "issued_at": instant(),
            "signing_keys": [{"key": spki(self.signing.public_key()), "uses": ["message", "order"],
                              "not_before": instant(-3600), "not_after": instant(86400)}],
            "escrow_key": b64(raw_public(self.escrow)), "tls_pins": [], "server_urls": [],
            "revoked": [], "next_root": None}).encode()
        self.key_set = {"payload": b64(payload), "root": root, "chain": [], "signature": b64(
            self.root.sign(b"godwit keyset v1\n" + payload))}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def append(self, name, value):
        with open(os.path.join(self.folder, name), "a", encoding="utf-8") as file:
            file.write(json.dumps(value) + "\n")

    # --- 5. messages ---

    def answer(self, op, headers, body):
        """Status, headers and body of the answer to a request."""
        headers = {name.lower(): value for name, value in headers.items()}
        params = headers["signature-input"].removeprefix("godwit=")
        match = re.fullmatch(re.escape(REQUEST) + r';created=(\d+);nonce="([^"\\]{16,64})"'
                             r';keyid="([0-9a-f]{64})";tag="godwit-v1"', params)
        signature = unb64(headers["signature"].removeprefix("godwit=:").removesuffix(":"))
        if not match or headers["content-digest"] != digest(body) or headers["godwit-op"] != op:
            raise Untrusted("the request is not signed as the protocol says")
        message = json.loads(body)
        key = self.agents.get(match[3], {}).get("key")
        if op == "/v1/hello":
            key = message["key"]
        elif op == "/v1/enrol":
            key = json.loads(unb64(message["core"]))["key"]
        if key is None or key_id(key) != match[3]:
            raise Untrusted("an unknown key")
        verify(key, (f'"@method": POST\n"content-digest": {digest(body)}\n"godwit-op": {op}\n'
                     f'"godwit-aud": {headers["godwit-aud"]}\n"@signature-params": {params}'
                     ).encode(), signature)
        with self.lock:
            try:
                status, result = 200, getattr(self, op.rpartition("/")[2])(match[3], message, body)
            except Refuse as refusal:
                status, result = refusal.problem["status"], refusal.problem
            self.append("log.jsonl", {"op": op, "status": status})
        raw = result if isinstance(result, bytes) else json.dumps(result).encode()
        made = (f'{ANSWER};created={int(time.time())};'
                f'keyid="{key_id(spki(self.signing.public_key()))}";tag="godwit-v1"')
        base = (f'"@status": {status}\n"content-digest": {digest(raw)}\n'
                f'"signature";req;key="godwit": :{b64(signature)}:\n"@signature-params": {made}')
        return status, {"content-digest": digest(raw), "signature-input": "godwit=" + made,
                        "signature": f"godwit=:{b64(self.signing.sign(base.encode()))}:"}, raw

    # --- 6. first contact and enrolment ---

    def hello(self, _kid, _message, body):
        nonce = b64(secrets.token_bytes(32))
        raw = json.dumps({"v": 1, "nonce": nonce, "server_time": instant(),
                          "key_set": self.key_set}).encode()
        self.nonces.add((nonce, sha256(body), sha256(raw)))
        return raw

    def enrol(self, kid, message, _body):
        request, answer, core = (unb64(message[name]) for name in
                                 ("hello_request", "hello_answer", "core"))
        told = json.loads(core)
        if (told["nonce"], sha256(request), sha256(answer)) not in self.nonces:
            raise Refuse(401, "nonce-expired")
        transcript = sha256(b"godwit transcript v1\n" + sha256(request) + sha256(answer)
                            + sha256(core))
        mac = hmac.digest(self.psk["mac_key"], transcript, "sha256")
        if told["psk"] != self.psk["tag"] or unb64(message["mac"]) != mac:
            raise Refuse(401, "psk-refused")
        agent = self.agents.setdefault(kid, {
            "key": told["key"], "agent": prefixed("agt"), "device": prefixed("dev")})
        return {"v": 1, "customer": self.customer, "agent": agent["agent"],
                "device": agent["device"], "trust": "trusted", "poll_after_seconds": 3600,
                "orders": []}

    # --- 7. check-in: one hostile case at a time ---

    def checkin(self, kid, message, _body):
        orders = []
        try:
            with open(os.path.join(self.folder, "case"), encoding="utf-8") as file:
                case = file.read().strip()
        except FileNotFoundError:
            case = "none"
        # Each case once; a check-in that only confirms a start gets nothing new.
        if case not in self.seen and not message.get("confirm"):
            self.seen.add(case)
            orders = CASES[case](self, kid, message["recipient"])
        answer = {"v": 1, "trust": "trusted", "orders": orders, "withdrawn": [],
                  "poll_after_seconds": 3600}
        if message.get("confirm"):
            answer["confirmed"] = {"order": message["confirm"], "verdict": "go"}
        return answer

    def header(self, kid, **changes):
        runbook = json.dumps(RUNBOOK).encode()
        self.sequence += 1
        return {"v": 1, "kind": "run", "customer": self.customer,
                "device": self.agents[kid]["device"], "agent_key": kid, "order": prefixed("ord"),
                "sequence": self.sequence, "run": prefixed("run"), "batch": None,
                "runbook": {"id": "rbk_" + "0" * 31 + "7", "version": 1,
                            "sha256": sha256(runbook).hex(), "name": "Nothing at all"},
                "table_sha256": None, "packages": [], "window": None, "not_before": instant(-60),
                "start_by": instant(86400), "issued_at": instant(), "force": False,
                "encoding": "none", **changes}

    def envelope(self, version, header, body, recipient, signer=None):
        signer, raw = signer or self.signing, json.dumps(header).encode()
        info = "|".join([version, header["customer"], header["device"], header["order"]])
        sealed = hpke_seal(unb64(recipient), info.encode(), sha256(raw), json.dumps(body).encode())
        message = (version.encode() + b"\n" + sha256(raw)
                   + sha256(unb64(sealed["enc"]) + unb64(sealed["ciphertext"])))
        return {"header": b64(raw), "sealed": sealed, "keyid": key_id(spki(signer.public_key())),
                "signature": b64(signer.sign(message))}

    def order(self, header, recipient, signer=None):
        body = {"runbook": b64(json.dumps(RUNBOOK).encode()), "sources": [], "target": None}
        return self.envelope("godwit order v1", header, body, recipient, signer)

    # --- 5 and 8. private requests, stage ---

    def private(self, kid, op, message):
        sealed = message["private"]
        info = f"godwit private v1|{self.customer}|{self.agents[kid]['device']}|-"
        packed = json.loads(hpke_open(self.escrow, unb64(sealed["enc"]), info.encode(),
                                      sha256(op.encode()), unb64(sealed["ciphertext"])))
        plain = unb64(packed["data"])
        return json.loads(zlib.decompress(plain) if packed["encoding"] == "zlib" else plain)

    def stage(self, kid, message, _body):
        request = self.private(kid, "/v1/stage", message)
        header = {"v": 1, "purpose": "stage", "customer": self.customer,
                  "device": self.agents[kid]["device"], "agent_key": kid,
                  "order": request["order"], "run": request["run"], "issued_at": instant(),
                  "encoding": "none"}
        body = {"pairs": [], "join": None, "return_grade": "auto", "return_because": "a lab"}
        return {"v": 1, "package": self.envelope("godwit stage v1", header, body,
                                                 request["recipient"])}

    def report(self, kid, message, _body):
        reports = self.private(kid, "/v1/report", message)["reports"]
        through = self.accepted.get(kid, 0)
        for report in reports:
            if report["sequence"] > through:
                through = report["sequence"]
                self.append("reports.jsonl", report["body"])
        self.accepted[kid] = through
        return {"v": 1, "accepted_through": through}


# --- the cases ---------------------------------------------------------------------------------

def tampered_header(server, kid, recipient):
    order = server.order(server.header(kid), recipient)
    return [order | {"header": flip(order["header"], 40)}]


def tampered_body(server, kid, recipient):
    order = server.order(server.header(kid), recipient)
    sealed = order["sealed"]
    return [order | {"sealed": sealed | {"ciphertext": flip(sealed["ciphertext"], 9)}}]


def signed_by_a_stranger(server, kid, recipient):
    return [server.order(server.header(kid), recipient, server.stranger)]


def another_runbook(server, kid, recipient):
    header = server.header(kid)
    header["runbook"]["sha256"] = "00" * 32
    return [server.order(header, recipient)]


def foreign_device(server, kid, recipient):
    return [server.order(server.header(kid, device=prefixed("dev")), recipient)]


def foreign_key(server, kid, recipient):
    return [server.order(server.header(kid, agent_key="ab" * 32), recipient)]


def expired(server, kid, recipient):
    return [server.order(server.header(kid, start_by=instant(-60)), recipient)]


def good(server, kid, recipient):
    server.good = server.header(kid)
    return [server.order(server.good, recipient)]


def replayed(server, _kid, recipient):
    return [server.order(server.good, recipient)]


def older_number(server, kid, recipient):
    return [server.order(server.header(kid, sequence=server.good["sequence"] - 1), recipient)]


def finished_again(server, kid, recipient):
    return [server.order(server.header(kid), recipient)]


CASES = {case.__name__.replace("_", "-"): case for case in (
    tampered_header, tampered_body, signed_by_a_stranger, another_runbook, foreign_device,
    foreign_key, expired, good, replayed, older_number, finished_again)}
CASES["none"] = lambda *_: []


def self_test():
    """Every hostile order is refused by the second agent, the good one is not."""
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        keys = read_key_set(server.key_set, server.psk["pin"])
        server.agents["cd" * 32] = {"device": prefixed("dev")}
        private = x25519.X25519PrivateKey.generate()
        mine = (server.customer, server.agents["cd" * 32]["device"], "cd" * 32)
        seen, faults = {"orders": [], "sequence": 0}, []
        for name, case in CASES.items():
            for order in case(server, "cd" * 32, b64(raw_public(private))):
                try:
                    header, _ = accept_order(order, keys, time.time(), private, mine, seen)
                    seen = {"orders": seen["orders"] + [header["order"]],
                            "sequence": header["sequence"]}
                    said = "accepted"
                except Untrusted as error:
                    said = str(error)
                # The ledger of finished runbooks is no part of the second agent.
                if (said == "accepted") != (name in ("good", "finished-again")):
                    faults.append(f"{name}: {said}")
        for fault in faults:
            print("self-test:", fault)
        print(f"self-test: {len(CASES)} cases, {len(faults)} wrong")
        return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--dir", "--listen", "--cert", "--key", "--impostor"):
        parser.add_argument(name)
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    # An impostor's pre-shared key is a secret all the same: not on a command line.
    impostor = None
    if args.impostor:
        with open(args.impostor, encoding="utf-8") as file:
            impostor = file.read().strip()
    server = Server(args.dir, impostor)

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self):
            body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 4 << 20))
            try:
                status, headers, raw = server.answer(
                    "/v1/" + self.path.rpartition("/")[2], self.headers, body)
            except (Untrusted, KeyError, ValueError, AttributeError, TypeError) as error:
                server.append("log.jsonl", {"path": self.path, "not believed": repr(error)})
                status, headers, raw = 400, {}, b"{}"
            self.send_response(status)
            for name, value in {**headers, "content-type": "application/json",
                                "content-length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_):
            pass

    address, _, port = args.listen.rpartition(":")
    listener = http.server.ThreadingHTTPServer((address, int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert, args.key)
    listener.socket = context.wrap_socket(listener.socket, server_side=True,
                                          do_handshake_on_connect=False)
    server.write("ready", "")
    listener.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
