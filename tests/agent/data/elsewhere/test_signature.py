"""Signatures of requests, compared with those that AWS publishes ("Examples: Signature Calculations", S3 API reference)."""

from __future__ import annotations

import calendar
import hashlib
import time

import pytest

from shipway_agent.data.elsewhere.signature import Keys, path_of, query_text, signed

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
AT = float(calendar.timegm(time.strptime("20130524T000000Z", "%Y%m%dT%H%M%SZ")))
HOST = {"host": "examplebucket.s3.amazonaws.com"}
WELCOME = b"Welcome to Amazon S3."


@pytest.mark.parametrize(
    ("method", "key", "query", "headers", "body", "signature"),
    [
        ("GET", "test.txt", {}, {"range": "bytes=0-9"}, b"", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        (
            "PUT",
            "test$file.text",
            {},
            {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            WELCOME,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        ("GET", "", {"lifecycle": ""}, {}, b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET", "", {"max-keys": "2", "prefix": "J"}, {}, b"", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_a_request_has_the_signature_that_aws_publishes(
    method: str, key: str, query: dict[str, str], headers: dict[str, str], body: bytes, signature: str
) -> None:
    payload = hashlib.sha256(body).hexdigest()
    made = signed(KEYS, "us-east-1", method, path_of(key), query, {**HOST, **headers}, payload, AT)
    assert made["authorization"].endswith(f"Signature={signature}")
    assert KEYS.secret not in str(made)


def test_keys_that_end_send_their_token_and_sign_it() -> None:
    made = signed(KEYS._replace(token="abc"), "us-east-1", "GET", "/", {}, HOST, "", AT)
    assert made["x-amz-security-token"] == "abc"
    assert ";x-amz-security-token," in made["authorization"]


def test_a_query_is_in_the_order_in_which_it_is_signed_and_nothing_in_it_is_a_separator() -> None:
    assert query_text({"prefix": "a b/ü&c=", "list-type": "2"}) == "list-type=2&prefix=a%20b%2F%C3%BC%26c%3D"
