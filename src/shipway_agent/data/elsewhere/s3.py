"""A bucket of an S3-compatible store in; out, files in it: each sent in signed parts, and compared with what the store says that it has.

Keys and the store are in the variables that every program for S3 reads: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
AWS_REGION (AWS_DEFAULT_REGION), AWS_ENDPOINT_URL_S3 (AWS_ENDPOINT_URL).
"""

from __future__ import annotations

import hashlib
import http.client
import io
import re
import time
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from shipway_agent import clock
from shipway_agent.data.content import CHUNK
from shipway_agent.data.elsewhere.place import Place
from shipway_agent.data.elsewhere.signature import Keys, path_of, query_text, signed
from shipway_agent.data.elsewhere.store import Hashing, damaged
from shipway_agent.errors import AgentError
from shipway_agent.text import clean

PART_BYTES = 16 << 20
MOST_PARTS = 9000
"""A store takes 10,000; what is sent may be longer than it was likely to be."""

TRIES = 3
SECONDS = 60.0
"""Bound of each wait for the store: to connect, to take the next block of a part, to give the next bytes of an answer."""

ANSWER_BYTES = 16 << 20
EMPTY = hashlib.sha256(b"").hexdigest()


class Answer(NamedTuple):
    """Of a request; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Bucket:
    """One prefix in it."""

    def __init__(self, where: Place, folder: str, variables: Mapping[str, str], *, part_bytes: int = PART_BYTES) -> None:
        """Raises AgentError `copy-place` where a key is missing, or the endpoint is none."""
        self._bucket = where.bucket
        self._prefix = f"{where.path}/{folder}/".lstrip("/")
        self._part_bytes = part_bytes
        self.shown = f"s3://{where.bucket}/{self._prefix}"
        access, secret = variables.get("AWS_ACCESS_KEY_ID", ""), variables.get("AWS_SECRET_ACCESS_KEY", "")
        if not access or not secret:
            lacks = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
            raise AgentError("copy-place", f"{self.shown}: there is no {lacks} in the env of the data")
        self._keys = Keys(access, secret, variables.get("AWS_SESSION_TOKEN", ""))
        self._region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL") or ""
        self._own_name = not endpoint and "." not in where.bucket  # the certificate of AWS is for one label
        parts = urlsplit(endpoint or f"https://{f'{where.bucket}.' if self._own_name else ''}s3.{self._region}.amazonaws.com")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise AgentError("copy-place", f"{self.shown}: AWS_ENDPOINT_URL should be https://HOST:PORT")
        self._secure, self._name, self._port, self._above = parts.scheme == "https", parts.hostname, parts.port, parts.path.rstrip("/")
        default = self._port is None or self._port == (443 if self._secure else 80)
        self._host = self._name if default else f"{self._name}:{self._port}"

    def put(self, name: str, content: Iterable[bytes], likely_bytes: int) -> None:
        """Raises AgentError `copy-place`, `copy-damaged`."""
        sent, key = Hashing(content), self._prefix + name
        self._end_uploads(key)
        parts = _in_parts(sent, max(self._part_bytes, likely_bytes // MOST_PARTS + 1))
        first = next(parts, b"")
        second = next(parts, None)
        if second is None:
            tag, sums = self._good("PUT", key, body=first).headers.get("etag", ""), [_md5(first)]
        else:
            tag, sums = self._in_many(key, first, second, parts)
        if not self._has(key, tag, sums, second is not None, sent):
            self.drop(name)
            raise damaged(f"{self.shown}{name}")

    def names(self) -> Dict[str, int]:
        """Raises AgentError `copy-place`."""
        found: Dict[str, int] = {}
        query = {"list-type": "2", "prefix": self._prefix}
        while True:
            body = self._good("GET", "", query).body.decode("utf-8", "replace")
            for one in _tags(body, "Contents"):
                key = _text(one, "Key")
                if key.startswith(self._prefix):
                    found[key[len(self._prefix) :]] = int(_text(one, "Size") or 0)
            more = _text(body, "NextContinuationToken")
            if _text(body, "IsTruncated") != "true" or not more:
                return found
            query = {**query, "continuation-token": more}

    def get(self, name: str) -> Iterator[bytes]:
        """Raises AgentError `copy-place`."""
        for part, _ in self._read(self._prefix + name):
            yield part

    def drop(self, name: str) -> None:
        """Raises AgentError `copy-place`."""
        self._good("DELETE", self._prefix + name)

    def _in_many(self, key: str, first: bytes, second: bytes, rest: Iterator[bytes]) -> Tuple[str, List[bytes]]:
        """Send it in parts: the store's tag of the whole, and the sum of each part."""
        upload = {"uploadId": _text(self._good("POST", key, {"uploads": ""}).body.decode("utf-8", "replace"), "UploadId")}
        try:
            sums, listed = [], []
            for number, part in enumerate(_chain(first, second, rest), 1):
                tag = self._good("PUT", key, {**upload, "partNumber": str(number)}, part).headers.get("etag", "")
                sums.append(_md5(part))
                listed.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{_escaped(tag)}</ETag></Part>")
            made = self._good("POST", key, upload, f"<CompleteMultipartUpload>{''.join(listed)}</CompleteMultipartUpload>".encode())
            body = made.body.decode("utf-8", "replace")
            if "<Error>" in body:
                raise self._no(Answer(500, {}, made.body))
            return _text(body, "ETag"), sums
        except BaseException:
            self._ask("DELETE", key, upload)
            raise

    def _end_uploads(self, key: str) -> None:
        """Parts of an upload that was killed are paid for, and never listed."""
        answer = self._ask("GET", "", {"uploads": "", "prefix": key})
        for one in _tags(answer.body.decode("utf-8", "replace"), "Upload") if answer.status == 200 else ():
            if _text(one, "Key") == key:
                self._ask("DELETE", key, {"uploadId": _text(one, "UploadId")})

    def _has(self, key: str, tag: str, sums: List[bytes], many: bool, sent: Hashing) -> bool:
        """Whether the store has what was sent: by its own sum, where that is one of the content, else by reading all of it back."""
        whole = hashlib.new("md5", b"".join(sums), usedforsecurity=False).hexdigest() + f"-{len(sums)}" if many else sums[0].hex()
        answer = self._good("HEAD", key)
        if int(answer.headers.get("content-length", -1)) != sent.bytes:
            return False
        if tag.strip('"') == whole == answer.headers.get("etag", "").strip('"'):
            return True
        back = Hashing(part for part, _ in self._read(key))
        for _ in back:
            pass
        return back.digest == sent.digest

    def _read(self, key: str) -> Iterator[Tuple[bytes, int]]:
        connection, answer = self._begin("GET", key, {}, b"")
        try:
            if answer.status != 200:
                raise self._no(Answer(answer.status, {}, answer.read(ANSWER_BYTES)))
            expected, read = int(answer.headers.get("content-length", -1)), 0
            while part := answer.read(CHUNK):
                read += len(part)
                yield part, expected
            if expected not in (-1, read):
                raise AgentError("copy-place", f"{self.shown}: the connection broke off after {read:,} of {expected:,} bytes")
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None
        finally:
            connection.close()

    def _good(self, method: str, key: str, query: Optional[Mapping[str, str]] = None, body: bytes = b"") -> Answer:
        answer = self._ask(method, key, query or {}, body)
        if not 200 <= answer.status < 300:
            raise self._no(answer)
        return answer

    def _ask(self, method: str, key: str, query: Mapping[str, str], body: bytes = b"") -> Answer:
        """One request, tried three times where the connection breaks or the store is busy: each of them may be repeated."""
        for tries in range(1, TRIES + 1):
            try:
                connection, answer = self._begin(method, key, query, body)
                try:
                    found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read(ANSWER_BYTES))
                finally:
                    connection.close()
                if found.status < 500 or tries == TRIES:
                    return found
            except (OSError, http.client.HTTPException) as error:
                if tries == TRIES:
                    raise self._broken(error) from None
            time.sleep(float(tries * tries))
        raise AssertionError

    def _begin(
        self, method: str, key: str, query: Mapping[str, str], body: bytes
    ) -> Tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        path = self._above + path_of(key if self._own_name else f"{self._bucket}/{key}" if key else self._bucket)
        payload = hashlib.sha256(body).hexdigest() if body else EMPTY
        headers = signed(self._keys, self._region, method, path, query, {"host": self._host}, payload, clock.wall_now())
        headers["content-length"] = str(len(body))  # without it a file would be sent chunked, which stores refuse
        connection = self._connection()
        try:
            # A file, for bytes are sent by one sendall, whose timeout is that of all of them: a slow line would never send a part.
            connection.request(method, f"{path}?{query_text(query)}" if query else path, io.BytesIO(body), headers)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def _connection(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._name, self._port, timeout=SECONDS)
        import ssl

        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return http.client.HTTPSConnection(self._name, self._port, timeout=SECONDS, context=context)

    def _no(self, answer: Answer) -> AgentError:
        body = answer.body.decode("utf-8", "replace")
        code, message = clean(_text(body, "Code")), clean(_text(body, "Message"))
        said = ": ".join(part for part in (code, message) if part) or f"it answers {answer.status}"
        if answer.status in (301, 307) or code == "AuthorizationHeaderMalformed":
            said += f" (asked in the region {self._region}: AWS_REGION says another)"
        return AgentError("copy-place", f"{self.shown}: {said}")

    def _broken(self, error: Exception) -> AgentError:
        import ssl

        if isinstance(error, ssl.SSLCertVerificationError):
            return AgentError("copy-place", f"{self.shown}: the certificate of {self._host} is not accepted: {error.verify_message}")
        words = getattr(error, "strerror", None) or ("it did not answer in time" if isinstance(error, TimeoutError) else str(error))
        return AgentError("copy-place", f"{self.shown}: {self._host}: {words or type(error).__name__}")


def _in_parts(content: Iterable[bytes], size: int) -> Iterator[bytes]:
    held = bytearray()
    for piece in content:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _chain(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _md5(data: bytes) -> bytes:
    """What the store calls a part's tag: no proof against anybody, only against bits that were lost."""
    return hashlib.new("md5", data, usedforsecurity=False).digest()


def _tags(body: str, name: str) -> List[str]:
    """The inner text of each element of that name. An answer of S3 is flat, so nothing has to read it as XML, with what that may hold."""
    return re.findall(f"<{name}>(.*?)</{name}>", body, re.DOTALL)


def _text(body: str, name: str) -> str:
    found = _tags(body, name)
    text = found[0] if found else ""
    for written, meant in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#34;", '"'), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(written, meant)
    return text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
