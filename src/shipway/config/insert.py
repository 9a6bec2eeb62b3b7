"""The text of shipway.toml and one more host in, the text with it out: every other character stays, and the host is written as the others.

What was written is read back and compared before anybody gets it: an odd way to write a list is refused, never damaged.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeAlias

from shipway.config.lines import Lines, Path, scan
from shipway.model.errors import WrongInput

Item: TypeAlias = Mapping[str, str | list[str]]

_COMMA = re.compile(r"[ \t]*,")
_REST_OF_LINE = re.compile(r"[^\r\n]*")


def with_host(text: str, environment: str, item: Item, name: str = "shipway.toml") -> str:
    """`item` is {"address", "name", "roles"} without what is not said. Raises WrongInput (code config-form) with the line to write."""
    path: Path = ("environment", environment, "hosts")
    lines = scan(text)
    span = lines.spans.get(path)
    written = _into_list(text, lines, path, span, item) if span is not None else _as_table(text, lines, path, item)
    if not _holds(text, written, environment, item):
        raise WrongInput(
            f"the hosts of {environment} are written in {name} in a way that another one cannot be put into",
            state="nothing was touched",
            hint=f"write it yourself among them: {_table(item)}; commit, then shipway setup {environment} and shipway deploy {environment}",
            code="config-form",
        )
    return written


def _into_list(text: str, lines: Lines, path: Path, span: tuple[int, int], item: Item) -> str:
    count = sum(1 for one in lines.spans if len(one) == len(path) + 1 and one[:-1] == path)
    if not count:
        return text
    first, end = lines.spans[(*path, count - 1)]
    new = _table(item) if text[first] == "{" or len(item) > 1 else json.dumps(item["address"])
    comma = _COMMA.match(text, end)
    begin = text.rfind("\n", 0, first) + 1
    indent = text[begin:first]
    if indent.strip() or begin <= span[0]:
        return f"{text[: comma.end()]} {new}{text[comma.end() :]}" if comma else f"{text[:end]}, {new}{text[end:]}"
    behind = comma.end() if comma else end
    rest = _REST_OF_LINE.match(text, behind)
    at = rest.end() if rest and "]" not in rest[0].split("#")[0] else behind
    break_ = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:end]}{'' if comma else ','}{text[end:at]}{break_}{indent}{new},{text[at:]}"


def _as_table(text: str, lines: Lines, path: Path, item: Item) -> str:
    """Behind the last `[[environment.NAME.hosts]]`, and in front of what comes next with its comments."""
    numbers = [line for one, line in lines.at.items() if len(one) == len(path) + 1 and one[:-1] == path]
    if not numbers:
        return text
    rows = text.splitlines(keepends=True)
    header = rows[max(numbers) - 1]
    at = next((index for index in range(max(numbers), len(rows)) if rows[index].lstrip().startswith("[")), len(rows))
    while at > max(numbers) and (not rows[at - 1].strip() or rows[at - 1].lstrip().startswith("#")):
        at -= 1
    break_ = "\r\n" if "\r\n" in text else "\n"
    indent = header[: len(header) - len(header.lstrip())]
    before = rows[at - 1] if rows[at - 1].endswith("\n") else rows[at - 1] + break_
    block = [break_, f"{header.rstrip()}{break_}", *(f"{indent}{key} = {json.dumps(value)}{break_}" for key, value in item.items())]
    return "".join([*rows[: at - 1], before, *block, *rows[at:]])


def _holds(before: str, after: str, environment: str, item: Item) -> bool:
    """Whether the one differs from the other by exactly this host, at the end."""
    try:
        was, now = tomllib.loads(before.replace("\r\n", "\n")), tomllib.loads(after.replace("\r\n", "\n"))
        wanted: dict[str, Any] = copy.deepcopy(was)
        hosts = wanted["environment"][environment]["hosts"]
        added = now["environment"][environment]["hosts"][-1]
    except (ValueError, KeyError, IndexError, TypeError):
        return False
    hosts.append(added)
    return now == wanted and (added == dict(item) or (len(item) == 1 and added == item["address"]))


def _table(item: Item) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in item.items()) + " }"
