"""Scheduled tasks: the file, and what the cache keeps of it.

Windows believes a task only if the cache's hash is the SHA-256 of its file (without the byte
order mark). A task whose hash is another one is left alone, file and cache entry.
"""

import hashlib
import re

import areas_text

_TASK = r"microsoft\\windows nt\\currentversion\\schedule\\taskcache\\tasks\\[^\\]+"
_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xef\xbb\xbf", "utf-8"))


def split(raw):
    """Mark, encoding and text of a task file."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return mark, encoding, raw[len(mark):].decode(encoding)
    encoding = "utf-16-le" if raw[:2] == b"<\0" else "utf-8"
    return b"", encoding, raw.decode(encoding)


def edited(text, areas):
    """The XML after a run."""

    def owner(found):
        heir = areas.heir(found[2])
        return f"{found[1]}{heir}{found[3]}" if heir else found[0]

    def listed(found):
        return f"{found[1]}{areas_text.sddl(found[2], areas)}{found[3]}"

    text = re.sub(r"(<(?:UserId|GroupId)(?:\s[^>]*)?>)([^<]*)(</)", owner, text)
    return re.sub(r"(<SecurityDescriptor(?:\s[^>]*)?>)([^<]*)(</)", listed, text)


def in_binary(raw, areas):
    """Whole SIDs of mapped accounts in undocumented bytes, for SIDs of the same length."""
    for source in areas.binary:
        heir = areas.heir_binary(source)
        if heir and source in raw:
            if len(heir) != len(source):
                return None
            raw = raw.replace(source, heir)
    return raw


def plan(keys, areas, files, into):
    """Adds the tasks of the cache to a plan."""
    for path, key in keys.items():
        if not re.fullmatch(_TASK, path.lower()) or "Path" not in key.values:
            continue
        task = areas_text.of(key.values["Path"])
        into.seen["scheduled_tasks"] += 1
        if areas.key_ignored("SOFTWARE", path) or areas.task_ignored(task):
            continue
        values = into.values[path]
        raw = files.get(task)
        triggers = key.values.get("Triggers")
        new_triggers = in_binary(triggers[1], areas) if triggers else None
        if raw is None or triggers and new_triggers is None:
            continue
        mark, encoding, xml = split(raw)
        told = key.values.get("Hash")
        if told and told[1] != hashlib.sha256(raw[len(mark):]).digest():
            continue
        after = edited(xml, areas)
        if triggers:
            values["Triggers"] = (triggers[0], new_triggers)
        if "SecurityDescriptor" in values:
            old = areas_text.of(values["SecurityDescriptor"])
            new = areas_text.sddl(old, areas)
            if new != old:
                values["SecurityDescriptor"] = (values["SecurityDescriptor"][0], areas_text.encoded(new))
        if after != xml:
            body = after.encode(encoding)
            into.files[task] = mark + body
            if told:
                values["Hash"] = (told[0], hashlib.sha256(body).digest())
        if values != key.values or after != xml:
            into.changed["scheduled_tasks"] += 1

