"""Which requests are an application's, and which of its processes they go to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.model.errors import WrongInput
from shipway.model.intent import Environment, Intent, Shipment
from shipway.plan.proxy.routes import routed, routes


def document(**listens: str | None) -> dict[str, Any]:
    return {"processes": [{"name": name, "listens": how} for name, how in listens.items()]}


def intent(*domains: str) -> Intent:
    return Intent("shop", "", Environment("production", (), domains), Shipment("shop"))


def test_requests_go_to_the_process_called_web() -> None:
    assert routed(document(admin="port", web="socket", worker=None)) == "web"


def test_or_to_the_only_one_that_listens() -> None:
    assert routed(document(worker=None, site="port")) == "site"


def test_a_site_of_files_has_none() -> None:
    assert routed(document(worker=None)) is None


def test_two_that_listen_and_no_web_is_refused_by_name() -> None:
    with pytest.raises(WrongInput) as refused:
        routes(intent(), document(api="port", admin="port"))
    assert "api, admin" in refused.value.message
    assert "[process.web]" in refused.value.hint


def test_a_site_is_named_after_application_and_environment() -> None:
    assert routes(intent("Shop.example.org", "shop.example.org", "www.example.org"), document(web="port")).id == "shop-production"


def test_domains_are_compared_without_case_and_named_once() -> None:
    wanted = routes(intent("Shop.example.org", "shop.example.org", "www.example.org"), document(web="port"))
    assert wanted.domains == ("shop.example.org", "www.example.org")


@given(st.dictionaries(st.text(min_size=1), st.sampled_from([None, "port", "socket"])))
def test_requests_go_to_a_process_that_listens_or_nowhere(processes: dict[str, str | None]) -> None:
    listening = {name for name, how in processes.items() if how}
    try:
        answer = routed(document(**processes))
    except WrongInput:
        assert len(listening) > 1
        assert "web" not in listening
    else:
        assert answer in listening if listening else answer is None
