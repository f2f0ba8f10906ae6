"""Compares a registry hive before and after a run, key by key.

Every key must have the descriptor the rules give, the same class and the same values.
A change of anything else is wrong unless it is listed here; listed changes are told,
and the ones that must have happened are demanded by `facts`.
"""

import re
import struct
from collections import Counter
from dataclasses import dataclass, field

import areas_rules
import hive_read
import sd_rewrite

# Descriptors of these stay: Windows keeps them for itself.
OWN_DESCRIPTORS = {"SAM", "SECURITY"}
# Never compared: ours, and what differs from run to run by nature.
ASIDE = {
    "SOFTWARE": [r"godwit(\\.*)?"],
    "SECURITY": [r"policy\\secrets\\\$machine\.acc\\.*"],
    "SYSTEM": [],
    "SAM": [],
    "USER": [],
}
_NT = r"microsoft\\windows nt\\currentversion\\"
_SID = r"s-1-[0-9-]+"
# Values a run may change: (key, value), patterns over lower case.
LISTED_VALUES = {
    "SOFTWARE": [
        (_NT + r"profilelist\\" + _SID, r"sid|guid|state|refcount|flags"),
        (_NT + r"profileguid\\.*", r"sidstring"),
        (_NT + r"winlogon", r"defaultdomainname|defaultusername|cacheprimarydomain"),
        (_NT + r"(networkcards|winlogon)\\domaincache", r".*"),
        (r"microsoft\\windows\\currentversion\\authentication\\logonui", r"lastloggedon.*|selectedusersid"),
        (r"microsoft\\windows\\currentversion\\group policy(\\.*)?", r".*"),
        (r"microsoft\\identitystore\\.*", r".*"),
    ],
    "SYSTEM": [
        (r"controlset\d+\\services\\tcpip\\parameters", r"domain|nv domain|dhcpdomain|hostname|nv hostname"),
        (r"controlset\d+\\services\\netlogon\\parameters", r".*"),
        (r"controlset\d+\\control\\computername\\(active)?computername", r"computername"),
        (r"controlset\d+\\control\\lsa(\\.*)?", r".*"),
    ],
    "SECURITY": [
        (r"policy\\pol(prdm[ns]|dnddn|dntrn|dmdmg|dndmg|machineaccount[rs])", r".*"),
        (r"policy\\accounts\\" + _SID + r"\\sid", r".*"),
        (r"cache", r"nl\$\d+"),
    ],
    "SAM": [(r"sam\\domains\\(builtin|account)\\aliases\\[0-9a-f]{8}", r"c"),
            (r"sam\\domains\\(builtin|account)\\aliases\\members(\\.*)?", r".*")],
    "USER": [],
}
# Keys a run may add or remove (renames by SID are known without being listed).
LISTED_KEYS = {
    "SOFTWARE": [_NT + r"profileguid\\.*", r"microsoft\\identitystore\\.*",
                 r"microsoft\\windows\\currentversion\\group policy\\.*"],
    "SYSTEM": [r"controlset\d+\\services\\netlogon(\\.*)?"],
    "SECURITY": [r"policy\\pol(dmdmg|dndmg|machineaccount[rs])", r"policy\\secrets\\\$machine\.acc(\\.*)?",
                 r"policy\\accounts\\" + _SID + r"(\\.*)?"],
    "SAM": [r"sam\\domains\\(builtin|account)\\aliases\\members\\.*"],
    "USER": [],
}
_USERS = "SAM\\Domains\\Account\\Users"


@dataclass
class Told:
    """The answer about one hive."""

    counts: Counter = field(default_factory=Counter)
    faults: list = field(default_factory=list)
    changes: list = field(default_factory=list)


def matches(patterns, text):
    return any(re.fullmatch(pattern, text) for pattern in patterns)


def compare(kind, old, new, expected, facts, plan=None, areas=None):
    """Compares two hives of a kind (USER or the name of a machine hive); `expected` None: equal.

    `plan` says exactly what the areas outside descriptors make of this hive; with it, nothing at
    their places is merely allowed.
    """
    told = Told()
    try:
        before = hive_read.read(old).keys
    except hive_read.Damaged as error:
        told.counts["hives that cannot be read"] += 1
        if old != new:
            told.faults.append(("", f"could not be read before ({error}) and was changed all the same"))
        return told
    try:
        after = hive_read.read(new).keys
    except hive_read.Damaged as error:
        told.faults.append(("", f"cannot be read after the run: {error}"))
        return told
    told.counts["hives"] += 1
    lists = {name: list(table.get(kind, [])) if expected else [] for name, table in
             (("keys", LISTED_KEYS), ("values", LISTED_VALUES))}
    if areas:
        lists = {name: [one for one in listed if not _of_areas(one)] for name, listed in lists.items()}
    if kind == "SAM" and facts.get("account"):
        lists["keys"] += _account_keys(after, facts["account"])
        lists["values"] += _account_values(after, facts["account"])
        told.faults += [("account", what) for what in _account(before, after, facts)]
    moved = _moved(before, after, expected.pairs if expected else {}, plan)
    aside = ASIDE.get(kind, [])
    for path, key in before.items():
        if matches(aside, path.lower()):
            continue
        if moved[path] is None:
            told.counts["caches removed"] += 1
            if path in after:
                told.faults.append((path, "the cache about its owner is still there"))
            continue
        now = after.get(moved[path])
        if now is None:
            if matches(lists["keys"], path.lower()):
                told.changes.append((path, "removed, as listed"))
                told.counts["keys changed as listed"] += 1
            else:
                told.faults.append((path, "key is gone"))
            continue
        if moved[path] != path:
            told.counts["keys renamed with their user"] += 1
        _key(told, kind, path, key, now, expected, lists["values"], plan.values[path] if plan else key.values)
    for path in sorted(after.keys() - set(moved.values())):
        if matches(aside, path.lower()):
            continue
        if matches(lists["keys"], path.lower()):
            told.changes.append((path, "added, as listed"))
            told.counts["keys changed as listed"] += 1
        else:
            told.faults.append((path, "key is new"))
    if expected:
        told.faults += [("facts", what) for what in _facts(kind, before, after, expected, facts)]
        if areas and kind == "SECURITY":
            told.faults += [("rights", what) for what in _rights(told, before, after, areas)]
    return told


