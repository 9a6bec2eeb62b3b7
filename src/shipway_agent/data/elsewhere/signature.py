"""A request to an S3-compatible store in, the header that proves who sends it out: AWS Signature Version 4, of the standard library alone.

Pure: the time is given. Nothing of the secret key is in what comes out.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Dict, Mapping, NamedTuple
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """Who asks. `token` is of keys that end."""

    access: str
    secret: str
    token: str = ""


def signed(
    keys: Keys, region: str, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], payload: str, at: float
) -> Dict[str, str]:
    """All headers of the request, the signature among them. `path` is quoted already, `payload` the SHA-256 of the body in hex.

    `headers` must hold `host`; `at` is seconds since the epoch.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    day = stamp[:8]
    found = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    found.update({"x-amz-date": stamp, "x-amz-content-sha256": payload})
    if keys.token:
        found["x-amz-security-token"] = keys.token
    names = ";".join(sorted(found))
    canonical = "\n".join(
        [method, path, query_text(query), *(f"{name}:{found[name]}" for name in sorted(found)), "", names, payload],
    )
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + keys.secret.encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    found["authorization"] = f"{ALGORITHM} Credential={keys.access}/{scope},SignedHeaders={names},Signature={signature}"
    return found


def query_text(query: Mapping[str, str]) -> str:
    """A query as it is signed, and so as it must be sent."""
    return "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query.items()))


def path_of(key: str) -> str:
    """The path of a key as it is signed and sent."""
    return "/" + quote(key, safe="/-_.~")
