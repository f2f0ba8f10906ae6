"""What a volume must look like after a run: scope, and the descriptor the rules give."""

import csv
import fnmatch

import sd_rewrite

STATE_FOLDER = "ProgramData/Godwit/Agent"
_VARIABLES = {
    "%systemroot%": "Windows",
    "%windir%": "Windows",
    "%systemdrive%": "",
    "%programfiles%": "Program Files",
    "%programfiles(x86)%": "Program Files (x86)",
    "%programdata%": "ProgramData",
}
DEFAULT_IGNORED = ("Windows", "Program Files", "Program Files (x86)", "System Volume Information")


def read_map(path):
    """Source SID -> target SID of a CSV with the header `source_sid,target_sid`."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        return {row["source_sid"].strip(): row["target_sid"].strip() for row in csv.DictReader(file)}


def plain_pattern(pattern):
    """A pattern of a runbook as one over paths from the root: no drive, `/`, variables resolved."""
    lowered = pattern
    for variable, folder in _VARIABLES.items():
        if lowered.lower().startswith(variable):
            lowered = folder + lowered[len(variable) :]
    lowered = lowered.replace("\\", "/")
    if len(lowered) > 1 and lowered[1] == ":":
        lowered = lowered[2:]
    return lowered.strip("/").lower()


class Scope:
    """Which paths are ignored: the pattern itself and everything below what it names."""

    def __init__(self, patterns):
        self.patterns = [plain_pattern(p) for p in patterns]
        self.known = {"": False}

    def ignored(self, path):
        folded = path.lower()
        answer = self.known.get(folded)
        if answer is None:
            parent = folded.rpartition("/")[0]
            answer = self.ignored(parent) or any(fnmatch.fnmatchcase(folded, p) for p in self.patterns)
            self.known[folded] = answer
        return answer


def in_state_folder(path, folders):
    """Whether a path is our own state (compared nowhere)."""
    folded = path.lower()
    return any(folded == f.lower() or folded.startswith(f.lower() + "/") for f in folders)


class Expected:
    """Expected descriptors, one translation for each distinct one."""

    def __init__(self, pairs, mode):
        self.pairs, self.mode, self.cache, self.unreadable = pairs, mode, {}, set()
        self.binary = {sd_rewrite.sid_from_text(s): sd_rewrite.sid_from_text(t) for s, t in pairs.items()}

    def descriptor(self, raw):
        """The descriptor the rules give for `raw`; one that cannot be read stays."""
        if raw not in self.cache:
            try:
                self.cache[raw] = sd_rewrite.translate(raw, self.binary, self.mode)[0]
            except sd_rewrite.Refused:
                self.unreadable.add(raw)
                self.cache[raw] = raw
        return self.cache[raw]
