"""Small files with one subject, each of which says what goes in and what comes out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "demo", "docs", "bench")
LONGEST = 650
LONG = 350
BANNED = re.compile(r"(manager|helper|util|handler)s?$", re.IGNORECASE)


def files(*folders: str) -> list[Path]:
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.py") if "sources" not in file.parts]
    return [file for file in sorted(found) if file.read_text(encoding="utf-8").strip()]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_begins_with_what_it_is(folder: str) -> None:
    silent = [str(file.relative_to(ROOT)) for file in files(folder) if not file.read_text(encoding="utf-8").startswith('"""')]
    assert not silent


def test_files_stay_short() -> None:
    lengths = sorted(
        ((len(file.read_text(encoding="utf-8").splitlines()), str(file.relative_to(ROOT))) for file in files("src")), reverse=True
    )
    middle = lengths[len(lengths) // 2][0]
    print(f"\n{len(lengths)} files, median {middle} lines, longest {lengths[0][0]}")
    for length, name in lengths:
        if length > LONG:
            print(f"  {length:5} {name}")
    assert [name for length, name in lengths if length > LONGEST] == []
    assert middle <= 120


def test_names_say_what_a_thing_is() -> None:
    wrong = []
    for file in files("src"):
        classes = [node.name for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)]
        wrong += [f"{file.relative_to(ROOT)}: {name}" for name in [file.stem, *classes] if BANNED.search(name)]
    assert not wrong
