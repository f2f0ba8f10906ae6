#!/usr/bin/env python3
"""Runs `godwit-agent sd translate` over real descriptors and checks every byte.

    fixtures_sd.py --fixtures DIR --agent PATH [--wine] [--same-as NATIVE] [--plant]

Every line of DIR/sd/*.ndjson is translated in both modes under several maps and
compared with the independent rewriter in sd_rewrite.py; where Samba's Python
modules are installed, its parser gives a third opinion on replaced rows.

maps:
  domain    every S-1-5-21 SID of the file to a distinct S-1-12-1
  nothing   a pair that no row names: the input must come back, changed false
  merged    every S-1-5-21 SID of the file to one and the same S-1-12-1
  longer    every S-1-5-21 SID of the file to a distinct SID of 36 bytes
  literals  first every well-known SID in the rows is turned into a foreign one
            of the same length, then all of them are mapped to S-1-12-1, so that
            conditions and claims are rewritten and grow
  relaid    as literals, the parts of every row in another order and with gaps
  damaged   as literals, with one to four bytes of every row changed: what one
            side refuses the other must refuse too
  crowded   lists that add can only just double, or not any more

--wine runs PATH under Wine; --same-as names a native agent whose answers must be
the same, byte for byte, refusals included.

--plant spoils the tool's answers on purpose, one way at a time; each must be
noticed. Exits 0 if everything passed (with --plant: if every plant was noticed).
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import sd_rewrite

MODES = ("replace", "add")
TIMEOUT = 300


# -- maps ------------------------------------------------------------------------


def numbers_for(sid):
    return struct.unpack("<6I", hashlib.sha256(sid).digest()[:24])


def entra(sid):
    return sd_rewrite.sid_from_text("S-1-12-1-%d-%d-%d-%d" % numbers_for(sid)[:4])


def longer(sid):
    return sd_rewrite.sid_from_text("S-1-5-22-%d-%d-%d-%d-%d-%d" % numbers_for(sid))


def is_domain_sid(sid):
    return sid[2:8] == b"\0\0\0\0\0\5" and sid[8:12] == struct.pack("<I", 21)


def sids_in(rows):
    found = set()
    for row in rows:
        try:
            found |= sd_rewrite.sids_of(row)
        except sd_rewrite.Refused:
            continue
    return sorted(found)


def foreign(rows):
    """The rows with authorities 1, 3 and 5 (well-known SIDs only) made 99."""
    known = [sid for sid in sids_in(rows) if not is_domain_sid(sid) and sid[7] in (1, 3, 5)]
    changed = []
    for row in rows:
        for sid in sorted(known, key=len, reverse=True):
            row = row.replace(sid, sid[:7] + b"\x63" + sid[8:])
        changed.append(row)
    return changed


def cases(rows):
    """(name, rows, map) for one file."""
    domain = [sid for sid in sids_in(rows) if is_domain_sid(sid)]
    yield "domain", rows, {sid: entra(sid) for sid in domain}
    nobody = sd_rewrite.sid_from_text("S-1-5-21-4242-4242-4242-4242")
    if nobody in domain:
        raise SystemExit("the SID that nobody has is in the fixtures")
    yield "nothing", rows, {nobody: entra(nobody)}
    yield "merged", rows, {sid: entra(b"one") for sid in domain}
    yield "longer", rows, {sid: longer(sid) for sid in domain}
    rows = foreign(rows)
    strangers = [sid for sid in sids_in(rows) if sid[7] == 0x63 or is_domain_sid(sid)]
    strange_map = {sid: entra(sid) for sid in strangers}
    yield "literals", rows, strange_map
    chance = random.Random(len(rows))
    yield "relaid", [relaid(row, chance) for row in rows], strange_map
    yield "damaged", [damaged(row, chance) for row in rows], strange_map
    yield "crowded", [crowded(nobody, count) for count in (910, 911, 1820)], {nobody: entra(nobody)}


def relaid(row, chance):
    """The same parts in another order, with gaps and something behind."""
    regions = list(sd_rewrite.regions_of(row).items())
    chance.shuffle(regions)
    header, body = bytearray(row[:20]), b""
    for offset, (length, _, slots) in regions:
        body += bytes(chance.randrange(256) for _ in range(chance.randrange(6)))
        for slot in slots:
            struct.pack_into("<I", header, slot, 20 + len(body))
        body += row[offset : offset + length]
    return bytes(header) + body + b"end"


def damaged(row, chance):
    row = bytearray(row)
    for _ in range(chance.randrange(1, 5)):
        row[chance.randrange(len(row))] = chance.choice([0, 1, 4, chance.randrange(256), 255])
    return bytes(row)


def crowded(sid, count):
    """Owner and `count` different entries of one account."""
    aces = b"".join(struct.pack("<BBHI", 0, 0, 8 + len(sid), n) + sid for n in range(count))
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(aces), count, 0) + aces
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 0, 0, 20 + len(sid)) + sid + acl


# -- the tool --------------------------------------------------------------------


def run_tool(arguments, rows, sid_map, mode, folder):
    """The answers, one per line; those of the native agent must be the same bytes."""
    start = (["wine"] if arguments.wine else []) + [str(arguments.agent)]
    said = output_of(start, rows, sid_map, mode, folder)
    if arguments.same_as and output_of([str(arguments.same_as)], rows, sid_map, mode, folder) != said:
        raise SystemExit("%s and %s answer differently" % (arguments.agent, arguments.same_as))
    return [json.loads(line) for line in said.splitlines()]


def output_of(start, rows, sid_map, mode, folder):
    path = os.path.join(folder, "map.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write("source_sid,target_sid\n")
        for pair in sid_map.items():
            file.write("%s,%s\n" % tuple(map(sd_rewrite.sid_to_text, pair)))
    command = start + ["sd", "translate", "--map", path, "--mode", mode]
    lines = "".join(json.dumps({"sd": row.hex()}) + "\n" for row in rows)
    done = subprocess.run(
        command,
        input=lines.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT,
        env={"WINEDEBUG": "-all", **os.environ},
        check=False,
    )
    if done.returncode != 0:
        text = done.stderr.decode(errors="replace").strip()
        raise SystemExit("%s ended with %d: %s" % (command, done.returncode, text))
    return done.stdout


def verdicts(rows, sid_map, mode, answers):
    """One text per row: "" where it passed. Missing and surplus answers fail."""
    found = []
    for index, row in enumerate(rows):
        answer = answers[index] if index < len(answers) else None
        found.append(verdict(row, sid_map, mode, answer))
    found.extend("an answer that nobody asked for" for _ in answers[len(rows) :])
    return found


def verdict(row, sid_map, mode, answer):
    if answer is None:
        return "no answer"
    try:
        expected, changed, fallback = sd_rewrite.translate(row, sid_map, mode)
    except sd_rewrite.Refused as refusal:
        return "" if set(answer) == {"error"} else "accepted, though %s" % refusal
    if "error" in answer:
        return "refused: %s" % answer["error"]
    if bytes.fromhex(answer["sd"]) != expected:
        return "other bytes: %s instead of %s" % (answer["sd"], expected.hex())
    if answer["changed"] is not changed or answer["changed"] is not (expected != row):
        return "changed is %s" % answer["changed"]
    if answer.get("fallback", False) is not fallback:
        return "fallback is %s" % answer.get("fallback")
    return ""


# -- the third opinion -----------------------------------------------------------


def samba_opinion(rows, sid_map, answers, folder):
    """What Samba's parser says, or None where it is not installed."""
    pairs = {sd_rewrite.sid_to_text(a): sd_rewrite.sid_to_text(b) for a, b in sid_map.items()}
    path = os.path.join(folder, "pairs.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(pairs, file)
    lines = [
        json.dumps({"before": row.hex(), "after": answer["sd"]})
        for row, answer in zip(rows, answers)
        if "sd" in answer
    ]
    script = pathlib.Path(__file__).with_name("sd_samba.py")
    done = subprocess.run(
        ["/usr/bin/python3", str(script), path],
        input="\n".join(lines).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT,
        check=False,
    )
    if b"No module named" in done.stderr:
        return None
    if done.returncode != 0:
        raise SystemExit(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


# -- plants ----------------------------------------------------------------------


def flip_byte(at):
    def spoil(answers, index):
        data = bytearray.fromhex(answers[index]["sd"])
        data[at] ^= 1
        answers[index]["sd"] = data.hex()

    return spoil


def set_key(key, value):
    def spoil(answers, index):
        answers[index][key] = value

    return spoil


def swap(answers, index):
    other = next(i for i, a in enumerate(answers) if a != answers[index])
    answers[index], answers[other] = answers[other], answers[index]


def lengthen(answers, index):
    answers[index]["sd"] += "00000000"


def shorten(answers, index):
    answers[index]["sd"] = answers[index]["sd"][:-8]


def refuse(answers, index):
    answers[index] = {"error": "planted"}


PLANTS = [
    ("last byte flipped", flip_byte(-1)),
    ("control bit flipped", flip_byte(2)),
    ("ACL size flipped", flip_byte(22)),
    ("four bytes more", lengthen),
    ("four bytes less", shorten),
    ("changed denied", set_key("changed", False)),
    ("fallback claimed", set_key("fallback", True)),
    ("row refused", refuse),
    ("answer lost", lambda answers, index: answers.pop(index)),
    ("answer twice", lambda answers, index: answers.append(answers[index])),
    ("answers swapped", swap),
]


def plant_all(rows, sid_map, mode, answers):
    """Names of the plants that were not noticed."""
    index = next((i for i, answer in enumerate(answers) if answer.get("changed")), None)
    if index is None:
        return None
    missed = []
    for name, spoil in PLANTS:
        spoiled = [dict(answer) for answer in answers]
        spoil(spoiled, index)
        if not any(verdicts(rows, sid_map, mode, spoiled)):
            missed.append(name)
    untouched = [dict(answer) for answer in answers]
    untouched[index] = {"sd": rows[index].hex(), "changed": False}
    if not any(verdicts(rows, sid_map, mode, untouched)):
        missed.append("row left alone")
    return missed


# -- table -----------------------------------------------------------------------


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.planted = 0
        self.missed = 0
        self.samba = collections.Counter()

    def run(self, arguments, file, folder):
        lines = file.read_text(encoding="utf-8").splitlines()
        originals = [bytes.fromhex(json.loads(line)["sd"]) for line in lines if line.strip()]
        print("%s: %d rows" % (file.name, len(originals)))
        for name, rows, sid_map in cases(originals):
            for mode in MODES:
                answers = run_tool(arguments, rows, sid_map, mode, folder)
                self.judge(name, rows, sid_map, mode, answers, folder)
                if arguments.plant:
                    self.plant(rows, sid_map, mode, answers)

    def judge(self, name, rows, sid_map, mode, answers, folder):
        found = verdicts(rows, sid_map, mode, answers)
        if name == "nothing":
            found = [
                why or ("" if "error" in a or bytes.fromhex(a["sd"]) == row else "not the input")
                for why, row, a in zip(found, rows, answers)
            ] + found[len(rows) :]
        bad = [(index, why) for index, why in enumerate(found) if why]
        self.passed += len(found) - len(bad)
        self.failed += len(bad)
        refused = collections.Counter(a["error"] for a in answers if "error" in a)
        opinion = ""
        if mode == "replace" and name in ("domain", "nothing", "merged", "longer"):
            samba = samba_opinion(rows, sid_map, answers, folder)
            if samba is None:
                opinion = ", Samba's parser is not installed"
            else:
                opinion = ", Samba agrees on %(agreed)d, cannot read %(skipped)d" % samba
                self.samba.update(agreed=samba["agreed"], skipped=samba["skipped"])
                bad += [(index, "Samba: " + why) for index, why in samba["wrong"]]
                self.failed += len(samba["wrong"])
        print(
            "  %-9s %-8s %4d pairs, %4d accepted, %4d changed, %3d fallback, %3d refused, %d failed%s"
            % (
                name,
                mode,
                len(sid_map),
                sum("sd" in a for a in answers),
                sum(bool(a.get("changed")) for a in answers),
                sum(bool(a.get("fallback")) for a in answers),
                sum(refused.values()),
                len(bad),
                opinion,
            )
        )
        # Why damage was refused is not worth hundreds of lines: both sides did.
        for why, count in sorted(refused.items()) if name != "damaged" else ():
            print("      %d refused because %s" % (count, why))
        for index, why in bad[:5]:
            print("      FAILED row %d: %s" % (index + 1, why))

    def plant(self, rows, sid_map, mode, answers):
        missed = plant_all(rows, sid_map, mode, answers)
        if missed is None:
            return
        self.planted += len(PLANTS) + 1
        self.missed += len(missed)
        for name in missed:
            print("      NOT NOTICED: %s" % name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fixtures", required=True, type=pathlib.Path)
    parser.add_argument("--agent", required=True, type=pathlib.Path)
    parser.add_argument("--wine", action="store_true", help="run the agent under Wine")
    parser.add_argument("--same-as", metavar="NATIVE", type=pathlib.Path)
    parser.add_argument("--plant", action="store_true", help="prove that the checker bites")
    arguments = parser.parse_args()
    arguments.agent = arguments.agent.absolute()
    arguments.same_as = arguments.same_as and arguments.same_as.absolute()
    files = sorted((arguments.fixtures / "sd").glob("*.ndjson"))
    if not files:
        raise SystemExit("no fixtures in %s" % (arguments.fixtures / "sd"))
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            tally.run(arguments, file, folder)
    if tally.samba:
        print("Samba's parser: %(agreed)d rows agreed, %(skipped)d not readable to it" % tally.samba)
    if arguments.plant:
        noticed = tally.planted - tally.missed
        print("%d planted faults, %d noticed" % (tally.planted, noticed))
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    nothing_planted = arguments.plant and tally.planted == 0
    sys.exit(1 if tally.failed or tally.missed or nothing_planted else 0)


if __name__ == "__main__":
    main()
