"""Everything below a root goes through a directory that is open: nobody can put a link in the way, and nothing is ever half written."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway_agent.errors import AgentError, Exists, Foreign, Missing
from shipway_agent.folder import NEW, OLD, Folder

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    os.mkdir(tmp_path / "root", 0o700)
    with Folder(f"{tmp_path}/root", os.open(tmp_path / "root", os.O_RDONLY | os.O_DIRECTORY)) as opened:
        yield opened


def mode(folder: Folder, relative: str) -> int:
    found = folder.stat(relative)
    assert found is not None
    return stat.S_IMODE(found.st_mode)


def in_a_child(work: Callable[[], object]) -> int:
    """Do it in a process of its own; its exit code. 77 stands for an exception."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(77)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_what_was_written_is_read_and_has_exactly_the_mode_asked_for(folder: Folder) -> None:
    before = os.umask(0o077)
    try:
        folder.write("plain", b"1")
        folder.write("open", b"2", 0o644)
        folder.at("a/b", create=True, mode=0o755).close()
        folder.write("a/b/c", b"3")
    finally:
        os.umask(before)
    assert (folder.read("plain"), folder.read("a/b/c")) == (b"1", b"3")
    assert (mode(folder, "plain"), mode(folder, "open"), mode(folder, "a")) == (0o600, 0o644, 0o755)


def test_names_are_bytes(folder: Folder) -> None:
    name = b"new\nline \xff\xfe"
    folder.write(name, b"x")
    assert [os.fsencode(found) for found in folder.names()] == [name]
    assert folder.read(name) == b"x"
    assert folder.full(name).endswith("new\nline \\xff\\xfe")


def test_a_file_is_replaced_in_one_rename_and_readers_see_the_old_or_the_new(folder: Folder) -> None:
    folder.write("config", b"old")
    reading = folder.file("config")
    folder.write("config", b"new")
    assert (os.read(reading, 9), folder.read("config")) == (b"old", b"new")
    os.close(reading)
    assert folder.names() == ["config"], "nothing is left beside it"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "..", "a/../../b", "a//b", ".", "a/", "a\0b"])
def test_a_path_that_is_not_plain_is_refused(folder: Folder, path: str) -> None:
    for work in (folder.read, folder.stat, folder.remove, folder.unlink, lambda p: folder.write(p, b"")):
        with pytest.raises(AgentError) as caught:
            work(path)
        assert caught.value.code == "path"


def test_no_link_is_followed_neither_on_the_way_nor_at_the_end(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"s")
    os.symlink(tmp_path / "outside", f"{folder.path}/door")
    os.symlink(tmp_path / "outside" / "secret", f"{folder.path}/secret")
    for work in (
        lambda: folder.read("door/secret"),
        lambda: folder.write("door/new", b""),
        lambda: folder.at("door"),
        lambda: folder.at("door/inner", create=True),
        lambda: folder.remove("door/secret"),
        lambda: folder.rename("door/secret", "stolen"),
        lambda: folder.read("secret"),
    ):
        with pytest.raises(Foreign, match="symbolic link"):
            work()
    folder.write("secret", b"mine")  # the link is replaced; what it points at is not written to
    assert sorted(os.listdir(tmp_path / "outside")) == ["secret"]
    assert (tmp_path / "outside" / "secret").read_bytes() == b"s"


