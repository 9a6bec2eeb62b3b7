"""Round trips are few, and no more of them for more files and more steps: counted by a real driver with real agents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.stories.shop import Shop

TASK = '\n[[task]]\nname = "{name}"\nphase = "{phase}"\nrun = "echo {name}"\n'
FEW = TASK.format(name="announce", phase="activate")
MANY = FEW + "".join(TASK.format(name=f"make{number}", phase="prepare") for number in range(5)) + TASK.format(name="tell", phase="activate")

ALONE = {"begin": 2, "ship": 2, "prepare": 1, "switch": 1, "commit": 1, "finish": 1}
"""A fleet of one: facts, and a lease with facts; what it lacks, and that; all up to the switch; switch and proof; the decision; the end."""

TOGETHER = {"begin": 2, "ship": 2, "prepare": 1, "activate": 1, "start": 1, "switch": 1, "verify": 1, "commit": 1, "finish": 1}
"""Of each of several hosts: between two phases there is a barrier."""


@pytest.mark.parametrize(("names", "wanted"), [(("a",), ALONE), (("a", "b"), TOGETHER)], ids=["one host", "two hosts"])
def test_many_files_and_many_steps_take_no_more_exchanges(place: Path, names: tuple[str, ...], wanted: Mapping[str, int]) -> None:
    shop = Shop(place, names, settings=FEW)
    shop.project.deploy("v1")
    assert exchanges(shop) == {name: {**wanted, "ship": 3} for name in names}, "the first one brings Caddy as well"
    settings = (shop.repository.directory / "shipway.toml").read_text(encoding="utf-8")
    assert FEW in settings
    shop.repository.write("shipway.toml", settings.replace(FEW, MANY))
    for number in range(200):
        shop.repository.write(f"pages/{number}.txt", f"page {number}\n" * number)
    shop.repository.commit("Many files and many steps", "v6")
    shop.project.deploy("v6")
    assert exchanges(shop) == dict.fromkeys(names, wanted)
    shop.project.run("remove", "local", "--yes")


def test_migrations_are_asked_about_once_beside_the_other_questions(place: Path) -> None:
    data = '\n[data.main]\ndriver = "sqlite"\npath = "media/db.sqlite3"\n'
    shop = Shop(place, settings='\n[migrations]\nadapter = "sql"\n', after=data)
    for number in (1, 2):
        shop.repository.write(f"migrations/000{number}_table.sql", f"CREATE TABLE t{number} (a text);\n")
        shop.repository.commit("A migration", f"m{number}")
        shop.project.deploy(f"m{number}")
    assert exchanges(shop) == {"a": {**ALONE, "begin": 3}}
    assert [one["migration"] for one in shop.project.report()["migrations"]] == ["0002_table"]
    shop.project.run("remove", "local", "--yes")


def exchanges(shop: Shop) -> dict[str, Mapping[str, int]]:
    """Of the last deployment, by host and phase. There are two logins: one works, and a new one proves that the host lets people in."""
    hosts = {name: host["exchanged"] for name, host in shop.project.report()["hosts"].items()}
    assert {host["logins"] for host in hosts.values()} == {2}
    return {name: host["exchanges"] for name, host in hosts.items()}
