"""A host's front door: where it listens, how it is asked, and when what it no longer has is closed."""

from __future__ import annotations

from dataclasses import replace

from shipway.model.intent import Intent
from shipway.plan.documents import generation_document
from shipway.plan.front import DEFAULT_LISTEN, closing_step, front_door, listen, proxy_step
from tests.plan.fleet import CADDY, WHO, WORKER, facts, fresh, host, intent, release, serving


def document(wanted: Intent, number: int = 2) -> dict[str, object]:
    deployment = f"{number}-abcdef"
    return generation_document(
        wanted, release(number), wanted.environment.hosts[0], number=number, deployment=deployment, kind="deploy", who=WHO, made=0.0
    )


def test_requests_come_in_where_the_host_says_else_where_they_do_already_else_at_a_port_that_needs_no_root() -> None:
    new, old = facts({"a": fresh("a")})["a"], facts(serving(intent(("a",)), [release(1)]))["a"]
    own = replace(host("a"), listen="127.0.0.1:9")
    assert [listen(own, old), listen(host("a"), replace(old, proxy=replace(old.proxy, listen=":81"))), listen(host("a"), new)] == [
        "127.0.0.1:9",
        ":81",
        DEFAULT_LISTEN,
    ]


def test_the_front_door_is_asked_for_the_first_domain() -> None:
    old = facts(serving(intent(("a",)), [release(1)]))["a"]
    assert front_door(intent(("a",), domains=("x.example", "y.example")), host("a"), old) == {"listen": ":8080", "host": "x.example"}
    assert front_door(intent(("a",)), host("a"), old)["host"] == ""


def test_the_proxy_is_given_caddy_and_the_site() -> None:
    wanted = intent(("a",), domains=("x.example",))
    step = proxy_step(wanted, host("a"), facts({"a": fresh("a")})["a"], document(wanted), CADDY)
    assert (step.do, step.args["binary"], step.args["listen"], step.args["site"]["id"]) == (
        "proxy.ensure",
        CADDY,
        ":8080",
        "shop-production",
    )


def test_a_domain_that_went_is_closed_behind_the_decision() -> None:
    before, after = intent(("a",), domains=("old.example",)), intent(("a",), domains=("new.example",))
    step = closing_step(after, host("a"), facts(serving(before, [release(1)]))["a"], document(after))
    assert step is not None
    assert (step.do, step.args["decided"]) == ("proxy.ensure", True)


def test_an_address_that_went_is_closed_behind_the_decision() -> None:
    wanted = intent(("a",))
    moved = replace(host("a"), listen=":9090")
    step = closing_step(wanted, moved, facts(serving(wanted, [release(1)]))["a"], document(wanted))
    assert step is not None
    assert step.args["listen"] == ":9090"


def test_where_nothing_went_and_where_nothing_was_there_is_nothing_to_close() -> None:
    wanted = intent(("a",), domains=("x.example",))
    assert closing_step(wanted, host("a"), facts(serving(wanted, [release(1)]))["a"], document(wanted)) is None
    assert closing_step(wanted, host("a"), facts({"a": fresh("a")})["a"], document(wanted)) is None


def test_a_generation_of_workers_has_no_front_door() -> None:
    before, after = intent(("a",), domains=("x.example",)), intent(("a",), processes=(replace(WORKER, roles=()),))
    assert closing_step(after, host("a"), facts(serving(before, [release(1)]))["a"], document(after)) is None
