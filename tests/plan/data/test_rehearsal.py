"""Which host starts an earlier release beside what serves: none where that would find live data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shipway.model.errors import Refused
from shipway.model.intent import Data, Intent
from shipway.plan.data.rehearsal import copied_for
from shipway.plan.target import Target
from tests.plan.fleet import facts, host, intent, release, serving

MAIN, STOCK = Data("main", "postgres", url="DATABASE_URL"), Data("stock", "postgres", url="STOCK_URL")
UPLOADS = Data("uploads", "files", path="media")
ENV = {"DATABASE_URL": "postgres://db/shop", "STOCK_URL": "postgres://db/stock"}


def wanted(*data: Data, env: dict[str, str] = ENV, roles: dict[str, tuple[str, ...]] | None = None) -> Intent:
    made = intent(("a", "b"), data=data, env=env)
    return replace(made, environment=replace(made.environment, hosts=tuple(host(name, (roles or {}).get(name, ())) for name in "ab")))


def asked(then: Intent, now: Intent | None = None, points: set[str] | None = None) -> tuple[str, list[str]]:
    """Of a fleet that served `then` and serves `now`."""
    now = now or then
    before, after = (serving(one, [release(1), release(2)]) for one in (then, now))
    for name, said in after.items():
        said["generations"]["1"] = before[name]["generations"]["1"]
    there = facts(after)
    found, copied = copied_for(now, there, Target(1, there["a"].generations[1]), points)
    return found, [data.name for data in copied]


def refused(*args: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as raised:
        asked(*args, **more)
    return raised.value


def test_every_database_is_copied_and_files_are_not() -> None:
    assert asked(wanted(MAIN, STOCK, UPLOADS)) == ("a", ["main", "stock"])
    assert asked(wanted(MAIN, STOCK, UPLOADS), points={"main", "stock"}) == ("a", ["main", "stock"])


def test_with_points_a_database_that_has_none_would_be_the_live_one() -> None:
    found = refused(wanted(MAIN, STOCK), points={"main"})
    assert found.code == "no-point-then"
    assert "no restore point of stock from then" in found.message


def test_what_another_host_keeps_cannot_be_copied() -> None:
    found = refused(wanted(MAIN, replace(STOCK, roles=("db",)), roles={"a": ("web",), "b": ("db",)}))
    assert (found.code, *found.details) == ("cannot-check", "stock: its restore points are kept by b, and not by a")


def test_what_is_declared_no_more_is_copied_by_nobody() -> None:
    assert "stock: shipway.toml does not declare it any more" in refused(wanted(MAIN, STOCK), wanted(MAIN)).details


def test_what_had_another_name_then_is_known_where_it_was_declared() -> None:
    other = wanted(Data("main", "postgres", url="PG_URL"), env={"PG_URL": "postgres://db/shop"})
    assert asked(other, wanted(MAIN)) == ("a", ["main"])
    undeclared = wanted(env={"PG_URL": "postgres://db/shop"})
    assert refused(undeclared, wanted(MAIN)).code == "cannot-check"
    assert asked(wanted(), wanted(MAIN)) == ("a", ["main"]), "its variable had the name that it has"


def test_what_is_new_since_is_not_needed() -> None:
    only = {"DATABASE_URL": "postgres://db/shop"}
    elsewhere = replace(STOCK, roles=("db",))
    then, now = (wanted(*data, env=env, roles={"a": ("web",), "b": ("db",)}) for data, env in (((MAIN,), only), ((MAIN, elsewhere), ENV)))
    assert asked(then, now) == ("a", ["main"])
    assert asked(then, now, {"main"}) == ("a", ["main"])


def test_a_variable_that_only_the_points_are_made_with_tells_nothing_of_the_release() -> None:
    own = wanted(replace(MAIN, env={"DATABASE_URL": "postgres://db/shop"}), env={})
    assert "main: it has no variable DATABASE_URL" in refused(own).details[0]
