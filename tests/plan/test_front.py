"""A host's front door: where it listens, how it is asked, and when what it no longer has is closed."""

from __future__ import annotations

from dataclasses import replace

from shipway.model.facts import HostFacts
from shipway.model.intent import Intent, Tls
from shipway.plan.documents import generation_document
from shipway.plan.front import (
    DEFAULT_LISTEN,
    FIRST_SECONDS,
    KNOWN_SECONDS,
    certificate_notes,
    certificates_step,
    closing_step,
    front_door,
    listen,
    proxy_step,
    secure,
)
from tests.plan.fleet import CADDY, WHO, WORKER, facts, fresh, host, intent, release, serving


def document(wanted: Intent, number: int = 2) -> dict[str, object]:
    deployment = f"{number}-abcdef"
    return generation_document(
        wanted, release(number), wanted.environment.hosts[0], number=number, deployment=deployment, kind="deploy", who=WHO, made=0.0
    )


OFF = Tls("off")


def at(found: HostFacts, address: str) -> HostFacts:
    """The same host, whose proxy takes requests there."""
    return replace(found, proxy=replace(found.proxy, listen=address))


def test_requests_come_in_where_the_host_says_else_where_they_do_already_else_at_a_port_that_needs_no_root() -> None:
    wanted = intent(("a",))
    new, old = facts({"a": fresh("a")})["a"], facts(serving(wanted, [release(1)]))["a"]
    own = replace(host("a"), listen="127.0.0.1:9")
    assert listen(wanted, own, old) == "127.0.0.1:9"
    assert listen(wanted, host("a"), at(old, ":81")) == ":81"
    assert listen(wanted, host("a"), new) == DEFAULT_LISTEN


def test_names_have_certificates_unless_somebody_says_otherwise() -> None:
    old = facts(serving(intent(("a",)), [release(1)]))["a"]
    named = intent(("a",), domains=("x.example",))
    assert listen(named, host("a"), at(old, ":81")) == ":443"
    assert listen(intent(("a",), domains=("x.example",), tls=OFF), host("a"), at(old, ":81")) == ":81"
    assert listen(named, replace(host("a"), listen=":8080"), old) == ":8080"
    assert [secure(named, ":443"), secure(named, ":8080"), secure(intent(("a",)), ":443")] == [True, False, False]


def test_who_has_no_name_stays_away_from_where_names_have_certificates() -> None:
    old = facts(serving(intent(("a",)), [release(1)]))["a"]
    assert listen(intent(("a",)), host("a"), at(old, ":443")) == DEFAULT_LISTEN


def test_the_front_door_is_asked_for_the_first_domain() -> None:
    old = facts(serving(intent(("a",)), [release(1)]))["a"]
    both = intent(("a",), domains=("x.example", "y.example"), tls=OFF)
    assert front_door(both, host("a"), old) == {"listen": ":8080", "host": "x.example"}
    assert front_door(intent(("a",)), host("a"), old)["host"] == ""


def test_a_secure_one_is_proved_beside_it_and_visited_where_visitors_come() -> None:
    old = facts(serving(intent(("a",)), [release(1)]))["a"]
    wanted = intent(("a",), domains=("*.x.example",), tls=Tls("internal"))
    assert front_door(wanted, host("a"), old) == {"listen": ":80", "host": "www.x.example", "tls": ":443"}
    own = replace(host("a"), listen="10.0.0.1:443")
    assert front_door(wanted, own, old)["listen"] == "10.0.0.1:80"


def test_a_secure_site_says_who_gives_certificates_and_sends_on_who_comes_without() -> None:
    wanted = intent(("a",), domains=("x.example",), tls=Tls("acme", "https://ca.example/dir", "PEM", "ops@x.example"))
    sent = proxy_step(wanted, host("a"), facts({"a": fresh("a")})["a"], document(wanted), CADDY).args
    assert sent["listen"] == ":443"
    assert sent["site"]["tls"] == {"issuer": "acme", "directory": "https://ca.example/dir", "authority": "PEM", "email": "ops@x.example"}
    ours, others = sent["site"]["plain"]["routes"]
    assert (sent["site"]["plain"]["listen"], ours["match"][0]["host"], others["handle"][0]["status_code"]) == (":80", ["x.example"], 308)


def test_several_hosts_that_ask_for_one_name_are_a_note() -> None:
    wanted = intent(("a", "b"), domains=("x.example",))
    there = facts({"a": fresh("a"), "b": fresh("b")})
    (note,) = certificate_notes(wanted, there)
    assert "each of a, b asks for certificates of x.example" in note
    assert certificate_notes(intent(("a",), domains=("x.example",)), there) == []
    assert certificate_notes(intent(("a", "b"), domains=("x.example",), tls=OFF), there) == []


def test_new_names_are_waited_for_and_old_ones_are_looked_at() -> None:
    wanted = intent(("a",), domains=("x.example",))
    first = certificates_step(wanted, host("a"), facts({"a": fresh("a")})["a"], document(wanted))
    again = certificates_step(wanted, host("a"), facts(serving(wanted, [release(1)]))["a"], document(wanted))
    assert first is not None and again is not None
    assert (first.args["domains"], first.args["wait_seconds"], again.args["wait_seconds"]) == (["x.example"], FIRST_SECONDS, KNOWN_SECONDS)
    plain = intent(("a",), domains=("x.example",), tls=OFF)
    assert certificates_step(plain, host("a"), facts({"a": fresh("a")})["a"], document(plain)) is None


def test_the_proxy_is_given_caddy_and_the_site() -> None:
    wanted = intent(("a",), domains=("x.example",), tls=OFF)
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
    wanted = intent(("a",), domains=("x.example",), tls=OFF)
    assert closing_step(wanted, host("a"), facts(serving(wanted, [release(1)]))["a"], document(wanted)) is None
    assert closing_step(wanted, host("a"), facts({"a": fresh("a")})["a"], document(wanted)) is None


def test_a_generation_of_workers_has_no_front_door() -> None:
    before, after = intent(("a",), domains=("x.example",)), intent(("a",), processes=(replace(WORKER, roles=()),))
    assert closing_step(after, host("a"), facts(serving(before, [release(1)]))["a"], document(after)) is None
