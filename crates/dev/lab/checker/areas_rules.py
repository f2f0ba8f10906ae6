"""What the areas outside descriptors must look like after a run.

Written from the table of places in `docs/areas.md`; shares no code with the product. Pure:
a hive as `hive_read` gives it, task files and folder names go in, what must be there
afterwards comes out. A list follows the mode; what has one owner goes to the heir, who is
the target in *replace*, and in *add* only for a profile that changes hands.
"""

import fnmatch
import re
import struct
from collections import Counter
from dataclasses import dataclass, field

import areas_tasks
import areas_text
import sd_rewrite

SID = re.compile(r"S-1-[0-9]+(-[0-9]+)+", re.IGNORECASE)
_SID = r"s-1-[0-9-]+"
_CV = r"microsoft\\windows\\currentversion\\"
_NT = r"microsoft\\windows nt\\currentversion\\"
_SET = r"controlset\d+\\"
_RENDER = r"print\\providers\\client side rendering print provider\\" + _SID
_RULES = r"services\\sharedaccess\\parameters\\firewallpolicy\\"

# hive -> (area, key, what, value): patterns over lower case.
PLACES = {
    "SYSTEM": [
        ("services", _SET + r"services\\[^\\]+\\security", "descriptor", "security"),
        ("shares", _SET + r"services\\lanmanserver\\shares\\security", "descriptor", ".*"),
        ("printers", _SET + r"control\\print\\printers\\[^\\]+", "descriptor", "security"),
        ("printers", _SET + r"control\\" + _RENDER, "owner", None),
        ("firewall", _SET + _RULES + r"firewallrules", "rule", ".*"),
        ("firewall", _SET + _RULES + r"restrictedservices(\\.*)?", "rule", ".*"),
    ],
    "SOFTWARE": [
        ("printers", _NT + r"print\\printers\\[^\\]+", "descriptor", "security"),
        ("printers", _NT + _RENDER, "owner", None),
        ("firewall", r"policies\\microsoft\\windowsfirewall\\firewallrules", "rule", ".*"),
        ("com", r"classes\\(wow6432node\\)?appid\\[^\\]+", "descriptor", "(access|launch)permission"),
        ("com", r"(wow6432node\\)?microsoft\\ole", "descriptor", "default.*permission|machine.*restriction"),
        ("com", r"policies\\microsoft\\windows nt\\dcom", "sddl", "machine.*restriction"),
        ("scheduled_tasks", _NT + r"schedule\\taskcache\\tree(\\.*)?", "descriptor", "sd"),
        ("installer_data", _CV + r"installer\\(userdata|managed)\\" + _SID, "owner", None),
        ("app_packages", _CV + r"appx\\appxalluserstore\\" + _SID, "owner", None),
        ("app_packages", r"microsoft\\identitystore\\cache\\" + _SID, "cache", None),
        ("app_packages", r"microsoft\\identitystore\\logoncache\\[^\\]+\\sid2name\\" + _SID, "cache", None),
        ("app_packages", r"microsoft\\identitystore\\logoncache\\[^\\]+\\(name2sid|sam_name)\\[^\\]+", "cache of", "sid"),
        ("sign_in", _CV + r"group policy\\((state|datastore)\\)?" + _SID, "cache", None),
        ("sign_in", _CV + r"authentication\\logonui\\usertile", "value names", ".*"),
        ("sign_in", _CV + r"authentication\\logonui(\\sessiondata\\[^\\]+)?", "account", None),
    ],
}
# The name of an account, and the value beside it that says whose it is.
NAMES = [
    ("lastloggedonuser", "lastloggedonusersid"),
    ("lastloggedonsamuser", "lastloggedonusersid"),
    ("loggedonuser", "loggedonusersid"),
    ("loggedonsamuser", "loggedonusersid"),
]
OWNED_TEXTS = {"lastloggedonusersid", "selectedusersid", "loggedonusersid"}
ALL = (
    "printers", "services", "scheduled_tasks", "user_rights", "shares", "com", "firewall",
    "installer_data", "app_packages", "sign_in", "recycle_bins", "key_stores",
)
BINS = "$Recycle.Bin"
KEYS = "AppData/Roaming/Microsoft/Crypto/RSA"
TASKS = "Windows/System32/Tasks"
_FOLDERS = {"%systemroot%": "C:\\Windows", "%windir%": "C:\\Windows", "%programdata%": "C:\\ProgramData"}