def _of_areas(listed):
    """Whether a line of the lists is about places that the areas say exactly."""
    key = listed[0] if isinstance(listed, tuple) else listed
    return any(part in key for part in ("logonui", "group policy", "identitystore"))


def _rights(told, before, after, areas):
    """Rights of every account, but for those that only guards of the run gave."""
    wanted, have = areas_rules.rights_after(areas_rules.rights_of(before), areas), areas_rules.rights_of(after)
    told.counts["accounts with rights"] += len(wanted)
    return [
        f"{sid} has {sorted(have.get(sid, ()))}, wanted {sorted(wanted.get(sid, ()))}"
        for sid in sorted(wanted.keys() | have.keys())
        if wanted.get(sid) != have.get(sid)
    ]


def _rid(keys, name):
    """The number of a local account: the type of the default value of its name's key."""
    for path, key in keys.items():
        if path.lower() == f"{_USERS}\\Names\\{name}".lower():
            return next(iter(key.values.values()))[0]
    return None


def _account_keys(keys, name):
    """Keys that the fallback administrator may add."""
    rid = _rid(keys, name)
    if rid is None:
        return []
    group = r"sam\\domains\\builtin\\aliases\\members(\\.*)?"
    return [re.escape(f"{_USERS}\\Names\\{name}".lower()), re.escape(f"{_USERS}\\{rid:08x}".lower()), group]


def _account_values(keys, name):
    """Values that it may change: its own, the counters, the group of administrators."""
    rid = _rid(keys, name)
    if rid is None:
        return []
    return [
        (re.escape(f"{_USERS}\\{rid:08x}".lower()), r"[fv]"),
        (re.escape("sam\\domains\\account"), r"f"),
        (re.escape(_USERS.lower()), r""),
        (re.escape("sam\\domains\\builtin\\aliases\\00000220"), r"c"),
        (r"sam\\domains\\builtin\\aliases\\members(\\.*)?", r".*"),
    ]


def _account(before, after, facts):
    """Where the fallback administrator must stand: `account_is` on, off (or never made), or any."""
    name, wanted = facts["account"], facts.get("account_is", "any")
    rid = _rid(after, name)
    if rid is None:
        return [f"{name} was not made"] if wanted == "on" else []
    f = after[f"{_USERS}\\{rid:08X}"].values["F"][1]
    disabled = bool(struct.unpack_from("<H", f, 0x38)[0] & 1)
    machine = after["SAM\\Domains\\Account"].values["V"][1][-24:]
    sid = machine[:1] + bytes([machine[1] + 1]) + machine[2:] + struct.pack("<I", rid)
    group = after["SAM\\Domains\\Builtin\\Aliases\\00000220"].values["C"][1]
    start, length = struct.unpack_from("<II", group, 0x28)
    member = sid in group[0x34 + start : 0x34 + start + length]
    if wanted == "on" and (disabled or not member):
        return [f"{name} is {'switched off' if disabled else 'no administrator'}"]
    if wanted == "off" and (member or not disabled):
        return [f"{name} is {'still an administrator' if member else 'still switched on'}"]
    # Compared without rules, the group is what it was.
    old = before["SAM\\Domains\\Builtin\\Aliases\\00000220"].values["C"][1]
    at, size = struct.unpack_from("<II", old, 0x28)
    mine, theirs = group[0x34 + start : 0x34 + start + length], old[0x34 + at : 0x34 + at + size]
    if wanted != "on" and mine != theirs:
        return ["the members of Administrators are not those from before"]
    return []


def _moved(before, after, pairs, plan):
    """Path before -> path after: a part that is a mapped SID may have become its target.

    With a plan that is so in the list of profiles only; every other place is in the plan.
    """
    moved = {}
    for path in before:
        moved[path] = plan.moved[path] if plan else path
        likely = not plan or "\\ProfileList\\" in path
        if likely and moved[path] == path and path not in after:
            parts = [pairs.get(part, part) for part in path.split("\\")]
            renamed = "\\".join(parts)
            if renamed != path and renamed in after and renamed not in before:
                moved[path] = renamed
    return moved


