"""What a proxy keeps of each application, and what it refuses. That a real Caddy serves it so is in tests/agent/test_proxy.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.caddy import sites
from shipway_agent.caddy.sites import EVERYBODY, Door, Site
from shipway_agent.errors import AgentError
from shipway_agent.root import Root


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Root]:
    with Root(str(tmp_path / "proxy"), create=True) as root:
        yield root


def door(*domains: str, listen: str = ":8080") -> Door:
    match = {"match": [{"host": list(domains)}]} if domains else {}
    return Door(listen, [{**match, "handle": []}])


def site(name: str, *doors: Door, root: str = "/srv/shop") -> Site:
    return Site(name, root, "d" * 64, doors)


names = st.lists(st.sampled_from(["a.example", "b.example", "c.example"]), unique=True).map(tuple)
doors = st.builds(lambda domains, listen: door(*domains, listen=listen), names, st.sampled_from([":8080", ":8081"]))


# ---------------------------------------------------------------- filled in


def test_root_and_token_are_filled_in_wherever_they_stand() -> None:
    routes = [{"a": "{file.{SHIPWAY_ROOT}/x}", "b": [{"c": ["{SHIPWAY_PROBE}", "{SHIPWAY_ROOT}{SHIPWAY_ROOT}"]}], "n": 7, "z": None}]
    made = sites.wanted({"id": "shop", "routes": routes}, ":80", "/srv/a b", "secret")
    assert made.doors[0].routes == [{"a": "{file./srv/a b/x}", "b": [{"c": ["secret", "/srv/a b/srv/a b"]}], "n": 7, "z": None}]


def test_the_digest_is_of_the_routes_as_they_were_sent() -> None:
    sent = {"id": "shop", "routes": [{"a": "{SHIPWAY_ROOT}"}]}
    one, other = sites.wanted(sent, ":80", "/srv/a", "x"), sites.wanted(sent, ":81", "/srv/b", "y")
    assert one.digest == other.digest == sites.digest_of(sent["routes"])


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "a b", "-x", "x" * 200, "a\n"])
def test_a_name_that_is_no_file_name_is_refused(proxy: Root, name: str) -> None:
    for refuses in (lambda: sites.wanted({"id": name, "routes": []}, ":80", "/srv", "x"), lambda: sites.forget(proxy, name)):
        with pytest.raises(AgentError) as refused:
            refuses()
        assert refused.value.code == "site"


@given(st.text(max_size=30))
def test_an_address_is_understood_or_refused(text: str) -> None:
    try:
        host, port = sites.check_listen(text)
    except AgentError as error:
        assert error.code == "listen"
    else:
        assert text == f"{host}:{port}" or text.endswith(f":{text.rpartition(':')[2]}")
        assert 0 < port < 65536
        assert not set(host) & set("{}/|* ")


@given(st.text(min_size=1))
def test_a_path_that_passes_has_nothing_in_it_that_caddy_reads_as_a_pattern(path: str) -> None:
    try:
        sites.check_path(path)
    except AgentError as error:
        assert error.code == "root"
        error.message.encode()
    else:
        assert not set(path) & set("{}*?[]\\\n\0")
        path.encode()


# ----------------------------------------------------------- until the decision


@given(st.lists(doors, min_size=1, max_size=3), doors)
def test_until_the_decision_every_old_door_stays_open_and_the_new_one_comes_first(before: list[Door], after: Door) -> None:
    made = sites.beside(site("shop", *before), site("shop", after), decided=False)
    assert made.doors[0] == after
    assert all(old in made.doors for old in before)
    assert all(made.doors.count(one) == 1 for one in before if before.count(one) == 1 or one == after)


@given(st.lists(doors, min_size=1, max_size=3), doors)
def test_behind_the_decision_only_the_new_one_is_left(before: list[Door], after: Door) -> None:
    assert sites.beside(site("shop", *before), site("shop", after), decided=True).doors == (after,)


# ------------------------------------------------------------------ conflicts


@given(doors, doors)
def test_two_sites_may_stand_side_by_side_exactly_when_no_request_could_go_to_both(one: Door, other: Door) -> None:
    clash = one.listen == other.listen and bool(one.domains() & other.domains())
    try:
        sites.check_free(site("shop", one), [site("blog", other)], None)
    except AgentError as error:
        assert (error.code, error.facts["site"], clash) == ("site-taken", "blog", True)
    else:
        assert not clash


def test_a_route_without_a_host_takes_every_request() -> None:
    assert door().domains() == {EVERYBODY}
    assert Door(":80", [{"match": [{"path": ["/x"]}, {"host": ["A.example"]}]}]).domains() == {EVERYBODY, "a.example"}


def test_a_root_that_is_gone_gives_its_site_up(tmp_path: Path) -> None:
    gone = site("shop", door(), root=str(tmp_path / "gone"))
    sites.check_free(site("shop", door()), [], gone)


# ------------------------------------------------------------------- on disk


def test_sites_are_files_of_their_own(proxy: Root) -> None:
    shop, blog = site("shop", door("a.example"), door()), site("blog", door("b.example"))
    sites.write(proxy, shop)
    sites.write(proxy, blog)
    assert sites.read(proxy) == [blog, shop]
    assert sites.forget(proxy, "shop")
    assert not sites.forget(proxy, "shop")
    assert sites.read(proxy) == [blog]


def test_a_proxy_without_sites_has_none(proxy: Root) -> None:
    assert sites.read(proxy) == []
    assert not sites.forget(proxy, "shop")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"id": "other", "root": "/", "digest": "d", "doors": [{"listen": ":1", "routes": []}]}']
)
def test_a_file_that_is_not_ours_is_named(proxy: Root, content: str) -> None:
    sites.write(proxy, site("shop", door()))
    path = Path(proxy.full("sites/shop.json"))
    path.write_text(content)
    with pytest.raises(AgentError) as refused:
        sites.read(proxy)
    assert (refused.value.code, refused.value.facts["path"]) == ("damaged", str(path))