def test_a_link_that_is_in_the_place_of_a_tree_is_removed_and_not_what_it_points_at(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_bytes(b"s")
    os.symlink(tmp_path / "outside", f"{folder.path}/door")
    folder.at("tree", create=True).close()
    os.symlink(tmp_path / "outside", f"{folder.path}/tree/door")
    assert folder.remove("door") and folder.remove("tree")
    assert (tmp_path / "outside" / "kept").exists() and folder.names() == []


def test_a_directory_that_is_swapped_for_a_link_under_our_hands_harms_nothing(folder: Folder, tmp_path: Path) -> None:
    """Somebody exchanges a directory for a link to another place, again and again, while we write through it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    os.mkdir(f"{folder.path}/real")
    os.symlink(outside, f"{folder.path}/fake")
    pid = os.fork()
    if pid == 0:
        while True:
            folder.exchange("real", "fake")
    refused = written = 0
    try:
        while (refused < 20 or written < 20) and refused + written < 20_000:
            try:
                folder.write("real/file", b"x")
                written += 1
            except Foreign:
                refused += 1
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert refused and written, "both were met"
    assert os.listdir(outside) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to own files as somebody else")
def test_what_belongs_to_somebody_else_is_refused(folder: Folder) -> None:
    folder.write("file", b"x")
    folder.at("place", create=True).close()
    for name in ("file", "place"):
        os.chown(f"{folder.path}/{name}", NOBODY, NOBODY)
    for work in (lambda: folder.read("file"), lambda: folder.at("place"), lambda: folder.write("place/x", b"")):
        with pytest.raises(Foreign, match=f"belongs to user {NOBODY}, not to user 0") as caught:
            work()
        assert caught.value.code == "foreign"


def test_a_pipe_in_the_place_of_a_file_is_refused_and_does_not_hold_us(folder: Folder) -> None:
    os.mkfifo(f"{folder.path}/pipe")
    with pytest.raises(Foreign, match="not a regular file"):
        folder.read("pipe")


def test_what_is_not_there_is_missing_or_none_or_false(folder: Folder) -> None:
    with pytest.raises(Missing):
        folder.read("a/b")
    assert folder.stat("a/b") is None and folder.read_link("a") is None
    assert folder.names("a") == [] and not folder.remove("a") and not folder.unlink("a")


def test_a_link_is_put_in_one_rename_over_the_one_before(folder: Folder) -> None:
    folder.link("current", "generations/000001")
    folder.link("current", "generations/000002")
    assert folder.read_link("current") == b"generations/000002"
    folder.write("file", b"")
    with pytest.raises(Foreign, match="not a symbolic link"):
        folder.read_link("file")


def test_two_names_change_places_at_once(folder: Folder) -> None:
    folder.at("one/1", create=True).close()
    folder.at("two/2", create=True).close()
    folder.exchange("one", "two")
    assert (folder.names("one"), folder.names("two")) == (["2"], ["1"])


def test_a_file_that_is_too_long_is_refused_before_it_fills_the_memory(folder: Folder) -> None:
    folder.write("long", b"12345")
    with pytest.raises(AgentError) as caught:
        folder.read("long", most_bytes=4)
    assert caught.value.code == "too-long"


def test_a_tree_of_any_depth_and_mode_is_removed_with_few_descriptors(folder: Folder) -> None:
    place = folder.at("deep", create=True)
    for level in range(1500):
        inner = place.at("d", create=True, sync=False)
        if level % 100 == 0:
            place.write("file", b"x")
        os.fchmod(place.fd, 0o555)
        place.close()
        place = inner
    place.close()
    assert folder.remove("deep")
    assert folder.names() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_user_without_rights_removes_its_own_read_only_trees() -> None:
    def work(place: str) -> None:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        with Folder(place, os.open(place, os.O_RDONLY)) as own:
            with own.at("tree/inner/most", create=True) as most:
                most.write("file", b"x", 0o444)
            for path in ("tree/inner/most", "tree/inner", "tree"):
                os.chmod(f"{place}/{path}", 0o555)
            assert own.remove("tree")
            assert own.names() == []

    with tempfile.TemporaryDirectory() as place:  # pytest's own directories cannot be entered by others
        os.chown(place, NOBODY, NOBODY)
        assert in_a_child(lambda: work(place)) == 0


def test_a_workshop_is_kept_by_its_rename_and_else_disappears(folder: Folder) -> None:
    with folder.workshop() as work:
        work.write("file", b"1")
        folder.rename(work.name, "kept")
    with folder.workshop() as work:
        work.write("file", b"2")
    assert folder.names() == ["kept"] and folder.read("kept/file") == b"1"


def test_what_a_killed_session_left_is_swept_and_what_another_holds_is_not(folder: Folder) -> None:
    def die() -> None:
        with folder.workshop() as work:
            work.write("file", b"1")
            os._exit(9)

    assert in_a_child(die) == 9
    folder.at(OLD + "half-removed", create=True).close()
    os.symlink("/etc", f"{folder.path}/{NEW}link")
    assert len(folder.names()) == 3
    with folder.workshop() as held:
        assert folder.sweep() == 3
        assert folder.names() == [held.name]


def test_a_child_killed_at_any_moment_of_a_write_leaves_the_old_content_or_the_new(folder: Folder) -> None:
    folder.write("file", b"old" * 1000)
    calls = ("open", "write", "fchmod", "fsync", "rename")
    for name in calls:

        def die(call: str = name) -> None:
            setattr(os, call, lambda *_, **__: os._exit(9))
            folder.write("file", b"new" * 1000)

        assert in_a_child(die) == 9, f"{name} was never called"
        assert folder.read("file") == b"old" * 1000
        folder.sweep()
        assert folder.names() == ["file"]


names = st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b".."))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(names, st.binary(max_size=200), max_size=5))
def test_any_name_and_any_content_survive(folder: Folder, files: dict[bytes, bytes]) -> None:
    for name, data in files.items():
        folder.write(name, data)
    assert {os.fsencode(name): folder.read(name) for name in folder.names()} == files
    for name in files:
        assert folder.unlink(name)


def test_nothing_is_written_over_by_exists(folder: Folder) -> None:
    folder.write("file", b"")
    with pytest.raises(Exists):
        os.close(folder.file("file", os.O_WRONLY | os.O_CREAT | os.O_EXCL))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_a_file_system_that_is_read_only_is_named_as_that(tmp_path: Path) -> None:
    place = tmp_path / "mounted"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", place], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        with Folder(str(place), os.open(place, os.O_RDONLY)) as folder:
            folder.write("before", b"x")
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
            for work in (
                lambda: folder.write("after", b""),
                lambda: folder.link("after", "x"),
                lambda: folder.remove("before"),
                lambda: folder.at("after", create=True),
            ):
                with pytest.raises(AgentError, match=f"{place}/.*read-only") as caught:
                    work()
                assert caught.value.code == "read-only"
            assert folder.read("before") == b"x"
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_what_this_user_may_not_do_is_denied_by_path() -> None:
    def work(place: str) -> None:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        with Folder(place, os.open(place, os.O_RDONLY)) as folder, pytest.raises(AgentError, match=f"{place}/x") as caught:
            folder.write("x", b"")
        assert caught.value.code == "denied"

    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        assert in_a_child(lambda: work(place)) == 0
