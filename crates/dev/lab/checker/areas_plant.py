"""The checker of the areas is shown to object: a right run is spoilt in every way it claims to see."""

import copy
import hashlib
import os
import re
import struct

import areas_rules
import areas_tasks
import areas_text
import hive_read
from areas_check import HIVES, Dump, Judge

KEYS_OF = "Users/{}/" + areas_rules.KEYS


def _before(folder):
    """A device around the built hives; tasks get the files that their hashes are of."""
    hives = {}
    for name in HIVES:
        with open(os.path.join(folder, name), "rb") as file:
            hives[name] = hive_read.read(file.read()).keys
    profiles = _profiles(hives["SOFTWARE"])
    files = {"$Recycle.Bin": None}
    for sid, path in profiles.items():
        files[f"$Recycle.Bin/{sid}"] = None
        files[f"$Recycle.Bin/{sid}/$R1.txt"] = b"thrown away"
        keys = KEYS_OF.format(path.rsplit("\\", 1)[-1])
        files[keys] = None
        files[f"{keys}/{sid}"] = None
    sid = next(iter(profiles))
    for key in hives["SOFTWARE"].values():
        if re.search(r"\\TaskCache\\Tasks\\[^\\]+$", key.path) and "Path" in key.values:
            _task(files, key, sid)
    return Dump(hives, files, areas_rules.rights_of(hives["SECURITY"])), profiles


def _profiles(software):
    root = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\"
    found = {}
    for path, key in software.items():
        sid = path.removeprefix(root)
        if path.startswith(root) and sid.startswith("S-1-5-21-"):
            found[sid] = areas_text.of(key.values["ProfileImagePath"])
    return found


def _task(files, key, sid):
    """A file for a task of the cache; the hash follows, but for one that stays wrong."""
    path = areas_text.of(key.values["Path"])
    xml = (
        f"<Task><SecurityDescriptor>O:{sid}D:(A;;FA;;;SY)(A;;FA;;;{sid})</SecurityDescriptor>"
        f"<Principal><UserId>{sid}</UserId></Principal></Task>"
    )
    body = xml.encode("utf-16-le")
    files[areas_rules.TASKS + path.replace("\\", "/")] = b"\xff\xfe" + body
    if not path.endswith("Edited by hand"):
        key.values["Hash"] = (key.values["Hash"][0], hashlib.sha256(body).digest())


def _run(before, areas):
    """A right run."""
    after = copy.deepcopy(before)
    plans = {}
    for name, keys in before.hives.items():
        plan = plans[name] = areas_rules.hive_after(name, keys, areas, before.tasks())
        after.hives[name] = {}
        for path, key in keys.items():
            place = plan.moved[path]
            if place is not None:
                new = copy.deepcopy(key)
                new.path, new.values = place, dict(plan.values[path])
                after.hives[name][place] = new
        for task, raw in plan.files.items():
            after.files[areas_rules.TASKS + task.replace("\\", "/")] = raw
    after.rights = areas_rules.rights_after(before.rights, areas)
    for old, (_, new) in areas_rules.folders_after(before.files, areas).items():
        for path in [p for p in after.files if p == old or p.startswith(old + "/")]:
            after.files[new + path[len(old):]] = after.files.pop(path)
    return after, plans


def _back(hive, pattern, value):
    """Plants the value before into a translated place."""

    def plant(before, after, plans):
        for path, key in before.hives[hive].items():
            for name, old in key.values.items():
                place = plans[hive].moved[path]
                if place and re.search(pattern, path) and re.fullmatch(value, name):
                    if plans[hive].values[path].get(name) != old:
                        after.hives[hive][place].values[name] = old
                        return f"{hive}\\{path}"
        raise RuntimeError(f"no place {pattern} {value}")

    return plant


def _name_back(hive, pattern):
    """Plants the old name of a renamed key."""

    def plant(before, after, plans):
        for path in before.hives[hive]:
            place = plans[hive].moved[path]
            if place and place != path and re.search(pattern, path):
                after.hives[hive][path] = after.hives[hive].pop(place)
                return f"{hive}\\{path}"
        raise RuntimeError(f"no renamed key {pattern}")

    return plant


def _kept(hive, pattern):
    """Plants a cache that was to go."""

    def plant(before, after, plans):
        for path in before.hives[hive]:
            if plans[hive].moved[path] is None and re.search(pattern, path):
                after.hives[hive][path] = copy.deepcopy(before.hives[hive][path])
                return f"{hive}\\{path}"
        raise RuntimeError(f"no cache {pattern}")

    return plant


