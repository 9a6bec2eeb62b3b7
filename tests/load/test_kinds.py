"""Each way in which a request can be lost is counted as a loss, and says where it ended. The servers here misbehave on purpose."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable

import pytest

from load.connection import WEBSOCKET_GUID, Address, Lost
from load.kinds import KINDS, MORE, STREAM_CHUNKS, Client, Said, Wrong

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def visit(kind: str, serve: Serve, visits: int = 1) -> list[Said | Exception]:
    """What the client of this kind makes of a server, request after request."""

    async def run() -> list[Said | Exception]:
        tasks = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.append(asyncio.current_task())
            try:
                await serve(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        client = Client(Address.parse(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        found: list[Said | Exception] = []
        for _ in range(visits):
            try:
                found.append(await asyncio.wait_for({**KINDS, **MORE}[kind].visit(client), 20))
            except (Lost, Wrong) as error:
                found.append(error)
        if client.connection is not None:
            client.connection.close()
        server.close()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        return found

    return asyncio.run(run())


def answering(text: str, *, times: int = 1) -> Serve:
    """Reads a head and answers with these bytes, as often as that; then it hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(text.encode())
            await writer.drain()

    return serve


GOOD = "HTTP/1.1 200 OK\r\nX-Version: 7\r\nContent-Length: 2\r\n\r\nok"


def lost(found: list[Said | Exception]) -> str:
    """The one failure there is."""
    (error,) = found
    assert isinstance(error, (Lost, Wrong))
    return str(error)


# ----------------------------------------------------------------- what is good


def test_an_answer_says_its_status_and_version() -> None:
    assert visit("fresh", answering(GOOD)) == [(200, "7")]


def test_a_kept_connection_carries_request_after_request() -> None:
    assert visit("keep-alive", answering(GOOD, times=3), 3) == [(200, "7")] * 3


def test_a_kept_connection_that_was_closed_while_idle_is_replaced() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(GOOD.replace("X-Version", "Connection: close\r\nX-Version"))(reader, writer)

    assert visit("keep-alive", serve, 2) == [(200, "7")] * 2


# ----------------------------------------------------------------- what is lost


def test_nobody_listens() -> None:
    async def run() -> str:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        address = Address.parse(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        server.close()
        await server.wait_closed()
        with pytest.raises(Lost) as error:
            await KINDS["fresh"].visit(Client(address))
        return str(error.value)

    assert asyncio.run(run()).startswith("connect: ConnectionRefusedError")


@pytest.mark.parametrize("kind", ["fresh", "keep-alive", "slow", "stream"])
def test_a_connection_that_ends_without_an_answer(kind: str) -> None:
    assert lost(visit(kind, answering(""))) == "head: the server closed the connection after 0 bytes"


def test_a_kept_connection_that_breaks_under_a_request_is_not_repeated() -> None:
    requests = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (GOOD, ""):
            await reader.readuntil(b"\r\n\r\n")
            requests.append(answer)
            writer.write(answer.encode())
            await writer.drain()

    first, second = visit("keep-alive", serve, 2)
    assert first == (200, "7")
    assert "head: " in str(second)
    assert len(requests) == 2


@pytest.mark.parametrize("status", [404, 500, 502, 503])
def test_another_status(status: int) -> None:
    error = visit("fresh", answering(f"HTTP/1.1 {status} No\r\nX-Version: 7\r\nContent-Length: 4\r\n\r\nsick"))[0]
    assert isinstance(error, Wrong)
    assert (str(error), error.status, error.version) == (f"status {status}: sick", status, "7")


def test_a_body_that_is_cut_short() -> None:
    text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour"
    assert lost(visit("fresh", answering(text))) == "body: the server closed the connection after 4 bytes"


def test_a_stream_that_is_cut_short() -> None:
    text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Version: 7\r\n\r\n4\r\n0 7\n\r\n"
    assert lost(visit("stream", answering(text))).startswith("body: ")


def test_a_stream_of_two_versions() -> None:
    lines = [f"{number} {7 if number < 10 else 8}\n" for number in range(STREAM_CHUNKS)]
    chunks = "".join(f"{len(line):x}\r\n{line}\r\n" for line in lines)
    text = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Version: 7\r\n\r\n{chunks}0\r\n\r\n"
    assert lost(visit("stream", answering(text))).startswith("the stream is not whole")


def test_an_upload_that_arrives_changed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(size)
        body = b'{"bytes": %d, "sha256": "%s"}' % (size, b"0" * 64)
        writer.write(b"HTTP/1.1 200 OK\r\nX-Version: 7\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    assert "are not ours" in lost(visit("upload", serve))


def test_an_upload_that_is_cut_off() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        writer.transport.abort()

    assert lost(visit("upload", serve)).partition(":")[0] in ("send", "head")


def websocket(*frames: bytes) -> Serve:
    """Accepts, then answers each frame with one of these; then it hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest())
        writer.write(b"HTTP/1.1 101 .\r\nUpgrade: websocket\r\nX-Version: 7\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept)
        for frame in frames:
            await reader.readexactly(2)
            writer.write(frame)
            await writer.drain()

    return serve


def test_a_websocket_that_breaks_between_messages() -> None:
    assert lost(visit("websocket", websocket(b"\x81\x03" + b"7 0"))) == "frame: the server closed the connection after 0 bytes"


def test_a_websocket_that_says_something_else() -> None:
    assert "message 0 was answered with frame 1" in lost(visit("websocket", websocket(b"\x81\x03" + b"7 9")))


def test_a_websocket_whose_server_says_goodbye_with_a_message_unanswered() -> None:
    assert "message 0 was answered with frame 8" in lost(visit("websocket", websocket(b"\x88\x02\x03\xe9")))


def test_a_websocket_that_is_refused() -> None:
    error = lost(visit("websocket", answering("HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n")))
    assert error == "status 502"


# ----------------------------------------------------------------------- page


def pages(files: dict[str, tuple[int, str]]) -> Serve:
    """A server of these, each a status and a body that says its version."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        status, body = files[path]
        said = re.search(r"v\d", body)
        head = (
            f"HTTP/1.1 {status} X\r\nX-Version: {said.group() if said else ''}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body.encode())
        await writer.drain()

    return serve


PAGE = 'v1 <link href="/a.css"><script src="/b.js"></script>'


def test_a_page_is_whole_when_each_file_that_it_names_is_there_and_of_its_version() -> None:
    assert visit("page", pages({"/": (200, PAGE), "/a.css": (200, "v1"), "/b.js": (200, "v1")})) == [(200, "v1")]


@pytest.mark.parametrize(("answer", "said"), [((404, "v1"), "status 404"), ((200, "v2"), "/b.js of version v1 came from version v2")])
def test_a_file_that_is_gone_or_of_another_version_is_a_loss(answer: tuple[int, str], said: str) -> None:
    (found,) = visit("page", pages({"/": (200, PAGE), "/a.css": (200, "v1"), "/b.js": answer}))
    assert isinstance(found, Wrong)
    assert said in str(found)
