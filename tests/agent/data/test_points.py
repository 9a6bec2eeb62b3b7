"""Points are complete under their name or not there; the oldest go, but never one that may be needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shipway_agent.data import points
from shipway_agent.errors import AgentError
from shipway_agent.primitives.data import take
from shipway_agent.record import replace
from tests.agent.data.kept import Kept, of

FILES = of("files", path="media", keep=2)
ROOT = Path(__file__).parents[3]

SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from shipway_agent.data import files
from tests.agent.data.kept import kept, of
copied = files._copied
def slowly(*words, **more):
    print("copies", flush=True)
    time.sleep(60)
    return copied(*words, **more)
files._copied = slowly
with kept(Path(sys.argv[1])) as home:
    home.take(of("files", path="media"))
"""


@pytest.fixture
def home(home: Kept) -> Kept:
    (home.path / "shared/media").mkdir(parents=True)
    (home.path / "shared/media/a.txt").write_text("one")
    return home


def test_what_is_more_than_wanted_goes_and_what_a_generation_may_need_stays(home: Kept) -> None:
    (home.path / "generations/000007").mkdir(parents=True)
    needed = home.take(FILES, for_number=7)["point"]
    others = [home.take(FILES)["point"] for _ in range(4)]
    assert home.names(FILES) == [needed, *others[-2:]] == sorted(home.files(FILES), key=home.names(FILES).index)
    (home.path / "generations/000007").rmdir()
    assert needed in home.take(FILES)["removed"]


def test_what_is_older_than_wanted_goes_but_never_the_newest(home: Kept) -> None:
    old = replace(FILES, keep=9, keep_days=0.0)
    first, second = home.take(old)["point"], home.take(old)["point"]
    assert first not in home.names(FILES)
    assert home.names(FILES) == [second]


def test_what_is_to_be_put_back_is_not_pushed_out_by_the_point_that_is_taken_first(home: Kept) -> None:
    wanted, *_ = [home.take(FILES)["point"] for _ in range(2)]
    assert home.take(FILES, spare=[wanted])["removed"] == []
    assert wanted in home.names(FILES)
    assert wanted in home.take(FILES)["removed"]


def test_the_step_spares_what_the_plan_names(home: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shipway_agent.primitives.data.declared", lambda *_: FILES)
    wanted, *_ = [home.take(FILES)["point"] for _ in range(2)]
    for more in ({}, {"why": "before contract migrations"}):
        asked = {"generation": 1, "name": "main", "timeout_seconds": 60.0, "spare": [wanted], **more}
        assert wanted not in take(home.context("point:main"), asked)["removed"]
    assert wanted in home.names(FILES)


def test_what_somebody_has_open_stays_until_he_is_done(home: Kept) -> None:
    first, *_ = [home.take(FILES)["point"] for _ in range(2)]
    with points.opened(home.root, first), points.opened(home.root, first):
        assert home.take(FILES)["removed"] == []
        assert first in home.names(FILES)
    assert first in home.take(FILES)["removed"]
    with pytest.raises(AgentError) as said, points.opened(home.root, first):
        pass
    assert said.value.code == "no-point"


def test_a_copy_whose_agent_was_killed_is_never_listed_and_holds_up_nobody(home: Kept, tmp_path: Path) -> None:
    slow = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path), str(ROOT)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert slow.stdout is not None
        assert slow.stdout.readline() == "copies\n"
        with pytest.raises(AgentError) as said:
            home.take(FILES)
        assert said.value.code == "point-busy"
    finally:
        slow.send_signal(signal.SIGKILL)
        slow.communicate()
    assert home.names(FILES) == []
    made = home.take(FILES)["point"]
    assert home.files(FILES) == [made]


def test_a_description_that_cannot_be_read_is_told_and_never_a_good_point(home: Kept) -> None:
    made = home.take(FILES)["point"]
    (home.path / "data/main" / made / "about.json").write_text("{")
    (found,) = points.listed(home.root, "main")
    assert found["point"] == made
    assert "does not hold what was written there" in found["damaged"]
    assert home.take(FILES)["rows"] == 1


def test_a_disk_without_room_is_told_before_anything_is_written(home: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    home.take(FILES)
    free = os.statvfs(home.path).f_bavail * os.statvfs(home.path).f_frsize
    monkeypatch.setattr(points, "RESERVE_BYTES", free + 1_000_000_000)
    with pytest.raises(AgentError) as said:
        home.take(FILES)
    assert said.value.code == "disk-full"
    assert len(home.files(FILES)) == 1


def test_a_name_that_is_no_point_leads_nowhere(home: Kept) -> None:
    for name in ("main-1-2", "../main-1-2", "main", ""):
        with pytest.raises(AgentError), points.opened(home.root, name):
            pass
