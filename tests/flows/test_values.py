"""An intent with references in, the same with values out; what cannot be had is named all at once, and never what was found."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from shipway.execute.telling import Tell
from shipway.flows.values import with_values
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.intent import Env, Intent, Process, Reference, Task
from shipway.plan.documents import env_document
from tests.plan.fleet import intent


def wanted(app: Env, here: Env, web: Env, migrate: Env) -> Intent:
    return intent(processes=(Process("web", "serve", env=web),), tasks=(Task("migrate", "migrate", env=migrate),), app_env=app, env=here)


def filled(one: Intent, directory: Path, heard: list[Event] | None = None) -> dict[str, Any]:
    """env.json as the hosts get it."""
    tell = Tell((heard if heard is not None else []).append, lambda: 0.0)
    made = asyncio.run(with_values(one, directory, tell))
    return env_document(made, made.environment.hosts[0])


def test_values_stand_where_references_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "from here")
    one = wanted(
        {"A": "plain", "B": Reference(("echo", "printed"))},
        {"C": Reference(variable="MINE")},
        {"B": Reference("echo of web")},
        {"D": Reference(("echo", "printed"))},
    )
    heard: list[Event] = []
    assert filled(one, tmp_path, heard) == {
        "common": {"A": "plain", "B": "printed", "C": "from here"},
        "process": {"web": {"B": "of web"}},
        "task": {"migrate": {"D": "printed"}},
    }
    assert [event.data["message"] for event in heard] == ["2 commands are asked for secrets, for at most 30 s"]
    assert "printed" not in repr(heard)


def test_a_command_that_is_named_twice_runs_once_and_one_that_is_replaced_never(tmp_path: Path) -> None:
    counts = Reference("echo x >> runs; cat runs | wc -l")
    never = Reference("touch never; echo x")
    found = filled(wanted({"A": counts, "N": never}, {"N": "plain"}, {"A": counts}, {}), tmp_path)
    assert found["common"] == {"A": "1", "N": "plain"} and found["process"] == {"web": {"A": "1"}}
    assert not (tmp_path / "never").exists()


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    monkeypatch.setenv("EMPTY", "")
    one = wanted({"A": Reference("echo s3cret; exit 4")}, {"B": Reference(variable="NOWHERE")}, {"C": Reference(variable="EMPTY")}, {})
    with pytest.raises(WrongInput) as raised:
        filled(one, tmp_path)
    assert raised.value.message == "3 values of the environment cannot be had"
    assert list(raised.value.details) == [
        "A: `echo s3cret; exit 4` ended with 4",
        "B: NOWHERE is not set in your environment: export NOWHERE=…",
        "process.web.C: EMPTY of your environment is empty",
    ]


def test_an_intent_without_references_asks_nobody(tmp_path: Path) -> None:
    one = wanted({"A": "plain"}, {}, {}, {})
    assert asyncio.run(with_values(one, tmp_path, Tell(lambda event: None, lambda: 0.0))) is one
