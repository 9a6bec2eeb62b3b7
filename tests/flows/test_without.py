"""Names of hosts to leave out, and the intent without them; every name that is none is told at once."""

from __future__ import annotations

import pytest

from shipway.flows.without import behind, leave_out, only_left_out, or_without
from shipway.model.errors import HostError, Unreachable, WrongInput
from shipway.model.intent import Intent
from shipway.plan.deploy import plan_deploy
from tests.plan.fleet import CADDIES, KEY, WHO, facts, intent, release, serving

WANTED = intent(("a", "b", "c"))


def names(wanted: Intent) -> tuple[list[str], list[str]]:
    return [host.name for host in wanted.environment.hosts], [host.name for host in wanted.environment.without]


def test_who_is_named_is_set_aside_and_nobody_else() -> None:
    assert names(leave_out(WANTED, ("c", "a", "c"))) == (["b"], ["a", "c"])
    assert names(leave_out(WANTED, ())) == (["a", "b", "c"], [])
    assert names(only_left_out(leave_out(WANTED, ("c",)))) == (["c"], [])


def test_every_name_of_no_host_is_told_with_the_nearest() -> None:
    with pytest.raises(WrongInput) as raised:
        leave_out(WANTED, ("aa", "b", "zebra"))
    assert raised.value.exit_code == 2
    assert raised.value.details == ("there is no host 'aa'; the nearest is a", "there is no host 'zebra'")
    assert raised.value.hint == "shipway status production shows its hosts: a, b, c"


def test_somebody_must_be_left() -> None:
    with pytest.raises(WrongInput, match="no host of production is left"):
        leave_out(WANTED, ("a", "b", "c"))


def test_the_other_way_out_names_all_that_cannot_be_reached_as_words_to_type() -> None:
    errors: dict[str, HostError] = {name: Unreachable(name, "unreachable", "no route") for name in "cb"}
    assert or_without(errors, 1).endswith("the same command again --without b --without c")
    assert or_without(errors, 0) == "", "without all of them nobody is left"


@pytest.mark.parametrize(
    ("serves", "says"),
    [
        (None, "c cannot be reached and is behind: back again, it serves what it served before"),
        (1, "c answers and goes on serving 1.1 (generation 1): who reaches it sees that"),
        (2, "c answers and serves this release already, as generation 2"),
        (0, "c answers and serves nothing"),
    ],
)
def test_the_verdict_says_what_a_host_that_was_left_out_does_now(serves: int | None, says: str) -> None:
    without = leave_out(WANTED, ("c",))
    said = facts(serving(WANTED, [release(1)]))
    plan = plan_deploy(
        without,
        release(2),
        {name: said[name] for name in "ab"},
        deployment="2-x",
        who=WHO,
        number=2,
        caddies=CADDIES,
        peer_key=KEY,
    )
    there = None if serves is None else facts(serving(WANTED, [release(n) for n in range(1, serves + 1)]))["c"]
    error = behind("1.2 is live on a, b", plan, {"c": there})
    assert (error.exit_code, error.code, error.state) == (4, "left-out", says)
    assert (
        error.hint == f"shipway deploy production --ref {release(2).source.commit[:12]} brings c up to date, as soon as it can be reached"
    )
