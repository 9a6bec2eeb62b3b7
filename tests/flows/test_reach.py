"""What hosts say, with types: read once for as long as they say the same."""

from __future__ import annotations

import pytest

from shipway.flows.reach import typed
from shipway.model.errors import HostError
from tests.plan.fleet import fresh


def test_the_same_facts_are_read_once_and_others_of_the_same_host_anew() -> None:
    first = typed({"a": fresh("a"), "b": fresh("b")})
    assert typed({"a": {**fresh("a")}})["a"] is first["a"]
    later = typed({"a": {**fresh("a"), "cannot_ask": "no route"}, "b": fresh("b")})
    assert (later["a"].cannot_ask, first["a"].cannot_ask) == ("no route", "")
    assert later["b"] is first["b"]
    assert typed({"a": fresh("a")}) == {"a": first["a"]}


def test_nonsense_is_nonsense_each_time() -> None:
    typed({"a": fresh("a")})
    for _ in range(2):
        with pytest.raises(HostError, match=r"facts.disk: should be an object"):
            typed({"a": {**fresh("a"), "disk": 3}})
