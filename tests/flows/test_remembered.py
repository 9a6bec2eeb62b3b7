"""What was resolved once is read back as it was, as long as nothing that it follows from has changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shipway.config.resolve import resolve
from shipway.flows.remembered import FOLDER, KEPT, plain, resolved, whole
from shipway.model.errors import WrongInput
from shipway.model.intent import Intent
from tests.stories.project import ROOT

TEXT = b"""
app = "shop"
shared = ["media"]
[build]
run = ["make", ["npm", "ci"]]
outputs = ["public"]
[process.web]
run = ["serve", "$PORT"]
health = { path = "/up", contains = "ok" }
env = { DEBUG = "0" }
[[task]]
name = "migrate"
phase = "activate"
once = true
run = "migrate"
[[task]]
name = "tidy"
run = "tidy"
schedule = "5 4 * * *"
[environment.live]
hosts = [{ name = "a", address = "deploy@10.0.0.1", roles = ["web"] }, "deploy@10.0.0.2"]
notify = [{ command = "tell", on = ["failure"] }]
env = { TOKEN = { command = "pass token" } }
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "shipway" / FOLDER


def asked(text: bytes = TEXT, directory: str = "server") -> Intent:
    return resolved(text, text, "live", directory=directory, name="shipway.toml")


def test_it_is_the_same_intent(cache: Path) -> None:
    wanted = resolve(TEXT, TEXT, "live", directory="server", name="shipway.toml")
    assert whole(plain(wanted)) == wanted
    assert asked() == wanted
    assert len(list(cache.iterdir())) == 1
    assert asked() == wanted
    assert [path.stat().st_mode & 0o777 for path in cache.iterdir()] == [0o600]


def test_another_word_or_another_byte_is_another_intent(cache: Path) -> None:
    asked()
    assert asked(TEXT.replace(b"5 4", b"5 5")).shipment.jobs[0].schedule == "5 5 * * *"
    assert asked(directory="other").subdirectory == "other"
    assert len(list(cache.iterdir())) == 3


def test_what_is_only_for_messages_makes_no_other_intent(cache: Path) -> None:
    for commit in ("", "1" * 40, "2" * 40):
        for name in ("shipway.toml", "server/shipway.toml"):
            resolved(TEXT, TEXT, "live", directory="server", name=name, commit=commit)
    assert len(list(cache.iterdir())) == 1


def test_who_ships_an_old_commit_has_resolved_for_who_ships_none(cache: Path) -> None:
    old = TEXT.replace(b"5 4", b"5 5")
    resolved(TEXT, old, "live", directory="server", name="shipway.toml", commit="1" * 40)
    known = set(cache.iterdir())
    assert asked().shipment.jobs[0].schedule == "5 4 * * *"
    assert set(cache.iterdir()) == known


def test_encrypted_secrets_come_on_top_and_may_not_be_there_twice(cache: Path) -> None:
    sealed = {"KEY": ".shipway-secrets/live/KEY.age"}
    wanted = resolve(TEXT, TEXT, "live", directory="server", name="shipway.toml", sealed=sealed)
    for _ in range(2):
        assert resolved(TEXT, TEXT, "live", directory="server", name="shipway.toml", sealed=sealed) == wanted
        with pytest.raises(WrongInput, match="1 fault"):
            resolved(TEXT, TEXT, "live", directory="server", name="shipway.toml", sealed={"TOKEN": "TOKEN.age"})
    assert len(list(cache.iterdir())) == 1
    assert list(wanted.environment.env) == ["TOKEN", "KEY"]


@pytest.mark.parametrize("content", [b"", b"[]", b'["Intent"]', b'["os", 1]', b'["Host", "a", "b"]', b"\xff"])
def test_what_cannot_be_read_back_is_resolved_anew(cache: Path, content: bytes) -> None:
    wanted = asked()
    (known,) = cache.iterdir()
    known.write_bytes(content)
    assert asked() == wanted
    assert known.read_bytes() != content


def test_what_is_wrong_is_wrong_each_time_and_never_kept(cache: Path) -> None:
    for _ in range(2):
        with pytest.raises(WrongInput):
            asked(TEXT + b"\n[proces.web]\nrun = 'x'\n")
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_none(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_bytes(b"a file in its place")
    assert asked() == asked()


def test_only_the_newest_stay(cache: Path) -> None:
    cache.mkdir(parents=True)
    for number in range(KEPT + 5):
        (cache / f"{number}.json").write_bytes(b"")
    asked()
    assert len(list(cache.glob("*.json"))) == KEPT


LATE = ("pydantic", "rich", "zipfile", "tarfile", "http", "urllib.request", "email", "html", "statistics", "tomllib", "importlib.metadata")
"""What a command may need, and starts without: together they are half of the time that a start takes."""


@pytest.mark.parametrize("flow", ["status", "deploy", "rollback"])
def test_a_command_that_finds_it_imports_no_validation_and_nothing_that_few_need(cache: Path, flow: str) -> None:
    asked()
    program = (
        f"import sys\nfrom shipway.flows import {flow}, remembered\n"
        "text = sys.stdin.buffer.read()\n"
        "assert remembered.resolved(text, text, 'live', directory='server', name='shipway.toml').app == 'shop'\n"
        f"print(*sorted(set({LATE!r}).intersection(sys.modules)))"
    )
    env = {"XDG_CACHE_HOME": str(cache.parents[1]), "PYTHONPATH": str(ROOT / "src")}
    said = subprocess.run([sys.executable, "-c", program], input=TEXT, capture_output=True, timeout=60, check=True, env=env)
    assert said.stdout.split() == []
