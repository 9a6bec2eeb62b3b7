"""The benchmark of restore points measures every kind of data beside a plain program, and says on what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.data import main
from tests.databases import postgres_is_there


@pytest.mark.slow
@pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))
def test_every_kind_of_data_is_measured_beside_a_plain_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "1000", "--times", "1", "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(one["what"], one["plain"]) for one in found["lines"]] == [
        ("PostgreSQL: a restore point", "pg_dump -Fc"),
        ("PostgreSQL: restored beside it, every row compared", "pg_restore -j"),
        ("a copy of it in another directory, read back", "cp"),
        ("SQLite: a restore point", "its backup interface"),
        ("SQLite: put back, what was there kept", "its backup interface"),
        ("10 files: the first restore point", "cp -a"),
        ("10 files: the next, 1 % changed", "cp -a"),
    ]
    assert all(one["shipway_seconds"] > 0 and one["plain_seconds"] > 0 and one["bytes"] > 0 for one in found["lines"])
    assert {"machine", "load before", "load after"} <= set(found["about"])
    assert len(capsys.readouterr().out.splitlines()) == 4 + len(found["lines"])
