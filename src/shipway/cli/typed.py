"""The name of a command and its words in, what a person types to say the same again out."""

from __future__ import annotations

import shlex
from dataclasses import fields

from shipway.flows.words import Words

FIRST = ("target", "deployment", "release", "host", "name", "recipient")
"""Words without an option before them."""


def typed(name: str, words: Words) -> str:
    """`shipway deploy production --ref v2`: with everything that is not as it would be without saying."""
    argv = ["shipway", *name.split(), *([words.environment] if words.environment is not None else [])]
    for field in fields(words):
        value = getattr(words, field.name)
        if field.name in ("environment", "json") or value == field.default or not field.metadata.get("typed", True):
            continue
        if isinstance(value, tuple):
            argv += [word for one in value for word in (f"--{field.name}", str(one))]
        elif field.name in FIRST:
            argv.append(str(value))
        elif field.name == "project":
            argv += [] if str(value) == "." else ["--project", str(value)]
        else:
            argv += [f"--{field.name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(argv)
