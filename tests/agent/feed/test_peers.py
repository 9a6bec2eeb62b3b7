"""Hosts that pass parcels on to each other, and what becomes of those that are dead, silent, slow, lying or strangers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shipway.execute.feed_keys import credentials
from shipway_agent.feed import take
from shipway_agent.feed.credentials import Credentials, giving, taking
from shipway_agent.feed.line import Answer, Question
from shipway_agent.feed.shelf import STILL_SECONDS, Lie, Shelf
from shipway_agent.feed.store import Parcels
from shipway_agent.root import Root
from tests.agent.feed.sides import CONTENT, WANTED, Side, digest_of, until

KEYS = credentials("abcd")
OTHER_KEYS = credentials("abcd")


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Callable[..., Side]]:
    with contextlib.ExitStack() as stack:

        def make(number: str, *content: bytes, **more: object) -> Side:
            made = Side(tmp_path, number, KEYS, content, **more)  # type: ignore[arg-type]  # what a test gives on
            stack.callback(made.close)
            return made

        yield make


def test_each_takes_from_all_and_passes_on_what_it_took(side: Callable[..., Side]) -> None:
    a, b, c, d = side("a", *CONTENT[:3]), side("b", *CONTENT[3:]), side("c"), side("d")
    d.take_from("c", c.port)  # knows nobody else, and c has nothing yet
    for one, others in ((a, (b,)), (b, (a,)), (c, (a, b))):
        for other in others:
            one.take_from(other.number, other.port)
    until(lambda: all(one.shelf.whole for one in (a, b, c, d)))
    assert sum(c.shelf.came.values()) == sum(WANTED.values())
    assert "d" not in c.shelf.came, "who has nothing gives nothing"
    assert d.shelf.came == {"c": sum(WANTED.values())}
    assert all(Parcels(d.root).has(digest) for digest in WANTED)


def test_what_is_put_on_a_shelf_reaches_those_who_wait_for_it(side: Callable[..., Side]) -> None:
    a, b = side("a"), side("b")
    b.take_from("a", a.port)
    extra = b"named last" * 10_000
    for one in (a, b):
        one.shelf.want([(digest_of(extra), len(extra))])
    for data in (*CONTENT, extra):
        a.shelf.put(digest_of(data), data, "")
    until(lambda: b.shelf.whole)


class Liar(Parcels):
    """Passes on something of the right size."""

    def has(self, digest: str) -> bool:
        return Parcels(self.root).has(digest)

    def read(self, digest: str) -> bytes:
        return bytes(WANTED[digest])


def test_a_liar_is_found_and_never_asked_again(side: Callable[..., Side]) -> None:
    liar, honest, taker = side("a", *CONTENT, store=Liar), side("b", *CONTENT), side("c")
    said = taker.take_from("a", liar.port)
    until(lambda: said.ended)
    assert said.lied
    assert taker.shelf.lacking() == list(WANTED)
    assert not any(Parcels(taker.root).has(digest) for digest in WANTED)
    taker.take_from("b", honest.port)
    until(lambda: taker.shelf.whole)
    assert taker.shelf.came["b"] == sum(WANTED.values())


def test_a_peer_that_takes_the_connection_and_is_silent_is_given_up(side: Callable[..., Side], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "HANDSHAKE_SECONDS", 0.2)
    taker = side("c")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = taker.take_from("a", silent.getsockname()[1])
        until(lambda: said.ended)
    assert not said.reached
    assert not said.lied


@contextlib.contextmanager
def half_a_parcel(place: Path) -> Iterator[int]:
    """A member that offers everything and stops in the middle of what it gives."""
    context = giving(Credentials.read(KEYS["a"]), Root(str(place / "stalls"), create=True))
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as talk, talk.makefile("rb") as stream:
                Question.read(stream)
                talk.sendall(Answer(tuple(WANTED), False, 0).to_bytes())
                wanted = Question.read(stream)
                if wanted is not None and wanted.give is not None:
                    size = WANTED[wanted.give]
                    talk.sendall(Answer((), False, size).to_bytes() + bytes(size // 2))
                    ended.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_peer_that_stalls_costs_only_what_it_was_asked_for(side: Callable[..., Side], tmp_path: Path) -> None:
    honest, taker = side("b", *CONTENT), side("c")
    with half_a_parcel(tmp_path) as port:
        said = taker.take_from("a", port)
        until(lambda: said.reached)  # it is asked before the other is known
        taker.take_from("b", honest.port)
        until(lambda: taker.shelf.whole)
    assert taker.shelf.came == {"b": sum(WANTED.values())}


def test_who_has_no_certificate_of_this_deployment_learns_nothing(side: Callable[..., Side], tmp_path: Path) -> None:
    giver = side("a", *CONTENT)
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    stranger = taking(Credentials.read(OTHER_KEYS["b"]), Root(str(tmp_path / "stranger"), create=True))
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    for context in (bare, stranger):
        assert _told(context, giver.port) == b""
    assert giver.giver.given == 0
    member = side("b")
    member.take_from("a", giver.port)
    until(lambda: member.shelf.whole)  # strangers cost the others nothing


def _told(context: ssl.SSLContext, port: int) -> bytes:
    """What a caller hears that asks for everything without having the key."""
    try:
        with socket.create_connection(("127.0.0.1", port), 30) as connection, context.wrap_socket(connection) as talk:
            talk.sendall(Question(0, 0.0, next(iter(WANTED))).to_bytes())
            return talk.recv(1000)
    except OSError:
        return b""


def test_a_member_is_taken_only_for_itself(side: Callable[..., Side], tmp_path: Path) -> None:
    """Whoever took a's address, with a key of another deployment or that of another member, gives nothing to b."""
    taker = side("b")
    impostor = Side(tmp_path / "other", "a", OTHER_KEYS, CONTENT)
    another = side("c", *CONTENT)
    for port in (impostor.port, another.port):
        said = taker.take_from("a", port)
        until(lambda said=said: said.ended)  # type: ignore[misc]  # mypy takes no default for a lambda of no arguments
        assert not said.reached
    impostor.close()
    assert taker.shelf.lacking() == list(WANTED)


