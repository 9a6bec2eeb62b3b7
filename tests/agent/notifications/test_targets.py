"""What may be a target: verified https, the machine itself, never a cloud's own doors, never a second line in a header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.notifications import targets
from shipway_agent.notifications.targets import Place

LINK_LOCAL = "may not be a link-local address or one where a cloud answers a machine about itself"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://hooks.example/T0/x?y=1", Place("https", "hooks.example", 443, "/T0/x?y=1")),
        ("https://10.0.0.7:8443", Place("https", "10.0.0.7", 8443, "/")),
        ("https://[2001:db8::1]/x", Place("https", "2001:db8::1", 443, "/x")),
        ("http://127.0.0.1:8080/x", Place("http", "127.0.0.1", 8080, "/x")),
        ("http://localhost/x", Place("http", "localhost", 80, "/x")),
    ],
)
def test_urls_that_are_targets(text: str, place: Place) -> None:
    assert targets.url(text) == place


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://hooks.example/x", "should begin with https://: without it only the host itself may be told (http://127.0.0.1)"),
        ("file:///etc/passwd", "should begin with https://"),
        ("gopher://hooks.example/", "should begin with https://"),
        ("https://169.254.169.254/latest/meta-data", LINK_LOCAL),
        ("https://[fe80::1]/", LINK_LOCAL),
        ("https://[fd00:ec2::254]/", LINK_LOCAL),
        ("https://100.100.100.200/", LINK_LOCAL),
        ("https://[::ffff:169.254.169.254]/", LINK_LOCAL),
        ("https://[64:ff9b::a9fe:a9fe]/", LINK_LOCAL),
        ("https://[2002:a9fe:a9fe::1]/", LINK_LOCAL),
        ("https://[fe80::1%25eth0]/", "may not name a network card"),
        ("https://0.0.0.0/", "should be the address of one machine"),
        ("https://224.0.0.1/", "should be the address of one machine"),
        ("https://user:word@hooks.example/", "may hold no user and no #"),
        ("https://hooks.example/#x", "may hold no user and no #"),
        ("https://hooks.example:0/", "should have a port from 1 to 65535"),
        ("https://hooks.example:65536/", "should have a port from 1 to 65535"),
        ("https:///x", "should name a host"),
        ("https://-oProxy/", "should name a host"),
        ("https://hooks.example/\r\nX-Evil: 1", "should hold only printable ASCII characters, no white space and no backslash"),
        ("https://hooks.example\\@evil.example/", "should hold only printable ASCII characters, no white space and no backslash"),
        ("https://hooks.example/" + "x" * 2000, "should be at most 2000 characters long"),
        ("", "should be text"),
        (None, "should be text"),
    ],
)
def test_urls_that_are_none(text: object, why: str) -> None:
    with pytest.raises(ValueError) as raised:
        targets.url(text)
    assert str(raised.value) == why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smtp://mail.example", Place("smtp", "mail.example", 587)),
        ("smtp://ops@shop.example@mail.example:25", Place("smtp", "mail.example", 25, user="ops@shop.example")),
        ("smtps://ops@mail.example", Place("smtps", "mail.example", 465, user="ops")),
        ("smtp://ops:word@mail.example", 'may hold no password: write password = { env = "NAME" } beside it'),
        ("smtp://ops%0d@mail.example", None),
        ("smtp://a(b@mail.example", "has a user with characters that are not allowed"),
        ("smtp://mail.example/x", "should end behind its host and port"),
        ("https://mail.example", "should begin with smtp:// (STARTTLS) or smtps://"),
        ("smtp://169.254.169.254:25", LINK_LOCAL),
    ],
)
def test_servers(text: str, expected: object) -> None:
    try:
        found: object = targets.server(text)
    except ValueError as fault:
        found = str(fault)
    assert expected is None or found == expected


@given(st.text(max_size=60))
def test_no_text_becomes_a_target_that_could_break_a_header(text: str) -> None:
    for read in (targets.url, targets.server):
        for prefix in ("", "https://h.example/", "smtp://u@h.example"):
            try:
                place = read(prefix + text)
            except ValueError as fault:
                assert len(text) < 4 or text not in str(fault), "no value is in a sentence"
                continue
            assert all(part.isprintable() and part.isascii() and " " not in part for part in (place.host, place.path, place.user))


@given(st.text(max_size=60))
def test_no_text_becomes_an_address_with_a_second_line(text: str) -> None:
    for one in (text, f"ops{text}@shop.example", f"ops@shop.example{text}"):
        try:
            assert "\n" not in targets.box(one) and "\r" not in one and one.count("@") == 1
        except ValueError:
            continue


def test_a_host_believes_no_driver() -> None:
    mail = {"kind": "email", "on": ["failure"], "to": ["a@b.example"], "sender": "c@d.example", "server": "smtp://mail.example"}
    assert targets.faults(mail) == []
    assert targets.faults({"kind": "webhook", "on": ["failure"], "url": "https://hooks.example/x"}) == []
    assert targets.faults({"kind": "command", "on": ["always"], "run": ["/bin/true"]}) == []
    for wrong in (
        {},
        {**mail, "on": []},
        {**mail, "to": []},
        {**mail, "to": ["a@b.example\nBcc: x@y.example"]},
        {**mail, "sender": None},
        {**mail, "password": "word"},
        {**mail, "server": "smtp://u@mail.example"},
        {"kind": "webhook", "on": ["failure"], "url": "http://169.254.169.254/"},
        {"kind": "command", "on": ["failure"], "run": []},
        {"kind": "pigeon", "on": ["failure"]},
    ):
        assert targets.faults(wrong), wrong
