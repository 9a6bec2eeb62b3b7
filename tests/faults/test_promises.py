"""A promise that is broken is found: made-up histories, each with one thing in it that must not be."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from load import Outcome
from load.outcome import Sample, fold
from tests.faults import promises
from tests.faults.drive import Drive
from tests.faults.forked import Forked
from tests.faults.ground import Ground, Times
from tests.faults.trial import Asked, Trial
from tests.faults.watch import Seen, Watch

BEGAN = 1000.0
DOORS = {"a": "10.0.0.2:8080", "b": "10.0.0.3:8080"}


class History(Watch):
    """What two hosts said, made up: version 1, a deployment of version 2 that is decided three seconds after it was struck at 1005."""

    def __init__(self) -> None:
        story = [
            Seen(0.0, 990.0, 1, "1", 1, 1, None, {"1-x": "committed"}),
            Seen(1003.9, 1004.0, 1, "1", 1, 2, "2-y", {"1-x": "committed", "2-y": "leased"}),
            Seen(1004.9, 1005.0, 2, "2", 2, 2, "2-y", {"1-x": "committed", "2-y": "switched"}),
            Seen(1007.9, 1008.0, 1, "1", 1, 2, None, {"1-x": "committed", "2-y": "reverted"}),
        ]
        self._seen = {"a": list(story), "b": list(story)}

    def at_rest(self, host: str, seconds: float = 0.0) -> Seen:
        return self._seen[host][-1]

    def last(self, host: str, **changes: object) -> None:
        """Change what a host says at the end."""
        self._seen[host][-1] = replace(self._seen[host][-1], **cast(Any, changes))


@dataclass
class Fleet:
    """As much of a Ground as the promises look at."""

    watch: History = field(default_factory=History)
    doors: dict[str, str] = field(default_factory=lambda: dict(DOORS))
    journals: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=lambda: ["1", "2", "-2"])
    names: tuple[str, ...] = ("a", "b")

    def told(self, host: str) -> list[str]:
        return self.lines

    def journal(self, host: str, since: float = 0.0) -> list[dict[str, Any]]:
        return self.journals


def visits(until: float = 1010.0) -> list[Sample]:
    """A visitor a tenth of a second at each door, who gets what the link leads to."""
    times = itertools.takewhile(lambda at: at < until, (BEGAN + number / 10 for number in itertools.count()))
    return [Sample(at, 0.01, "fresh", door, 200, "2" if 1005.0 <= at < 1008.0 else "1", "") for at in times for door in DOORS.values()]


def status(version: str = "1", generation: int = 1, state: str = "live", *, agrees: bool = True) -> dict[str, Any]:
    host = {"reachable": True, "generation": generation, "version": f"v{version}", "state": state}
    return {"agrees": agrees, "hosts": [{"host": name, **host} for name in DOORS]}


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """One that kept everything."""
    monkeypatch.setattr(promises, "visit", lambda door: "200 1")
    made = Trial(cast(Ground, Fleet()), tmp_path, Times(), began_at=BEGAN, struck_at=1005.0, outcome=fold(visits()))
    made.asked.append(Asked(1009.0, 1009.5, 0, status()))
    return made


def fleet(trial: Trial) -> Fleet:
    return cast(Fleet, trial.ground)


def broken(trial: Trial) -> str:
    return "\n".join(promises.broken_promises(trial))


def seen(trial: Trial, samples: list[Sample]) -> Outcome:
    trial.outcome = fold(samples)
    return trial.outcome


def test_a_history_in_which_all_is_kept_is_clean(trial: Trial) -> None:
    assert broken(trial) == ""
    assert trial.decided_seconds == 3.0


def test_hosts_that_do_not_agree(trial: Trial) -> None:
    fleet(trial).watch.last("b", link=2, version="2", current=2)
    assert "the hosts do not agree" in broken(trial)


def test_a_link_that_is_not_what_the_journal_says(trial: Trial) -> None:
    for host in DOORS:
        fleet(trial).watch.last(host, current=2)
    assert "the link is generation 1, the journal says 2" in broken(trial)


def test_a_front_door_that_answers_from_elsewhere(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promises, "visit", lambda door: "200 2")
    assert "the front door answers 200 2" in broken(trial)


def test_what_was_deployed_last_does_not_serve(trial: Trial) -> None:
    trial.head = "3"
    assert "version 3 was deployed last" in broken(trial)


def test_one_deployment_decided_both_ways(trial: Trial) -> None:
    fleet(trial).watch.last("b", stages={"2-y": "committed"})
    assert "2-y was decided both ways" in broken(trial)


def test_a_decision_that_comes_too_late(trial: Trial) -> None:
    trial.times = Times(health_seconds=0.0, confirm_seconds=0.0)
    trial.struck_at = 1002.0
    assert "decided after 6.0 s; T is 5 s" in broken(trial)


def test_a_drive_that_lives_through_its_fault_has_its_own_patience_besides(trial: Trial, tmp_path: Path) -> None:
    trial.times = Times(health_seconds=0.0, confirm_seconds=0.0)
    trial.struck_at = 1002.0
    drive = Drive(("deploy",), None, tmp_path, Forked(("--version",), tmp_path, {}, tmp_path / "out", tmp_path / "err"))
    drive.ended()
    (tmp_path / "out").write_text('{"event": "began", "deployment": "2-y"}\n')
    trial.drives.append(drive)
    assert trial.decided_seconds is None  # nothing struck it: it takes what time it takes
    trial.suffers(drive, 0.5)
    assert "decided after 6.0 s; T is 5.5 s" in broken(trial)
    trial.suffers(drive, 1.0)
    assert broken(trial) == ""


def test_a_request_that_failed(trial: Trial) -> None:
    lost = Sample(1006.0, 0.0, "fresh", DOORS["b"], 0, "", "connect: refused")
    seen(trial, [*visits(), lost])
    assert "1 of 201 requests failed" in broken(trial)
    trial.darkness.append(("b", 1005.5, 1006.5))
    assert broken(trial) == "", "nobody promised that a host without power answers"


def test_a_door_that_nobody_visited(trial: Trial) -> None:
    seen(trial, [one for one in visits() if one.address != DOORS["b"]])
    assert "nobody visited" in broken(trial)


def test_an_answer_of_a_version_that_was_not_current_then(trial: Trial) -> None:
    seen(trial, [*visits(), Sample(1009.5, 0.01, "fresh", DOORS["a"], 200, "2", "")])
    assert "a gave 1 answers of version 2 when its link was another" in broken(trial)


@pytest.mark.parametrize(
    ("at", "said", "code", "why"),
    [
        (1001.0, status("2", 2), 0, "serves generation 2"),
        (1001.0, status(state="undecided", agrees=False), 4, "is undecided; undecided was False"),
        (1006.0, status("2", 2), 0, "is live; undecided was True"),
        (1009.0, status(agrees=False), 0, "status ended with 0"),
        (1009.0, status() | {"hosts": status()["hosts"][:1]}, 0, "status named ['a']"),
        (1009.0, status() | {"hosts": [{**host, "reachable": False} for host in status()["hosts"]]}, 4, "is not reachable"),
    ],
)
def test_a_status_that_was_true_at_no_time(trial: Trial, at: float, said: dict[str, Any], code: int, why: str) -> None:
    trial.asked.insert(0, Asked(at, at + 0.2, code, said))
    assert why in broken(trial)


def test_a_status_is_held_to_the_instant_at_which_each_host_was_read(trial: Trial) -> None:
    trial.asked.insert(0, Asked(1004.5, 1008.5, 0, status()))
    assert broken(trial) == "", "from before to after all of it anything was true"
    trial.asked[0] = replace(trial.asked[0], read={"a": (1006.0, 1006.1), "b": (1008.3, 1008.4)})
    assert "status said a is live; undecided was True" in broken(trial)


def test_a_task_that_ran_twice(trial: Trial) -> None:
    fleet(trial).lines.append("2")
    assert "the task of generation 2 ran 2 times" in broken(trial)


def test_a_step_that_took_effect_twice(trial: Trial) -> None:
    fleet(trial).journals = [{"kind": "step", "deployment": "2-y", "data": {"key": "switch", "state": "done"}}] * 2
    assert "step switch of 2-y was done 2 times" in broken(trial)