def test_nothing_listens_once_it_is_closed(side: Callable[..., Side]) -> None:
    a, b = side("a", *CONTENT), side("b")
    said = b.take_from("a", a.port)
    until(lambda: said.reached)
    a.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", a.port), 5)


def test_many_strangers_make_room_for_a_member(side: Callable[..., Side]) -> None:
    """Each takes a thread for as long as it shows no certificate, and the longest there goes first."""
    giver, member = side("a", *CONTENT), side("b")
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", giver.port), 30)) for _ in range(2 * giver.giver.most)]
        assert silent[0].recv(1) == b""
        member.take_from("a", giver.port)
        until(lambda: member.shelf.whole)


def test_a_key_lies_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Root(str(tmp_path / "r"), create=True) as root:
        taking(Credentials.read(KEYS["a"]), root)
        assert root.names() == []
        monkeypatch.delattr("os.memfd_create")  # a kernel without it: a file of ours, gone at once
        taking(Credentials.read(KEYS["a"]), root)
        assert root.names("run") == []
    assert KEYS["a"]["key"][:40] not in repr(Credentials.read(KEYS["a"]))


def test_a_parcel_is_asked_of_one_peer_and_of_another_when_it_is_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Root(str(tmp_path), create=True) as root:
        shelf = Shelf(Parcels(root))
        shelf.want(WANTED.items())
        first, second = list(WANTED)[:2]
        assert shelf.claim("a", [first]) == first
        assert shelf.claim("b", [first]) is None
        assert shelf.claim("b", [first, second]) == second
        now[0] += STILL_SECONDS * 2
        assert shelf.claim("c", [first]) == first
        now[0] += STILL_SECONDS * 0.9
        shelf.move("c", first)
        now[0] += STILL_SECONDS * 0.9
        assert shelf.claim("d", [first]) is None  # from c it comes
        shelf.release("a", first)
        shelf.release("c", first)
        assert shelf.claim("b", [first]) == first


def test_what_is_not_what_its_digest_says_is_not_kept(tmp_path: Path) -> None:
    with Root(str(tmp_path), create=True) as root:
        shelf = Shelf(Parcels(root))
        shelf.want(WANTED.items())
        with pytest.raises(Lie):
            shelf.put(digest_of(CONTENT[0]), CONTENT[1], "a")
        assert shelf.put(digest_of(b"nobody wants it"), b"nobody wants it", "a") is False
        assert shelf.put(digest_of(CONTENT[0]), CONTENT[0], "a") is True
        assert shelf.put(digest_of(CONTENT[0]), CONTENT[0], "b") is False
        later = Shelf(Parcels(root))
        later.want(WANTED.items(), last=True)
        assert later.since(0) == [digest_of(CONTENT[0])]
        assert not later.whole


def test_a_damaged_parcel_is_as_if_it_had_not_come(tmp_path: Path) -> None:
    with Root(str(tmp_path), create=True) as root:
        store = Parcels(root)
        store.keep(digest_of(CONTENT[2]), CONTENT[2])
        root.write(f"parcels/{digest_of(CONTENT[0])}", CONTENT[1])
        assert not store.has(digest_of(CONTENT[0]))
        assert store.has(digest_of(CONTENT[2]))
        assert not store.has(digest_of(CONTENT[3]))
