"""How the agent arrives on a bare python3: one constant on the command line, everything else over the channel."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.bootstrap import NoAgent, arrive, is_there
from shipway.transports.bundle import bundle
from shipway.transports.link import Link, start
from shipway.transports.stage import REMOTE_COMMAND, STAGE

HOST = Host("a", "local")
SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh", "fish", "tcsh", "ksh", "busybox") if shutil.which(shell)]
TOO_OLD = [path for path in ("/root/.pyenv/versions/3.6.15/bin/python3", "/root/.pyenv/versions/3.8.18/bin/python3") if Path(path).exists()]


def arrival(root: Path, python: str = sys.executable, env: Mapping[str, str] | None = None) -> None:
    """Let the agent arrive, and leave."""

    async def run() -> None:
        link = await start([python, "-I", "-S", "-c", STAGE], env=env or os.environ, kill=True)
        try:
            await asyncio.wait_for(arrive(link, HOST, root=str(root), proxy=f"{root}/proxy"), 30)
        finally:
            await link.close()

    asyncio.run(run())


def sent(program: bytes) -> bytes:
    packed = zlib.compress(program)
    return b"%d\n%s" % (len(packed), packed)


def greeted(root: Path, greet: Callable[[Link], Awaitable[object]]) -> tuple[object, int]:
    """What a greeting learnt over a start of its own, and the bytes that it sent."""

    async def run() -> tuple[object, int]:
        link = await start([sys.executable, "-I", "-S", "-c", STAGE], env=os.environ, kill=True)
        try:
            return await asyncio.wait_for(greet(link), 30), link.bytes_sent
        finally:
            await link.close()

    return asyncio.run(run())


def refusal(root: Path, python: str = sys.executable, env: Mapping[str, str] | None = None) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        arrival(root, python, env)
    return caught.value


def test_nothing_on_the_command_line_can_be_taken_apart_by_a_login_shell() -> None:
    assert re.fullmatch(r"python3 -I -S -X utf8 -c '[^'!\\\n]*'", REMOTE_COMMAND)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_login_shell_of_this_machine_hands_it_on_unchanged(shell: str) -> None:
    command = REMOTE_COMMAND.replace("python3", sys.executable, 1)
    argv = [shell, "sh", "-c", command] if shell == "busybox" else [shell, "-c", command]
    said = subprocess.run(argv, input=sent(b"print('arrived')"), capture_output=True, timeout=30, check=False)
    assert (said.stdout, said.stderr) == (b"arrived\n", b"")


def test_an_end_before_anything_was_sent_leaves_no_traceback() -> None:
    said = subprocess.run([sys.executable, "-I", "-S", "-c", STAGE], input=b"", capture_output=True, timeout=30, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")


def test_a_login_that_finds_its_agent_sends_a_kilobyte(tmp_path: Path) -> None:
    root, proxy = f"{tmp_path}/root", f"{tmp_path}/root/proxy"
    _, first = greeted(tmp_path, lambda link: arrive(link, HOST, root=root, proxy=proxy))
    _, second = greeted(tmp_path, lambda link: arrive(link, HOST, root=root, proxy=proxy))
    second -= len(root) + len(proxy)
    assert first > len(bundle().packed("bz2"))
    assert second <= 1150


def test_a_look_says_whether_the_agent_could_be_started_and_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"

    def look(link: Link) -> Awaitable[bool]:
        return is_there(link, HOST, root=str(root), proxy=f"{root}/proxy")

    assert greeted(root, look)[0] is False
    assert not root.exists()
    arrival(root)
    assert greeted(root, look)[0] is True
    agent = root / "agent" / f"{bundle().hash}.pyz"
    agent.chmod(0o600)
    agent.write_bytes(bundle().data[:-1])
    assert greeted(root, look)[0] is False
    assert agent.read_bytes() == bundle().data[:-1]


@pytest.mark.parametrize("folder", ["root", "root/agent"])
def test_where_others_may_write_the_agent_that_is_there_is_not_taken_at_once(tmp_path: Path, folder: str) -> None:
    root = tmp_path / "root"
    arrival(root)
    (tmp_path / folder).chmod(0o777)
    assert greeted(root, lambda link: is_there(link, HOST, root=str(root), proxy=f"{root}/proxy"))[0] is False
    arrival(root)  # closes it to them
    assert greeted(root, lambda link: is_there(link, HOST, root=str(root), proxy=f"{root}/proxy"))[0] is True


def test_the_agent_is_stored_under_its_hash_for_its_user_alone(tmp_path: Path) -> None:
    arrival(tmp_path / "deep/er/root")
    folder = tmp_path / "deep/er/root/agent"
    assert [path.name for path in folder.iterdir() if path.suffix == ".pyz"] == [f"{bundle().hash}.pyz"]
    assert (folder / f"{bundle().hash}.pyz").stat().st_mode & 0o777 == 0o400
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_half_an_agent_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "root/agent"
    folder.mkdir(parents=True)
    agent = folder / f"{bundle().hash}.pyz"
    agent.write_bytes(bundle().data[:1000])
    arrival(tmp_path / "root")
    assert agent.read_bytes() == bundle().data


def test_a_link_in_the_place_of_the_agent_is_replaced_and_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "root/agent"
    folder.mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(b"precious")
    agent = folder / f"{bundle().hash}.pyz"
    agent.symlink_to(tmp_path / "elsewhere")
    arrival(tmp_path / "root")
    assert not agent.is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


def test_a_link_in_the_place_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root/agent").symlink_to(tmp_path / "elsewhere")
    assert refusal(tmp_path / "root").code == "root"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_root_that_others_may_write_to_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root").chmod(0o777)
    arrival(tmp_path / "root")
    assert (tmp_path / "root").stat().st_mode & 0o777 == 0o755


def test_a_path_through_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refusal(tmp_path / "file/root")
    assert error.code == "root"
    assert f"{tmp_path}/file" in error.message


def test_a_tilde_of_nobody_is_named(tmp_path: Path) -> None:
    async def run() -> None:
        link = await start([sys.executable, "-I", "-S", "-c", STAGE], env=os.environ, kill=True)
        try:
            await asyncio.wait_for(arrive(link, HOST, root="~no-such-user/root", proxy="~/proxy"), 30)
        finally:
            await link.close()

    with pytest.raises(Unreachable, match="home directory in ~no-such-user/root"):
        asyncio.run(run())


@pytest.mark.parametrize("python", TOO_OLD)
def test_a_python_that_is_too_old_says_so(tmp_path: Path, python: str) -> None:
    error = refusal(tmp_path / "root", python, {"PATH": "/nonexistent"})
    assert error.code == "no-python"
    assert re.search(r"python3 is version 3\.[68]\.\d+ \(.*\), and 3\.9 or newer is needed", error.message)
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("python", TOO_OLD[:1])
def test_beside_a_python_that_is_too_old_a_newer_one_is_found(tmp_path: Path, python: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.11").symlink_to(sys.executable)
    arrival(tmp_path / "root", python, {"PATH": f"{tmp_path}/bin"})


def test_a_child_that_says_something_else_is_no_agent() -> None:
    async def run() -> None:
        link = await start(["/bin/sh", "-c", "echo Welcome, and goodbye"], env=os.environ, kill=True)
        try:
            await asyncio.wait_for(arrive(link, HOST, root="/nonexistent", proxy="/nonexistent"), 30)
        finally:
            await link.close()

    with pytest.raises((NoAgent, OSError)):
        asyncio.run(run())
