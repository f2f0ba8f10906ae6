"""SIDs in texts: security descriptor definition language, and firewall rules.

A list in text follows the rules of a binary one. In *replace* every mapped SID is exchanged and
an entry that became equal to one before it is dropped. In *add* the owner stays and the entry
for the target stands directly behind its original, unless the list has it already.
"""

import re

_SID = re.compile(r"(?<![0-9A-Za-z-])S-1-[0-9-]+(?=[^0-9A-Za-z_-]|[OGDS]:|$)", re.IGNORECASE)
LISTS = ("LUAuth", "RUAuth", "RMAuth")


def of(value):
    """A text value of a hive without what ends it."""
    return value[1].decode("utf-16-le", "surrogatepass").split("\0")[0]


def encoded(told):
    """The bytes of a text value."""
    return (told + "\0").encode("utf-16-le", "surrogatepass")


def exchanged(text, pairs):
    """The text with every mapped SID exchanged."""
    return _SID.sub(lambda found: pairs.get(found[0].upper(), found[0]), text)


def sddl(text, areas):
    """A list in text by the rules."""
    out, done = [], []
    for piece in re.findall(r"\([^()]*(?:\([^()]*\)[^()]*)*\)|[^()]+", text):
        new = exchanged(piece, areas.pairs)
        if not piece.startswith("("):
            done = [] if ":" in piece else done
            out.append(new if areas.mode == "replace" else piece)
        elif areas.mode == "replace":
            moved = new != piece
            if not any(kept == new and (moved or was) for kept, was in done):
                out.append(new)
                done.append((new, moved))
        else:
            out.append(piece)
            if new != piece and new not in _list_around(text, piece) and (new, True) not in done:
                out.append(new)
                done.append((new, True))
    return "".join(out)


def _list_around(text, entry):
    """The entries of the list that an entry is in."""
    for part in re.split(r"(?=[DS]:)", text):
        if entry in part:
            return re.findall(r"\([^()]*\)", part)
    return []


def rule(text, areas):
    """A firewall rule: lists follow the mode, the owner of a package's rule goes to the heir."""
    fields = []
    for one in text.split("|"):
        name, found, value = one.partition("=")
        if found and name in LISTS:
            one = f"{name}={sddl(value, areas)}"
        elif found and name == "LUOwn" and areas.heir(value):
            one = f"{name}={areas.heir(value)}"
        fields.append(one)
    return "|".join(fields)
