"""What a copy is started with: its arguments, its environment, its port, its socket."""

from __future__ import annotations

import os
import socket
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import spawn, surroundings
from shipway_agent.errors import AgentError
from shipway_agent.spawn import LONGEST_SOCKET

DOCUMENT = {"version": "1.2", "environment": "production", "release": "f" * 64, "number": 42}


def test_a_text_goes_to_the_shell_as_it_is() -> None:
    assert spawn.argv_of("exec gunicorn --bind :$PORT 'a b'", "8000", "") == ("/bin/sh", "-c", "exec gunicorn --bind :$PORT 'a b'")


def test_in_a_list_port_and_socket_are_replaced_and_nothing_else_is() -> None:
    run = ["serve", "--bind=unix:$SOCKET", "$PORT", "$HOME", "`id`", ""]
    assert spawn.argv_of(run, "8000", "/s") == ("serve", "--bind=unix:/s", "8000", "$HOME", "`id`", "")


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="$"))))
def test_whatever_else_stands_in_a_list_arrives(run: list[str]) -> None:
    assert spawn.argv_of(run, "8000", "/s") == tuple(run)


@pytest.mark.parametrize(("address", "name", "value"), [("127.0.0.1:8000", "PORT", "8000"), ("unix//run/s/web", "SOCKET", "/run/s/web")])
def test_the_environment_says_where_to_listen_and_what_runs(address: str, name: str, value: str) -> None:
    env = {"common": {"A": "1", "B": "common", "RELEASE": "lie"}, "process": {"web": {"B": "own"}, "worker": {"C": "3"}}}
    found = dict(spawn.environment_of(DOCUMENT, env, "web", address, "marker"))
    assert (found["A"], found["B"], found[name]) == ("1", "own", value)
    assert "C" not in found
    assert ("PORT" in found) != ("SOCKET" in found)
    assert (found["RELEASE"], found["SHIPWAY_ENVIRONMENT"], found["SHIPWAY_GENERATION"]) == ("1.2", "production", "42")
    assert found["SHIPWAY_INSTANCE"] == "marker"


def test_a_worker_is_told_no_address() -> None:
    assert not {"PORT", "SOCKET"} & set(spawn.environment_of(DOCUMENT, {}, "worker", None, "m"))


def test_a_port_is_free_and_nobody_else_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", spawn.choose_port(set())))
        taken.listen()
        busy = taken.getsockname()[1] - spawn.LOWEST_PORT
        claimed, free = islice((n for n in range(1000) if n != busy and spawn.is_free(spawn.LOWEST_PORT + n)), 2)
        picks = iter([busy, claimed, free])
        monkeypatch.setattr(os, "urandom", lambda size: next(picks).to_bytes(size, "big"))
        assert spawn.choose_port({spawn.LOWEST_PORT + claimed}) == spawn.LOWEST_PORT + free


def test_ports_stay_below_those_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(spawn.LOWEST_PORT <= spawn.choose_port(set()) < max(first, spawn.LOWEST_PORT + 1001) for _ in range(50))


def test_when_no_port_is_free_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "is_free", lambda port: False)
    with pytest.raises(AgentError, match=r"no free port on .* between 20000") as error:
        spawn.choose_port(set())
    assert error.value.code == "port"


@given(st.integers(10, 100), st.integers(1, 10**6), st.text(alphabet="abcdefghij", min_size=1, max_size=60), st.integers(1, 99))
def test_the_path_of_a_socket_always_fits(folder: int, generation: int, process: str, instance: int) -> None:
    path = spawn.socket_path("/" + "d" * (folder - 1), generation, process, instance, "0123456789abcdef")
    assert len(path) <= LONGEST_SOCKET or folder + 17 > LONGEST_SOCKET


def test_each_kind_of_listening_has_its_kind_of_address() -> None:
    assert spawn.choose_address(None, "/s", 42, "web", 1, "t", set()) is None
    assert spawn.choose_address("socket", "/s", 42, "web", 1, "t", set()) == "unix//s/42-web.1"
    assert str(spawn.choose_address("port", "/s", 42, "web", 1, "t", set())).startswith("127.0.0.1:")


def run(tmp_path: Path, *argv: str, **environment: str) -> tuple[int, str]:
    """Start it, wait for its end; exit code and what it wrote."""
    log_fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    pid = spawn.start(spawn.Launch(argv, str(tmp_path), {"PATH": surroundings.PATH, **environment}, log_fd))
    os.close(log_fd)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), (tmp_path / "log").read_text()


def test_a_program_is_found_on_the_path_of_its_own_environment(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "greet").write_text("#!/bin/sh\necho hello from $(pwd)\n")
    (tmp_path / "bin" / "greet").chmod(0o755)
    assert run(tmp_path, "greet", PATH=f"/nowhere:{tmp_path}/bin:/bin:/usr/bin") == (0, f"hello from {tmp_path}\n")


@pytest.mark.parametrize(
    ("program", "says"),
    [("no-such-program", "No such file or directory"), ("./data", "Permission denied"), ("./torn", "Exec format error")],
)
def test_what_cannot_be_executed_ends_with_127_and_says_why(tmp_path: Path, program: str, says: str) -> None:
    (tmp_path / "data").write_text("x")
    (tmp_path / "torn").write_bytes(b"\x7fELF torn")
    (tmp_path / "torn").chmod(0o755)
    code, said = run(tmp_path, program)
    assert code == 127
    assert said.startswith(f"shipway: cannot start {program}: ")
    assert says in said


def test_the_child_has_default_signals_an_own_session_and_no_descriptor_of_ours(tmp_path: Path) -> None:
    held = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    code = "grep -E 'SigIgn|SigBlk' /proc/self/status; ls /proc/self/fd | wc -l; umask; ps -o sid= -p $$ | tr -d ' '; echo $$"
    try:
        ended, said = run(tmp_path, "/bin/sh", "-c", code)
    finally:
        os.close(held)
    assert ended == 0
    blocked, ignored, descriptors, mask, session, pid = said.split("\n")[:6]
    assert (blocked.split()[1], ignored.split()[1]) == ("0" * 16, "0" * 16)
    leaked = [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and _inheritable(fd)]  # by whoever started pytest
    assert int(descriptors) == 4 + len(leaked)  # three, and the one that ls reads
    assert (mask, session) == ("0022", pid)


def _inheritable(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False