class Areas:
    """What a run was asked for."""

    def __init__(self, told, pairs=None):
        self.on, self.mode = set(told["on"]), told["mode"]
        self.pairs = dict(pairs if pairs is not None else told["pairs"])
        self.handed = {one["source_sid"]: one["path"] for one in told.get("handed", [])}
        self.names = told.get("names", {})
        self.binary = {sd_rewrite.sid_from_text(s): sd_rewrite.sid_from_text(t) for s, t in self.pairs.items()}
        lines = told.get("ignored", [])
        self.keys = [_line(line[5:]) for line in lines if line.upper().startswith("HKLM\\")]
        self.paths = [_line(_resolved(line)) for line in lines if not line.upper().startswith("HKLM\\")]

    def heir(self, sid):
        """Who takes over what belongs to `sid` alone, or None."""
        sid = sid.strip().upper()
        target = self.pairs.get(sid)
        return target if self.mode == "replace" or sid in self.handed else None

    def heir_binary(self, sid):
        heir = self.heir(sd_rewrite.sid_to_text(sid))
        return sd_rewrite.sid_from_text(heir) if heir else None

    def key_ignored(self, hive, path):
        """Whether a key or value is left alone: a line names it or something above it.

        A task that is left alone keeps the list on its place in the tree, too.
        """
        task = re.fullmatch(_NT + r"schedule\\taskcache\\tree(\\.*?)(\\sd)?", path, re.IGNORECASE)
        if hive == "SOFTWARE" and task and self.task_ignored(task[1]):
            return True
        return _begins(self.keys, f"{hive}\\{path}")

    def path_ignored(self, path):
        return _begins(self.paths, "C:\\" + path.replace("/", "\\"))

    def task_ignored(self, path):
        """Tasks are in an area that is ignored for other reasons: only lines at or below it count."""
        full = "C:\\Windows\\System32\\Tasks" + path
        return _begins([line for line in self.paths if len(line) >= 4], full)

    def descriptor(self, raw):
        """The translated descriptor; one that is not understood stays."""
        try:
            return sd_rewrite.translate(raw, self.binary, self.mode)[0]
        except sd_rewrite.Refused:
            return raw


def _resolved(line):
    for variable, folder in _FOLDERS.items():
        if line.lower().startswith(variable):
            return folder + line[len(variable):]
    return line


def _line(text):
    return [part.lower() for part in text.strip("\\").split("\\")]


def _begins(lines, path):
    parts = path.lower().split("\\")
    for line in lines:
        if len(line) > len(parts):
            continue
        pairs = zip(line, parts)
        if all(
            fnmatch.fnmatchcase(part, wanted)
            or wanted == "currentcontrolset" and re.fullmatch(r"controlset\d+", part)
            for wanted, part in pairs
        ):
            return True
    return False


@dataclass
class Plan:
    """What a hive becomes: where each key is afterwards (None: gone), and its values."""

    moved: dict
    values: dict
    files: dict = field(default_factory=dict)  # task path -> bytes
    seen: Counter = field(default_factory=Counter)
    changed: Counter = field(default_factory=Counter)


def hive_after(hive, keys, areas, task_files):
    """The plan for one hive; `task_files` are the task files by the path that the cache names."""
    plan = Plan({}, {path: dict(key.values) for path, key in keys.items()})
    renames = {}
    for path in keys:
        for area, pattern, what, value in PLACES.get(hive, []):
            if area in areas.on and re.fullmatch(pattern, path.lower()):
                _place(hive, path, area, what, value, areas, plan, renames)
    if hive == "SOFTWARE" and "scheduled_tasks" in areas.on:
        areas_tasks.plan(keys, areas, task_files, plan)
    for path in keys:
        plan.moved[path] = _moved(path, renames, keys)
    return plan


