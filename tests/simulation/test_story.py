"""A story is the same each time it is told, wall clocks change nothing in it, and a bug planted in the rules is seen by stories alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.simulation.__main__ import main
from tests.simulation.history import words
from tests.simulation.mutants import MUTANTS
from tests.simulation.seeds import first_broken, keep_every_promise
from tests.simulation.standing import standing
from tests.simulation.story import tell, write

SEEDS_FOR_A_BUG = 300


@pytest.fixture(autouse=True)
def nothing_stands_yet() -> Iterator[None]:
    """What a planted bug deploys first is no other test's."""
    standing.cache_clear()
    yield
    standing.cache_clear()


RARE = {"a late tell is taken after a higher number": 1000, "a driver lets go of what it does not know the end of": 7462}
"""Bugs that few stories show, and the seed from which to look for them."""


def test_the_first_stories_break_no_promise() -> None:
    keep_every_promise(range(10_000, 10_200))


def test_stories_are_of_every_kind() -> None:
    """What is never drawn proves nothing."""
    stories = [write(seed) for seed in range(1000)]
    assert {len(story.hosts) for story in stories} == {1, 2, 3, 4, 5}
    assert {len(story.acts) for story in stories} == {1, 2, 3}
    assert {act.shape.kind for story in stories for act in story.acts} == {"deploy", "rollback", "prepare", "resume", "abort"}
    befallen = {trouble.what for story in stories for trouble in (*story.troubles, *(t for act in story.acts for t in act.troubles))}
    assert {"reboot", "lead", "daemon", "agents", "disk", "operator", "deaf", "mute", "peers", "deaf peer", "lead apart"} == befallen
    ended = [line.data["verdict"] for seed in range(150) for line in tell(seed).history if line.what == "ended"]
    assert {"live", "undone", "died", "prepared", "settled", "unchanged", "unsettled: behind", "unsettled: lead-silent"} <= set(ended)
    assert {"refused: unreachable", "refused: lease-held"} <= set(ended)


def test_a_story_is_the_same_to_the_letter_in_another_process() -> None:
    told = [f"{line}\n" for seed in (3, 5, 8) for line in words(tell(seed).history)]
    code = (
        "from tests.simulation.story import tell; from tests.simulation.history import words\n"
        "for seed in (3, 5, 8):\n    for line in words(tell(seed).history): print(line)"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert again.stdout == "".join(told)


@pytest.mark.parametrize("seed", range(12))
def test_wall_clocks_years_off_and_jumping_change_nothing(seed: int) -> None:
    story = write(seed)
    steady = replace(story, wall_seconds=0.0, jumps=())
    assert list(words(tell(story).history)) == list(words(tell(steady).history))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_planted_bug_is_seen_within_the_first_stories(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    begin = RARE.get(mutant, 0)
    assert first_broken(range(begin, begin + SEEDS_FOR_A_BUG)) is not None, f"nobody noticed: {mutant}"


def test_a_seed_is_told_again_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["5", "--trace"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("seed 5: hosts ")
    assert "serves" in said and said.rstrip().endswith("lines of history") and "no promises broken" in said


def test_a_broken_promise_is_told_with_the_command_that_shows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    MUTANTS["commit before verify"](monkeypatch)
    with pytest.raises(AssertionError, match=r"python -m tests.simulation \d+ --trace"):
        keep_every_promise(range(20))
    assert main(["--seeds", "0..4"]) == 1
    assert "python -m tests.simulation 0 --trace" in capsys.readouterr().out
