"""The front door of an application in Caddy's words. What a real Caddy does with them is in tests/agent/test_proxy.py."""

from __future__ import annotations

import json
from typing import Any

from shipway.model.intent import HOLD_SECONDS, Environment, Intent, Shipment
from shipway.plan.proxy.caddy import PROBE, PUBLIC, ROOT, site
from shipway_agent import front
from shipway_agent.caddy import token

LISTENS: dict[str, Any] = {"processes": [{"name": "web", "listens": "port"}], "static": "public"}
WORKS: dict[str, Any] = {"processes": [{"name": "worker", "listens": None}], "static": None}


def intent(*domains: str) -> Intent:
    return Intent("shop", "", Environment("production", (), domains), Shipment("shop"))


def handlers(value: object, kind: str) -> list[dict[str, Any]]:
    """Every handler of a kind, wherever it stands."""
    if isinstance(value, dict):
        here = [value] if value.get("handler") == kind else []
        return here + [found for inner in value.values() for found in handlers(inner, kind)]
    return [found for inner in value for found in handlers(inner, kind)] if isinstance(value, list) else []


def application() -> dict[str, Any]:
    """The proxy to the application, behind those that hold."""
    *_, proxy = handlers(site(intent(), LISTENS)["routes"], "reverse_proxy")
    return proxy


def test_the_routes_do_not_change_with_a_release() -> None:
    assert site(intent("a.example"), LISTENS) == site(intent("a.example"), WORKS)


def test_twelve_slots_are_dialled_in_the_generation_that_is_current() -> None:
    proxy = application()
    assert [upstream["dial"] for upstream in proxy["upstreams"]] == [f"{{file.{ROOT}/current/front/{n}}}" for n in range(1, 13)]


def test_a_refused_connection_is_tried_again_for_five_seconds() -> None:
    proxy = application()
    assert proxy["load_balancing"] == {"selection_policy": {"policy": "random"}, "try_duration": "5s", "try_interval": "50ms"}
    assert proxy["transport"]["dial_timeout"] == "2s"


def test_streams_are_not_held_back() -> None:
    proxy = application()
    assert proxy["flush_interval"] == -1


def test_domains_are_asked_for_by_host() -> None:
    (route,) = site(intent("a.example", "b.example"), LISTENS)["routes"]
    assert route["match"] == [{"host": ["a.example", "b.example"]}]


def test_without_domains_every_request_is_ours() -> None:
    (route,) = site(intent(), LISTENS)["routes"]
    assert "match" not in route


def test_root_and_token_can_be_left_to_the_host_or_given() -> None:
    left_open = json.dumps(site(intent(), LISTENS))
    given = json.dumps(site(intent(), LISTENS, root="/srv/shop", probe="abc"))
    assert given == left_open.replace(ROOT, "/srv/shop").replace(PROBE, "abc")


def test_the_application_never_sees_the_token() -> None:
    proxy = application()
    assert proxy["headers"]["request"]["delete"] == ["Shipway-Probe"]


def test_a_hold_has_a_route_for_each_bound_and_dials_what_leads_nowhere_while_it_lasts() -> None:
    *held, _ = handlers(site(intent(), LISTENS)["routes"], "reverse_proxy")
    assert [proxy["load_balancing"]["try_duration"] for proxy in held] == [f"{seconds}s" for seconds in HOLD_SECONDS]
    assert {proxy["upstreams"][0]["dial"] for proxy in held} == {f"{{file.{ROOT}/current/front/{front.OPEN}/1}}"}


def test_operator_and_agent_mean_the_same_by_a_probe_that_is_treated_as_anybody() -> None:
    assert PUBLIC == token.PUBLIC