def _place(hive, path, area, what, pattern, areas, plan, renames):
    values = plan.values[path]
    if what in ("owner", "cache", "cache of"):
        owner = path.rsplit("\\", 1)[-1]
        if what == "cache of":
            owner = next((areas_text.of(v) for n, v in values.items() if n.lower() == pattern), "")
        plan.seen[area] += 1
        if not areas.key_ignored(hive, path) and areas.heir(owner):
            renames[path] = areas.heir(owner) if what == "owner" else None
            plan.changed[area] += 1
        return
    if what == "account":
        _account(hive, path, area, areas, plan)
        return
    for name in list(values):
        if not re.fullmatch(pattern, name.lower()) or areas.key_ignored(hive, f"{path}\\{name}"):
            continue
        plan.seen[area] += 1
        kind, raw = values[name]
        if what == "value names":
            heir = areas.heir(name) if SID.fullmatch(name) else None
            if heir:
                values[heir] = values.pop(name)
                plan.changed[area] += 1
            continue
        if what == "descriptor":
            new = areas.descriptor(raw)
        else:
            change = areas_text.rule if what == "rule" else areas_text.sddl
            old = areas_text.of((kind, raw))
            told = change(old, areas)
            new = raw if told == old else areas_text.encoded(told)
        if new != raw:
            values[name] = (kind, new)
            plan.changed[area] += 1


def _account(hive, path, area, areas, plan):
    """Who signed in last: the name goes with the SID beside it, if the new one is known."""
    before = dict(plan.values[path])
    by_name = {name.lower(): name for name in before}
    for name, owner in NAMES:
        if name in by_name and owner in by_name:
            heir = areas.heir(areas_text.of(before[by_name[owner]]))
            place = by_name[name]
            plan.seen[area] += 1
            if heir and heir in areas.names and not areas.key_ignored(hive, f"{path}\\{place}"):
                plan.values[path][place] = (before[place][0], areas_text.encoded(areas.names[heir]))
                plan.changed[area] += 1
    for name in OWNED_TEXTS & by_name.keys():
        place = by_name[name]
        heir = areas.heir(areas_text.of(before[place]))
        plan.seen[area] += 1
        if heir and not areas.key_ignored(hive, f"{path}\\{place}"):
            plan.values[path][place] = (before[place][0], areas_text.encoded(heir))
            plan.changed[area] += 1


def _moved(path, renames, keys):
    parts, out = path.split("\\") if path else [], []
    for count in range(1, len(parts) + 1):
        prefix, above = "\\".join(parts[:count]), "\\".join(parts[:count - 1])
        name = parts[count - 1]
        if prefix in renames:
            if renames[prefix] is None:
                return None
            name = renames[prefix]
        elif any(renames.get(f"{above}\\{other}") == name for other in _siblings(above, renames)):
            name += ".godwit-parked"
        out.append(name)
    return "\\".join(out)


def _siblings(above, renames):
    cut = len(above) + 1
    return [path[cut:] for path in renames if path.startswith(above + "\\") and "\\" not in path[cut:]]


def rights_of(security):
    """Account -> set of its rights, from `Policy\\Accounts`; guards of a run are none."""
    found = {}
    for path, key in security.items():
        parts = path.split("\\")
        if parts[:2] != ["Policy", "Accounts"] or len(parts) != 4:
            continue
        raw = key.values.get("", (0, b""))[1]
        held = found.setdefault(parts[2], set())
        if parts[3] == "ActSysAc" and len(raw) >= 4:
            bits = struct.unpack_from("<I", raw)[0]
            held |= {f"logon {bit}" for bit in range(32) if bits >> bit & 1 and bit not in (6, 11)}
        if parts[3] == "Privilgs" and len(raw) >= 8:
            count = struct.unpack_from("<I", raw)[0]
            held |= {f"privilege {struct.unpack_from('<Q', raw, 8 + 12 * n)[0]}" for n in range(count)}
    return {sid: held for sid, held in found.items() if held}


def rights_after(rights, areas):
    """What the rights become."""
    after = {sid: set(held) for sid, held in rights.items()}
    if "user_rights" in areas.on:
        for source, target in areas.pairs.items():
            if source in rights and not areas.key_ignored("SECURITY", f"Policy\\Accounts\\{source}"):
                after.setdefault(target, set()).update(rights[source])
                if areas.mode == "replace":
                    del after[source]
    return {sid: held for sid, held in after.items() if held}


def folders_after(names, areas):
    """Folder -> its name afterwards, for every folder that is named after an account."""
    found = {}
    handed = {path.replace("\\", "/").removeprefix("C:/").lower() for path in areas.handed.values()}
    for name in names:
        above, _, last = name.rpartition("/")
        keys = above.removesuffix("/" + KEYS).lower() if above.endswith(KEYS) else None
        area = "recycle_bins" if above == BINS else "key_stores" if keys in handed else None
        heir = areas.heir(last) if area in areas.on and SID.fullmatch(last) else None
        if heir and not areas.path_ignored(name):
            found[name] = (area, f"{above}/{heir}")
    return found
