"""The whole configuration of Caddy, from the sites it serves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.caddy.certificates import ACME, ROOTS, name_of, roots_of
from shipway_agent.caddy.config import NOBODY, assemble, listens_of
from shipway_agent.caddy.sites import Door, Site


def site(name: str, *domains: str, listen: str = ":8080") -> Site:
    match = {"match": [{"host": list(domains)}]} if domains else {}
    return Site(name, "/srv", "d" * 64, (Door(listen, [{**match, "handle": [name]}]),))


def server(config: dict[str, Any], listen: str = ":8080") -> dict[str, Any]:
    found: dict[str, Any] = config["apps"]["http"]["servers"][listen]
    return found


def test_the_admin_api_is_a_socket_of_this_user_and_nothing_is_kept_beside_our_own_file() -> None:
    admin = assemble([], "/run/s/admin", "/data")["admin"]
    assert admin == {"listen": "unix//run/s/admin|0600", "config": {"persist": False}}


def test_sites_with_domains_come_before_those_that_take_every_request_and_nobody_comes_last() -> None:
    routes = server(assemble([site("all"), site("zoo", "z.example")], "/a", "/d"))["routes"]
    assert [route["handle"] for route in routes[:2]] == [["zoo"], ["all"]]
    assert routes[2] == NOBODY


def secured(name: str, tls: dict[str, str], *domains: str) -> Site:
    return Site(name, "/srv", "d" * 64, (replace(site(name, *domains, listen=":443").doors[0], tls={**ACME, **tls}),))


def test_certificates_are_got_for_the_names_of_secure_doors_and_caddy_decides_nothing_by_itself() -> None:
    config = assemble([site("a", "a.example"), secured("b", {}, "b.example")], "/a", "/d", "/proxy")
    assert [server(config, listen)["automatic_https"] for listen in (":8080", ":443")] == [{"disable": True}] * 2
    assert ("tls_connection_policies" in server(config), server(config, ":443")["tls_connection_policies"]) == (False, [{}])
    assert config["apps"]["tls"]["certificates"] == {"automate": ["b.example"]}
    assert config["apps"]["tls"]["automation"]["policies"] == [{"subjects": ["b.example"], "issuers": [{"module": "acme"}]}]


def test_each_issuer_has_its_names() -> None:
    own = {"directory": "https://ca.example/dir", "authority": "PEM", "email": "ops@example.org"}
    all_sites = [secured("a", {"issuer": "internal"}, "a.example"), secured("b", own, "b.example"), secured("c", own, "c.example")]
    config = assemble(all_sites, "/a", "/d", "/proxy")
    by_name = {tuple(policy["subjects"]): policy["issuers"] for policy in config["apps"]["tls"]["automation"]["policies"]}
    acme = {"module": "acme", "ca": "https://ca.example/dir", "email": "ops@example.org"}
    file = f"/proxy/{ROOTS}/{name_of(own)}"
    assert by_name == {("a.example",): [{"module": "internal"}], ("b.example", "c.example"): [{**acme, "trusted_roots_pem_files": [file]}]}
    assert config["apps"]["pki"]["certificate_authorities"]["local"] == {"install_trust": False}
    assert roots_of([door.tls for one in all_sites for door in one.doors if door.tls]) == {name_of(own): b"PEM"}


def test_without_secure_doors_there_is_nothing_to_get() -> None:
    assert set(assemble([site("a", "a.example")], "/a", "/d")["apps"]) == {"http"}


sites = st.lists(
    st.builds(
        lambda name, listen, domains: site(name, *domains, listen=listen),
        st.sampled_from("abcdef"),
        st.sampled_from([":8080", ":8081", "127.0.0.1:9000"]),
        st.lists(st.sampled_from(["x.example", "y.example"]), unique=True),
    ),
    unique_by=lambda one: one.id,
)


@given(sites, st.randoms())
def test_the_order_of_the_sites_does_not_matter(all_sites: list[Site], chance: Any) -> None:
    mixed = list(all_sites)
    chance.shuffle(mixed)
    assert json.dumps(assemble(mixed, "/a", "/d"), sort_keys=True) == json.dumps(assemble(all_sites, "/a", "/d"), sort_keys=True)


@given(sites)
def test_every_site_has_its_routes_where_it_listens_and_nowhere_else(all_sites: list[Site]) -> None:
    config = assemble(all_sites, "/a", "/d")
    assert listens_of(config) == sorted({one.listen for one in all_sites})
    for one in all_sites:
        for listen in listens_of(config):
            here = [route for route in server(config, listen)["routes"] if route["handle"] == [one.id]]
            assert len(here) == (1 if listen == one.listen else 0)
