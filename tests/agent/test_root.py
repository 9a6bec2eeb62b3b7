"""A root: one directory, opened once, with two locks, a socket to be poked at, and a place for sockets that others dial."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import root as roots
from shipway_agent.errors import AgentError, Foreign, Missing
from shipway_agent.root import Root

NOBODY = 65534


@pytest.fixture(params=[20, 200, 400], ids=lambda size: f"{size} bytes and more")
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Root]:
    """Roots of every length, for a socket's name has at most 107 bytes."""
    path = str(tmp_path)
    while len(path) < request.param:
        path += "/" + "long-name-"[: max(1, request.param - len(path) - 1)]
    with Root(path, create=True) as opened:
        yield opened
        opened.remove_socket_folder()


def test_a_root_is_made_for_its_user_alone(tmp_path: Path) -> None:
    with Root(f"{tmp_path}/a/b/root", create=True) as root:
        assert stat.S_IMODE(os.stat(root.path).st_mode) == 0o700
        assert root.path == f"{tmp_path}/a/b/root" and len(root.digest) == 16


def test_a_root_that_others_could_write_to_is_closed_to_them(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)
    with Root(str(tmp_path)):
        assert stat.S_IMODE(os.stat(tmp_path).st_mode) == 0o755


def test_a_root_may_be_reached_through_a_link_and_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "link")
    with Root(f"{tmp_path}/link") as through, Root(f"{tmp_path}/disk") as straight:
        assert (through.path, through.digest) == (straight.path, straight.digest)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to own files as somebody else")
def test_a_root_of_somebody_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    with pytest.raises(Foreign, match=f"belongs to user {NOBODY}"):
        Root(str(tmp_path))


def test_what_cannot_be_a_root_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        Root(f"{tmp_path}/none")
    with pytest.raises(AgentError, match="not an absolute path"):
        Root("relative")
    with pytest.raises(AgentError, match="more than 480 do not work"):
        Root("/" + "/".join(["x" * 100] * 5), create=True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Foreign, match="not a directory"):
        Root(f"{tmp_path}/file")


def test_the_hosts_lock_orders_those_who_decide(root: Root) -> None:
    order: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with root.host_lock():
            inside.set()
            leave.wait(30)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(30)
    with pytest.raises(AgentError, match="held by another process") as caught, root.host_lock(timeout_seconds=0.01):
        pass
    assert caught.value.code == "busy"
    leave.set()
    with root.host_lock():
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_one_daemon_holds_a_root_and_the_lock_ends_with_its_process(root: Root) -> None:
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            root.supervisor_lock()
            os.write(ready[1], b"x")
            os.read(go[0], 1)
        finally:
            os._exit(0)
    try:
        assert os.read(ready[0], 1) == b"x"
        assert root.supervised()
        with pytest.raises(AgentError):
            root.supervisor_lock(0.01)
    finally:
        os.write(go[1], b"x")
        os.waitpid(pid, 0)
        for fd in (*ready, *go):
            os.close(fd)
    assert not root.supervised()
    root.supervisor_lock().release()


def test_asking_whether_a_daemon_runs_does_not_keep_one_from_starting(root: Root) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            root.supervised()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(20):
            root.supervisor_lock(30).release()
    finally:
        stop.set()
        thread.join()


def test_a_poke_arrives_however_long_the_path_is(root: Root) -> None:
    assert not root.send("supervisor.sock", b"nobody")
    with root.bind("supervisor.sock") as bound:
        assert root.send("supervisor.sock", b"now")
        assert bound.recv(16) == b"now"
    assert not root.send("supervisor.sock", b"gone"), "the file is there, and nobody listens"
    with root.bind("supervisor.sock") as again:
        assert root.send("supervisor.sock", b"again") and again.recv(16) == b"again"


def test_a_poke_never_waits_for_a_daemon_that_is_stuck(root: Root) -> None:
    with root.bind("supervisor.sock"):
        sent = 0
        while root.send("supervisor.sock", b"x" * 1000):
            sent += 1
            assert sent < 100_000
    assert sent


def test_sockets_have_a_place_whose_names_are_short_enough(root: Root) -> None:
    place = root.socket_folder()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}/000042-a-process-with-a-long-name.12")
        listener.listen()
    assert len(place) <= 70 and stat.S_IMODE(os.stat(place).st_mode) == 0o700
    assert root.socket_folder() == place
    root.remove_socket_folder()
    assert not os.path.exists(place)
    root.remove_socket_folder()


def test_a_short_root_keeps_its_sockets_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "SHORT_ROOT", 4096)
    with Root(str(tmp_path)) as root:
        assert root.socket_folder() == f"{tmp_path}/run/s"


@pytest.fixture
def common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for /tmp, in which somebody was there before us."""
    place = tmp_path / "common"
    place.mkdir()
    os.chmod(place, 0o1777)
    monkeypatch.setattr(roots, "COMMON_PLACE", str(place))
    monkeypatch.setattr(roots, "SHORT_ROOT", 0)
    return place


def test_a_link_in_the_common_place_is_not_followed(tmp_path: Path, common: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", common / f"shipway-{os.geteuid()}")
    with Root(f"{tmp_path}/root", create=True) as root, pytest.raises(Foreign, match="symbolic link"):
        root.socket_folder()
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path, common: Path) -> None:
    own = common / f"shipway-{os.geteuid()}"
    own.mkdir()
    os.chmod(own, 0o755)
    with Root(f"{tmp_path}/root", create=True) as root, pytest.raises(Foreign, match="entered by other users"):
        root.socket_folder()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to own files as somebody else")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, common: Path) -> None:
    own = common / f"shipway-{os.geteuid()}"
    own.mkdir(0o700)
    os.chown(own, NOBODY, NOBODY)
    with Root(f"{tmp_path}/root", create=True) as root, pytest.raises(Foreign, match=f"belongs to user {NOBODY}"):
        root.socket_folder()
