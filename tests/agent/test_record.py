"""Records are dataclasses to whoever asks, and cost a session none of the import of `dataclasses`."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from shipway.transports.bundle import bundle
from shipway_agent.record import asdict, astuple, dataclass, field, replace


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 2
    tags: tuple[str, ...] = ()


@dataclass
class Way:
    start: Point
    ends: list[Point] = field(default_factory=list)
    secret: str = field(default="s", repr=False)
    long: int = 0

    def __post_init__(self) -> None:
        self.long = len(self.ends)


@dataclass(eq=False)
class Place:
    name: str


def test_values_come_in_order_and_by_name_with_their_defaults() -> None:
    assert (Point(1).x, Point(1).y, Point(y=3, x=1).y) == (1, 2, 3)
    assert Way(Point(1)).ends is not Way(Point(1)).ends
    assert Way(Point(1), [Point(2)]).long == 1
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]  # that is what is tried
    with pytest.raises(TypeError):
        Point(1, z=1)  # type: ignore[call-arg]


def test_equal_values_are_equal_records_and_have_one_hash() -> None:
    assert Point(1) == Point(1, 2)
    assert Point(1) != Point(2)
    assert len({Point(1), Point(1, 2), Point(2)}) == 2
    assert Way(Point(1)) == Way(Point(1))
    with pytest.raises(TypeError):
        hash(Way(Point(1)))
    one = Place("a")
    assert one != Place("a")
    assert len({one, Place("a")}) == 2


def test_what_is_frozen_stays() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert replace(point, x=5) == Point(5)
    assert point.x == 1


def test_they_are_shown_without_what_is_not_to_be_seen() -> None:
    assert repr(Way(Point(1))) == "Way(start=Point(x=1, y=2, tags=()), ends=[], long=0)"


def test_their_values_are_plain() -> None:
    way = Way(Point(1), [Point(2)])
    assert asdict(way) == {"start": {"x": 1, "y": 2, "tags": ()}, "ends": [{"x": 2, "y": 2, "tags": ()}], "secret": "s", "long": 1}
    assert astuple(Point(1, 2, ("a",))) == (1, 2, ("a",))


def test_the_functions_of_dataclasses_take_them() -> None:
    assert dataclasses.is_dataclass(Point)
    assert [one.name for one in dataclasses.fields(Point)] == ["x", "y", "tags"]
    assert dataclasses.replace(Point(1), y=7) == Point(1, 7)
    assert dataclasses.asdict(Point(1)) == asdict(Point(1))


def test_a_session_reads_few_modules_before_it_answers(tmp_path: Any) -> None:
    """What status asks; a deployment's first lists of steps bring a little more."""
    read = modules_of(tmp_path, "import shipway_agent.session; from shipway_agent.primitives import facts")
    assert {name: why for name, why in COSTLY.items() if name in read} == {}


def test_nor_does_one_that_takes_steps(tmp_path: Any) -> None:
    """All that a rollback does, and a deployment but for its tasks, which subprocess runs."""
    primitives = "facts, generations, lack, member, parcels, peers, processes, prove, reboot, switch, trees"
    read = modules_of(tmp_path, f"import shipway_agent.session, shipway_agent.steps; from shipway_agent.primitives import {primitives}")
    assert {name: why for name, why in COSTLY.items() if name in read} == {}


COSTLY = {
    "typing": "a hundred classes, and regular expressions",
    "re": "enum, and the patterns of each module",
    "enum": "itself, and for each module its enumerations",
    "json": "regular expressions",
    "signal": "enumerations of all its names",
    "socket": "enumerations of all its names",
    "selectors": "only who answers other hosts waits for many",
    "datetime": "2 ms, and no table of ours holds dates",
    "base64": "regular expressions",
    "dataclasses": "inspect, ast and dis",
    "importlib": "warnings",
    "hashlib": "OpenSSL",
    "hmac": "OpenSSL",
    "http.client": "email and ssl",
    "subprocess": "locale, and regular expressions",
    "shlex": "regular expressions",
    "concurrent.futures": "logging",
    "urllib.parse": "ipaddress",
    "ctypes": "a library",
    "secrets": "random",
    "platform": "regular expressions",
    "html": "a table of 2,231 entities",
    "zipfile": "all compressors",
    "shipway_agent.daemon": "everything that only a supervisor does",
    "shipway_agent.lead": "what only a supervisor answers",
}


def modules_of(tmp_path: Any, program: str) -> set[str]:
    """What is loaded once the agent's file has run a program."""
    agent = tmp_path / f"{bundle().hash}.pyz"
    agent.write_bytes(bundle().data)
    program = f"import sys; sys.path.insert(0, sys.argv[1])\nimport shipway_agent.__main__\n{program}\nprint(*sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-I", "-S", "-c", program, str(agent)], capture_output=True, text=True, timeout=30, check=True)
    return set(said.stdout.split())


def test_nor_does_one_that_feeds_others(tmp_path: Any) -> None:
    program = (
        "import shipway_agent.session, shipway_agent.feed.feed, shipway_agent.feed.give, shipway_agent.feed.take, shipway_agent.feed.store"
    )
    read = modules_of(tmp_path, program)
    assert not read & {"dataclasses", "inspect", "typing", "json", "hashlib", "subprocess", "asyncio", "logging"}