def _key(told, kind, path, old, new, expected, listed, values):
    told.counts["keys"] += 1
    wanted = old.descriptor
    if expected and kind not in OWN_DESCRIPTORS:
        wanted = expected.descriptor(old.descriptor)
    if wanted != old.descriptor:
        told.counts["keys translated"] += 1
    if new.descriptor != wanted:
        told.faults.append((path, f"descriptor is {new.descriptor.hex()[:160]}…, wanted {wanted.hex()[:160]}…"))
    if old.class_name != new.class_name:
        told.faults.append((path, "class changed"))
    for name in sorted(values.keys() | new.values.keys()):
        told.counts["values"] += 1
        was, now = values.get(name), new.values.get(name)
        if was == now:
            told.counts["values of areas translated"] += was != old.values.get(name)
            continue
        if any(re.fullmatch(k, path.lower()) and re.fullmatch(v, name.lower()) for k, v in listed):
            told.counts["values changed as listed"] += 1
            told.changes.append((path, f"value {name!r} changed, as listed"))
        else:
            words = "wanted" if was != old.values.get(name) else "was"
            told.faults.append((path, f"value {name!r} {words} {_short(was)}, is {_short(now)}"))


def _short(value):
    if value is None:
        return "absent"
    return f"type {value[0]}, {len(value[1])} bytes {value[1][:24].hex()}"


def _facts(kind, before, after, expected, facts):
    """What must have happened in a machine hive."""
    check = {"SOFTWARE": _profile_list, "SECURITY": _security, "SAM": _sam, "SYSTEM": _system}.get(kind)
    return check(before, after, expected, facts) if check else []


def _profile_list(before, after, expected, facts):
    wrong = []
    root = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\"
    for path, key in before.items():
        sid = path[len(root):] if path.startswith(root) else ""
        target = expected.pairs.get(sid)
        if not target or "\\" in sid:
            continue
        now = after.get(root + target)
        if now is None or path in after:
            wrong.append(f"the profile of {sid} is not registered for {target} alone")
            continue
        if now.values.get("Sid", (3, sd_rewrite.sid_from_text(target)))[1] != sd_rewrite.sid_from_text(target):
            wrong.append(f"the value Sid of profile {target} is not that SID")
        if now.values.get("ProfileImagePath") != key.values.get("ProfileImagePath"):
            wrong.append(f"the profile of {target} has another folder")
    return wrong


def _value(keys, path):
    key = keys.get(path)
    return next(iter(key.values.values()))[1] if key and key.values else b""


def _security(before, after, expected, facts):
    wrong = []
    target = facts.get("target", {})
    if "sid" in target and sd_rewrite.sid_from_text(target["sid"]) != _value(after, "Policy\\PolPrDmS"):
        wrong.append("PolPrDmS is not the SID of the target domain")
    for key, name in (("PolPrDmN", "netbios_name"), ("PolDnDDN", "dns_name")):
        if name in target and target[name].encode("utf-16-le") not in _value(after, "Policy\\" + key):
            wrong.append(f"{key} does not hold {target[name]}")
    if "machine_sid" in facts:
        sid = sd_rewrite.sid_from_text(facts["machine_sid"])
        # Windows keeps the domain's SID in PolMachineAccountS and the RID in PolMachineAccountR.
        whole = _value(after, "Policy\\PolMachineAccountS")
        rid = _value(after, "Policy\\PolMachineAccountR")
        if rid[:4] != sid[-4:] or not (whole == sid or whole[8:] == sid[8:-4]):
            wrong.append("PolMachineAccountS and PolMachineAccountR do not name the machine account")
    for path in before:
        parts = path.split("\\")
        if facts.get("user_rights") and parts[:2] == ["Policy", "Accounts"] and len(parts) == 3 and parts[2] in expected.pairs and path in after:
            wrong.append(f"the rights of {parts[2]} are still its own")
    return wrong


def _sam(before, after, expected, facts):
    wrong = []
    for path, key in before.items():
        raw = key.values.get("C", (0, b""))[1]
        if "\\Aliases\\" not in path or not raw or path not in after:
            continue
        now = after[path].values.get("C", (0, b""))[1]
        for source, target in expected.binary.items():
            if source in raw and (target not in now or source in now and expected.mode == "replace"):
                wrong.append(f"{path}: the member {sd_rewrite.sid_to_text(source)} was not translated")
    return wrong


def _system(before, after, expected, facts):
    name = facts.get("target", {}).get("dns_name")
    if not name:
        return []
    found = [key.values.get("Domain") for path, key in after.items()
             if re.fullmatch(r"ControlSet\d+\\Services\\Tcpip\\Parameters", path)]
    wanted = name.encode("utf-16-le")
    return [] if found and all(v and wanted in v[1] for v in found) else [f"the DNS domain is not {name}"]