def _neighbour(before, after, plans):
    path = next(p for p in after.hives["SYSTEM"] if p.endswith("Tcpip\\Parameters"))
    after.hives["SYSTEM"][path].values["Hostname"] = (1, areas_text.encoded("OTHER"))
    return "SYSTEM\\" + path


def _new_key(before, after, plans):
    key = copy.deepcopy(next(iter(after.hives["SOFTWARE"].values())))
    after.hives["SOFTWARE"]["left behind"] = key
    return "SOFTWARE\\left behind"


def _descriptor(before, after, plans):
    path = next(p for p in after.hives["SOFTWARE"] if p.endswith("LogonUI"))
    after.hives["SOFTWARE"][path].descriptor += b"\0\0\0\0"
    return "SOFTWARE\\" + path


def _half(before, after, plans):
    """Only one of two SIDs of a list in text is exchanged."""
    for path, key in before.hives["SYSTEM"].items():
        for name, (kind, raw) in key.values.items():
            new = plans["SYSTEM"].values[path].get(name, (0, b""))[1]
            if "FirewallRules" in path and new != raw and "RMAuth" in areas_text.of((1, raw)):
                old, good = areas_text.of((1, raw)), areas_text.of((1, new))
                cut = good.index("|RMAuth")
                spoilt = good[:cut] + old[old.index("|RMAuth"):]
                after.hives["SYSTEM"][path].values[name] = (kind, areas_text.encoded(spoilt))
                return f"SYSTEM\\{path}"
    raise RuntimeError("no rule with two lists")


def _task_file(spoil):
    def plant(before, after, plans):
        path = areas_rules.TASKS + next(iter(plans["SOFTWARE"].files)).replace("\\", "/")
        after.files[path] = spoil(before.files[path], after.files[path])
        return path

    return plant


def _broken_task(before, after, plans):
    path = next(p for p in before.files if p.endswith("Edited by hand"))
    mark, encoding, xml = areas_tasks.split(before.files[path])
    after.files[path] = mark + xml.replace("SY", "BA").encode(encoding)
    return path


def _rights(spoil):
    def plant(before, after, plans):
        sid = spoil(before, after)
        return f"rights of {sid}"

    return plant


def _rights_kept(before, after):
    sid = next(s for s in before.rights if s not in after.rights)
    after.rights[sid] = before.rights[sid]
    return sid


def _rights_lost(before, after):
    sid = next(s for s in after.rights if s not in before.rights)
    after.rights[sid] = set(list(after.rights[sid])[1:])
    return sid


def _folder(start):
    def plant(before, after, plans):
        for path in before.files:
            if path not in after.files and start in path and before.files[path] is None:
                new = next(p for p in after.files if p not in before.files and start in p and after.files[p] is None)
                after.files[path] = after.files.pop(new)
                return path
        raise RuntimeError(f"no folder {start}")

    return plant


