"""The bytes of shipway.toml and its name in, a validated document out; or one error with every fault of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Sequence
from typing import Any

from pydantic import ValidationError

from shipway.config import known, rules
from shipway.config.faults import SHOWN, Fault, path_text, shown, wrong
from shipway.config.lines import DEPTH, Lines, Path, TooDeep, scan
from shipway.config.schema import Document
from shipway.model.errors import WrongInput
from shipway_agent.record import dataclass

LARGEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid document, and where each of its keys is written."""

    document: Document
    name: str
    lines: Lines

    def error(self, faults: Collection[rules.Broken]) -> WrongInput:
        """What a later stage found wrong with it, as the error that validation would have raised."""
        return wrong(self.name, [_broken(one, self.lines) for one in faults])


def load(data: bytes | str, name: str = "shipway.toml", *, ignore: Collection[str] = ()) -> Loaded:
    """Validate the file. Top-level keys in `ignore` are not looked at. Raises WrongInput with one line a fault."""
    text = _text(data, name)
    try:
        lines = scan(text)
    except TooDeep as fault:
        raise wrong(name, [Fault(fault.line, (), f"nests deeper than {DEPTH} levels")]) from None
    raw = {key: value for key, value in _parse(text, name, lines).items() if key not in ignore}
    document, faults = _validate(raw, lines)
    if document is None or faults:
        raise wrong(name, faults)
    return Loaded(document, name, lines)


def _text(data: bytes | str, name: str) -> str:
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    if len(data) > LARGEST_BYTES:
        raise wrong(name, [Fault(1, (), f"is {len(data) / 1e6:,.1f} MB long; a configuration has at most {LARGEST_BYTES >> 20} MB")])
    if data.startswith(b"\xef\xbb\xbf"):
        raise wrong(name, [Fault(1, (), "starts with a byte order mark; save it as UTF-8 without one")])
    if b"\0" in data:
        raise wrong(name, [Fault(_line(data, data.index(b"\0")), (), "holds a NUL byte; is it a text file?")])
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as fault:
        sentence = f"is not UTF-8: byte 0x{data[fault.start]:02x} may not stand here"
        raise wrong(name, [Fault(_line(data, fault.start), (), sentence)]) from None


def _line(data: bytes, place: int) -> int:
    return data[:place].count(b"\n") + 1


def _parse(text: str, name: str, lines: Lines) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as fault:
        if lines.twice:
            tables = {twice.path for twice in lines.twice}
            outer = [twice for twice in lines.twice if not any(twice.path[:depth] in tables for depth in range(len(twice.path)))]
            raise wrong(name, [Fault(one.again, one.path, f"is written twice; first on line {one.first}") for one in outer]) from None
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(fault))
        if place is None:
            raise wrong(name, [Fault(1, (), f"is not TOML: {fault}")]) from None
        line = int(place[1]) if place[1] else text.count("\n") + 1
        column = f" at column {place[2]}" if place[2] else " at the end of the file"
        raise wrong(name, [Fault(line, (), f"is not TOML: {str(fault)[: place.start()]}{column}")]) from None


def _validate(raw: dict[str, Any], lines: Lines) -> tuple[Document | None, list[Fault]]:
    """The document and all faults: of single values first, then, with the faulty values cut out, of how the rest fits together."""
    faults: list[Fault] = []
    pruned = _Pruned(raw)
    document: Document | None
    try:
        document = Document.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        faults = _faults(problems, lines)
        document = pruned.document(problems)
    if document is not None:
        named = {fault.path for fault in faults}
        broken = [*rules.clashes(document), *([] if faults else rules.gaps(document))]
        in_file = [one._replace(path=pruned.written(one.path), other=pruned.written(one.other)) for one in broken]
        faults += [_broken(one, lines) for one in in_file if one.path not in named]
    return document, faults


def _broken(one: rules.Broken, lines: Lines) -> Fault:
    return Fault(lines.of(one.path), one.path, one.sentence.replace("{other}", path_text(one.other)))


def _faults(problems: Sequence[Any], lines: Lines) -> list[Fault]:
    """Sentences only for what can be among the first: the search for the nearest name takes time."""
    blank = [Fault(lines.of(_path(problem)), _path(problem), "") for problem in problems]
    ordered = sorted(zip(blank, problems), key=lambda pair: pair[0].place)
    return [_fault(problem, lines) for _, problem in ordered[:SHOWN]] + [fault for fault, _ in ordered[SHOWN:]]


def _path(problem: Any) -> Path:
    path: Path = tuple(problem["loc"])
    return path[:-1] if path[-1:] == ("[key]",) else path


def _fault(problem: Any, lines: Lines) -> Fault:
    """One problem of pydantic's as a sentence of ours."""
    path = _path(problem)
    found = shown(problem["input"], secret=_is_secret(path))
    if path != tuple(problem["loc"]):
        return Fault(lines.of(path), path, f"{problem['ctx']['sentence']}, found {shown(path[-1])}")
    match problem["type"]:
        case "form":
            sentence = f"{problem['ctx']['sentence']}, found {found}"
        case "missing":
            sentence = f"is missing; should be {known.expectation(path)}"
        case "extra_forbidden":
            sentence = known.unknown(path)
        case "list_type":
            sentence = f"should be a list, found {found}"
        case "too_short":
            sentence = "should be a list of at least one, found an empty list"
        case _:
            sentence = f"should be a table, found {found}"
    return Fault(lines.of(path), path, sentence)


def _is_secret(path: Path) -> bool:
    """Values of an environment, and everything that says where notifications go."""
    return "env" in path[:-1] or (path[2:3] == ("notify",) and path[4:5] in (("webhook",), ("email",), ("command",)))


class _Pruned:
    """A document without its faulty values, so that the rest can still be checked. `written` gives back the file's own indices."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.whole = raw
        self.raw = raw
        self.kept: dict[Path, list[int]] = {}

    def document(self, problems: Any) -> Document | None:
        """The rest as a document; None when too much of it is faulty."""
        for _ in range(8):
            self.raw = self._cut(self.raw, (), {self._culprit(problem) for problem in problems})
            try:
                return Document.model_validate({"app": "unknown", **self.raw})
            except ValidationError as error:
                problems = error.errors(include_url=False)
        return None

    def written(self, path: Path) -> Path:
        """The path in the file of a path in the pruned document."""
        full: Path = ()
        for part in path:
            kept = self.kept.get(full)
            full = (*full, kept[part] if kept is not None and isinstance(part, int) and part < len(kept) else part)
        return full

    def _culprit(self, problem: Any) -> Path:
        """What to cut: the faulty value; where a string stands for a table, the string; where a key is missing, the table."""
        path = self.written(tuple(problem["loc"]))
        if problem["type"] == "missing" or path[-1:] == ("[key]",):
            path = path[:-1]
        value: Any = self.whole
        for depth, part in enumerate(path):
            if not isinstance(value, dict | list):
                return path[:depth]
            value = value[part] if isinstance(value, dict) else value[int(part)]
        return path

    def _cut(self, value: Any, path: Path, culprits: set[Path]) -> Any:
        if isinstance(value, dict):
            return {k: self._cut(v, (*path, k), culprits) for k, v in value.items() if (*path, k) not in culprits}
        if isinstance(value, list):
            kept = self.kept.get(path, list(range(len(value))))
            rest = [(index, item) for index, item in zip(kept, value, strict=True) if (*path, index) not in culprits]
            self.kept[path] = [index for index, _ in rest]
            return [self._cut(item, (*path, index), culprits) for index, item in rest]
        return value
