"""A MAC of our own is that of RFC 2104, whatever the length of the key."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from shipway_agent.mac import mac_of, same


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 65, 200])
def test_it_is_the_one_that_hmac_makes(length: int) -> None:
    key = bytes(range(length))
    for text in (b"", b"a question", b"x" * 1000):
        assert mac_of(key, text) == hmac.new(key, text, hashlib.sha256).hexdigest()


def test_the_one_that_rfc_4231_has() -> None:
    assert mac_of(b"Jefe", b"what do ya want for nothing?") == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_two_are_the_same_when_all_of_their_bytes_are() -> None:
    assert same(b"0123", b"0123")
    assert not same(b"0123", b"0124")
    assert not same(b"0123", b"012")