PLANTS = [
    ("service left", _back("SYSTEM", r"\\Services\\[^\\]+\\Security$", "Security")),
    ("share left", _back("SYSTEM", r"\\Shares\\Security$", ".*")),
    ("printer left", _back("SYSTEM", r"\\Print\\Printers\\", "Security")),
    ("printer connection left", _name_back("SYSTEM", r"Client Side Rendering Print Provider\\S-[0-9-]+$")),
    ("firewall rule left", _back("SYSTEM", r"FirewallPolicy\\FirewallRules$", ".*")),
    ("owner of a rule left", _back("SYSTEM", r"AppIso\\FirewallRules$", ".*")),
    ("half of a rule", _half),
    ("COM class left", _back("SOFTWARE", r"AppID\\", "LaunchPermission|AccessPermission")),
    ("COM default left", _back("SOFTWARE", r"Microsoft\\Ole$", ".*")),
    ("COM policy left", _back("SOFTWARE", r"\\DCOM$", ".*")),
    ("installer data left", _name_back("SOFTWARE", r"UserData\\S-1-5-21-[0-9-]+$")),
    ("managed installer data left", _name_back("SOFTWARE", r"Managed\\S-1-5-21-[0-9-]+$")),
    ("packages left", _name_back("SOFTWARE", r"AppxAllUserStore\\S-[0-9-]+$")),
    ("identity kept", _kept("SOFTWARE", r"IdentityStore\\Cache\\S-[0-9-]+$")),
    ("name of an identity kept", _kept("SOFTWARE", r"Name2Sid\\")),
    ("policy state kept", _kept("SOFTWARE", r"Group Policy\\State\\S-[0-9-]+$")),
    ("last user left", _back("SOFTWARE", r"LogonUI$", "LastLoggedOnUserSID")),
    ("name of the last user left", _back("SOFTWARE", r"LogonUI$", "LastLoggedOnUser")),
    ("session left", _back("SOFTWARE", r"SessionData\\1$", "LoggedOnUserSID")),
    ("tile left", _back("SOFTWARE", r"UserTile$", "S-.*")),
    ("list of a task left", _back("SOFTWARE", r"TaskCache\\Tree\\", "SD")),
    ("hash of a task left", _back("SOFTWARE", r"TaskCache\\Tasks\\", "Hash")),
    ("triggers of a task left", _back("SOFTWARE", r"TaskCache\\Tasks\\", "Triggers")),
    ("task file left", _task_file(lambda old, new: old)),
    ("mark of a task file lost", _task_file(lambda old, new: new[2:])),
    ("edited task changed", _broken_task),
    ("rights kept by the source", _rights(_rights_kept)),
    ("a right lost", _rights(_rights_lost)),
    ("recycle bin left", _folder("$Recycle.Bin/")),
    ("keys left", _folder("/Crypto/RSA/")),
    ("neighbour changed", _neighbour),
    ("key left behind", _new_key),
    ("descriptor changed", _descriptor),
]


def self_test(folder):
    """0 when a right run passes in both modes, and every plant is found."""
    before, profiles = _before(folder)
    sids = list(profiles)
    domain = sids[0].rsplit("-", 1)[0]
    named = {sid for key in before.hives["SYSTEM"].values() for _, raw in key.values.values() for sid in _sids(raw)}
    named |= set(sids) | set(before.rights)
    pairs = {sid: f"S-1-5-21-71-72-73-{sid.rsplit('-', 1)[1]}" for sid in named if sid.startswith(domain)}
    told = {
        "on": list(areas_rules.ALL),
        "pairs": pairs,
        "handed": [{"source_sid": sid, "path": path} for sid, path in profiles.items()],
        "names": {pairs[sid]: f"TARGET\\user {n}" for n, sid in enumerate(sids)},
        "ignored": [],
    }
    wrong = 0
    for mode in ("add", "replace"):
        areas = areas_rules.Areas({**told, "mode": mode})
        after, plans = _run(before, areas)
        judge = Judge(before, after, areas).run()
        for fault in judge.faults[:5]:
            print("a right run is called WRONG:", fault)
        empty = judge.unchanged()
        print(f"{mode}: {sum(judge.changed.values())} places change; without any: {', '.join(empty) or 'none'}")
        wrong += len(judge.faults) + len(empty)
    off = areas_rules.Areas({**told, "mode": "replace", "on": []})
    wrong += _demand("translated though off", Judge(before, after, off).run(), "must stay")
    ignored = ["HKLM\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Shares"]
    left = areas_rules.Areas({**told, "mode": "replace", "ignored": ignored})
    wrong += _demand("translated though ignored", Judge(before, after, left).run(), "must stay")
    for name, plant in PLANTS:
        spoilt = copy.deepcopy(after)
        where = plant(before, spoilt, plans)
        judge = Judge(before, spoilt, areas).run()
        wrong += _demand(name, judge, where)
    print(f"{len(PLANTS) + 2} planted, {wrong} wrong")
    return 1 if wrong else 0


def _demand(name, judge, where):
    hit = any(where in fault for fault in judge.faults)
    print(f"{'found ' if hit else 'MISSED'} {name}")
    return 0 if hit else 1


def _sids(raw):
    """SIDs of accounts anywhere in a value."""
    import sd_rewrite

    found, at = set(), raw.find(b"\x01\x05\0\0\0\0\0\x05")
    while 0 <= at <= len(raw) - 28:
        if struct.unpack_from("<I", raw, at + 8)[0] == 21:
            found.add(sd_rewrite.sid_to_text(raw[at : at + 28]))
        at = raw.find(b"\x01\x05\0\0\0\0\0\x05", at + 1)
    return found
