"""An address is a port of 127.0.0.1 or the path of a UNIX socket, as a slot file names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import address


@given(st.integers(1, 65535))
def test_a_port_comes_back(port: int) -> None:
    assert address.port_of(address.of_port(port)) == port
    assert address.path_of(address.of_port(port)) is None


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: "/" + text))
def test_a_path_comes_back(path: str) -> None:
    assert address.path_of(address.of_socket(path)) == path
    assert address.port_of(address.of_socket(path)) is None
    assert address.of_socket(path) == f"unix/{path}"


@pytest.mark.parametrize("text", ["", "8000", ":8000", "127.0.0.1:", "127.0.0.1:http", "/run/s"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        address.port_of(text)


def test_caddy_lists_sockets_by_their_path_and_ports_as_they_are() -> None:
    assert address.as_caddy_counts_it("unix//run/s/1-web.1") == "/run/s/1-web.1"
    assert address.as_caddy_counts_it("127.0.0.1:8000") == "127.0.0.1:8000"
