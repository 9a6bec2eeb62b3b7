"""The name of a command and its words in, what a person types to say the same again out."""

from __future__ import annotations

import shlex
from dataclasses import fields

from shipway.flows.words import Words

FIRST = ("target", "deployment", "release", "host", "name", "recipient", "error", "address", "point", "migration", "commit")
"""Words without an option before them."""

OPTIONS = {
    ("host add", "name"): "name",
    ("restart", "processes"): "process",
    ("restart", "hosts"): "host",
    ("stop", "processes"): "process",
    ("start", "processes"): "process",
    ("logs", "processes"): "process",
    ("logs", "hosts"): "host",
    ("logs", "release"): "release",
    ("exec", "hosts"): "host",
    ("exec", "everywhere"): "all",
    ("data restore", "source"): "from",
    ("data fetch", "source"): "from",
}
"""Options that are not called as their words are."""


def typed(name: str, words: Words) -> str:
    """`shipway deploy production --ref v2`: with everything that is not as it would be without saying."""
    argv = ["shipway", *name.split(), *([words.environment] if words.environment is not None else [])]
    for field in fields(words):
        value = getattr(words, field.name)
        if field.name in ("environment", "json", "command") or value == field.default or not field.metadata.get("typed", True):
            continue
        option = OPTIONS.get((name, field.name), field.name.replace("_", "-"))
        if field.name == "settings":
            argv += value
        elif isinstance(value, tuple):
            argv += [word for one in value for word in (f"--{option}", str(one))]
        elif field.name in FIRST and (name, field.name) not in OPTIONS:
            argv.append(str(value))
        elif field.name == "project":
            argv += [] if str(value) == "." else ["--project", str(value)]
        else:
            argv += [f"--{option}", *([] if value is True else [str(value)])]
    command = getattr(words, "command", ())
    return shlex.join([*argv, *(["--", *command] if command else [])])
