"""Content by its digest: what is here need not travel again, and nothing is kept that is not what it says it is."""

from __future__ import annotations

import base64
import os
import random
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway_agent.errors import AgentError, Foreign, Missing
from shipway_agent.manifest import digest
from shipway_agent.primitives import Context, blobs, intake, lack
from shipway_agent.root import Root
from tests.agent.primitives.conftest import blob_path, flip

A, B = b"one", b"two" * 1000


Sent = tuple[str, bool, int]


def of(*contents: bytes) -> list[Sent]:
    """How contents are announced."""
    return [(digest(data), False, len(data)) for data in contents]


def lacking(context: Context, *wanted: list[object]) -> object:
    return lack.lack(context, {"blobs": list(wanted)})["lacking"]


def code_of(work: object) -> str:
    with pytest.raises(AgentError) as caught:
        assert callable(work)
        work()
    return caught.value.code


def test_a_host_says_what_it_lacks_and_then_lacks_it_no_more(context: Context, root: Root) -> None:
    wanted: list[list[object]] = [[digest(A), False], [digest(B), True]]
    assert lacking(context, *wanted) == wanted
    assert blobs.keep(root, [(digest(A), False, len(A)), (digest(B), True, len(B))], [A + B]) == {"stored": 2}
    assert lacking(context, *wanted) == []
    for name, executable, data in ((digest(A), False, A), (digest(B), True, B)):
        with open(blob_path(root, name, executable), "rb") as file:
            assert file.read() == data
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == (0o555 if executable else 0o444)


def test_a_blob_has_its_mode_whatever_the_mask_of_the_user_takes_from_new_files(root: Root) -> None:
    before = os.umask(0o077)
    try:
        blobs.keep(root, [(digest(A), False, len(A)), (digest(B), True, len(B))], [A + B])
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(blob_path(root, digest(data), executable)).st_mode) for data, executable in ((A, False), (B, True))]
    assert modes == [0o444, 0o555]


def test_what_comes_though_it_is_here_leaves_the_file_that_trees_are_linked_to(context: Context, root: Root) -> None:
    """Else the store would have a file of its own, which nothing is linked to and `prune` takes away: nobody could make anything of it."""
    blobs.keep(root, of(A), [A])
    there = blob_path(root, digest(A))
    os.link(there, f"{root.path}/tree")
    blobs.keep(root, of(A, B), [A + B])
    assert os.path.samefile(there, f"{root.path}/tree")
    flip(there, 3)
    blobs.keep(root, of(A), [A])
    assert blobs.read(root, digest(A)) == A, "what is damaged is replaced"
    assert not os.path.samefile(there, f"{root.path}/tree")


def test_a_file_that_became_executable_sends_no_bytes(context: Context) -> None:
    blobs.keep(context.root, of(A), [A])
    assert lacking(context, [digest(A), True]) == []
    assert lacking(context, [digest(A), False], [digest(A), True]) == []


def test_a_damaged_twin_is_not_copied(context: Context, root: Root) -> None:
    blobs.keep(root, of(A), [A])
    flip(blob_path(root, digest(A)), 3)
    assert lacking(context, [digest(A), True]) == [[digest(A), True]]


@pytest.mark.parametrize("cut", [1, 2, 7, 10_000])
def test_a_body_may_come_in_any_pieces(root: Root, cut: int) -> None:
    body = A + B
    assert blobs.keep(root, of(A, B), [body[i : i + cut] for i in range(0, len(body), cut)]) == {"stored": 2}
    assert blobs.read(root, digest(B)) == B


def test_one_blob_comes_alone_or_from_a_file_of_this_machine(context: Context, tmp_path: Path, root: Root) -> None:
    (tmp_path / "caddy").write_bytes(B)
    own = {"digest": digest(B), "executable": True, "size": len(B)}
    assert blobs.put(context, {**own, "link": str(tmp_path / "caddy")}, []) == {"stored": 1}
    os.unlink(blob_path(root, digest(B), True))
    assert blobs.put(context, own, [B]) == {"stored": 1}
    assert os.stat(tmp_path / "caddy").st_nlink == 1, "a file of somebody else is copied, for its owner may change it"
    with pytest.raises(Missing, match="nowhere"):
        blobs.put(context, {**own, "link": str(tmp_path / "nowhere")}, [])


def test_a_member_that_lacks_a_blob_gets_it_in_parts(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.keep(root, [(digest(B), True, len(B))], [B])
    monkeypatch.setattr(blobs, "PART_BYTES", 2500)
    got = b""
    while len(got) < len(B):
        answer = blobs.get(root, {"digest": digest(B), "executable": True, "offset": len(got)})
        assert answer["size"] == len(B)
        got += base64.b64decode(answer["data"])
    assert got == B
    assert code_of(lambda: blobs.get(root, {"digest": digest(A), "executable": False})) == "missing"
    assert code_of(lambda: blobs.get(root, {"digest": "../" + digest(B), "executable": True})) == "digest"


def test_all_arrive_or_none(context: Context, root: Root) -> None:
    for body, code in (
        (A + B[:-1] + b"X", "flipped"),
        (A + B[:-1], "body"),
        (A + B + b"more", "body"),
        (b"", "body"),
    ):
        assert code_of(lambda body=body: blobs.keep(root, of(A, B), [body])) == code
        assert lacking(context, [digest(A), False])
        assert root.names("blobs") == [], "and nothing is left lying about"


def test_the_same_blob_may_be_announced_twice_and_sent_again(context: Context) -> None:
    assert blobs.keep(context.root, of(A, A), [A + A]) == {"stored": 2}
    assert blobs.keep(context.root, of(A, A), [A + A]) == {"stored": 2}
    assert blobs.read(context.root, digest(A)) == A


def test_what_comes_twice_and_is_something_else_the_second_time_is_not_there(root: Root) -> None:
    with intake.intake(root, 2, 2 * len(A)) as arriving:
        for content, whole in ((A, True), (A[:2], False)):
            blob = arriving.begin(digest(A), False)
            blob.write(content)
            assert blob.end() is whole
        assert not arriving.names
    assert root.names("blobs") == []


def test_where_files_have_no_times_of_their_own_nothing_is_taken_for_compared(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    assert blobs.keep(root, of(A, B), [A + B]) == {"stored": 2}
    assert blobs.read(root, digest(A)) == A and root.compared == {}


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "x" * 64, digest(A)[:-1]])
def test_a_digest_is_never_a_path(context: Context, name: str) -> None:
    assert code_of(lambda: blobs.put(context, {"digest": name, "executable": False, "size": 1}, [b"x"])) == "digest"
    assert code_of(lambda: lacking(context, [name, False])) == "digest"


def test_what_is_impossible_is_refused(root: Root) -> None:
    assert code_of(lambda: blobs.keep(root, [(digest(A), False, -1)], [])) == "body"


def test_more_than_the_disk_can_hold_is_refused_before_anything_is_written(root: Root) -> None:
    with pytest.raises(AgentError, match="bytes are to come") as caught:
        blobs.keep(root, [(digest(A), False, 1 << 60)], [A])
    assert caught.value.code == "disk-full" and caught.value.facts["free_bytes"] > 0


def test_a_link_in_the_place_of_a_shelf_is_refused(context: Context, root: Root, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    root.at("blobs", create=True).close()
    os.symlink(tmp_path / "outside", f"{root.path}/blobs/{digest(A)[:2]}")
    with pytest.raises(Foreign):
        blobs.keep(root, of(A), [A])
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("bit", [random.Random(5).randrange(8 * len(B)) for _ in range(10)])
def test_a_flipped_bit_is_found_when_a_blob_is_read(context: Context, root: Root, bit: int) -> None:
    blobs.keep(root, of(B), [B])
    flip(blob_path(root, digest(B)), bit)
    with pytest.raises(AgentError, match="is damaged") as caught:
        blobs.read(root, digest(B))
    assert caught.value.code == "flipped"


def test_killed_in_the_middle_nothing_half_stands_under_its_name(root: Root) -> None:
    """A child dies at each of its system calls in turn, until it gets through."""
    contents = [bytes([number]) * 5000 for number in range(12)]
    died = 0
    for call in ("write", "fsync", "rename"):
        for nth in range(0, 12, 4):
            pid = os.fork()
            if pid == 0:
                die_at(call, nth)
                blobs.keep(root, of(*contents), contents)
                os._exit(0)
            died += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
            for shelf in root.names("blobs"):
                for name in root.names(f"blobs/{shelf}") if not shelf.startswith(".") else []:
                    assert digest(root.read(f"blobs/{shelf}/{name}")) == name
    assert died >= 6
    blobs.keep(root, of(*contents), contents)
    assert all(not name.startswith(".") for name in root.names("blobs")), "the rest of the killed ones is swept"


def die_at(call: str, nth: int) -> None:
    real = getattr(os, call)
    left = [nth]

    def counted(*args: object, **more: object) -> object:
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1
        return real(*args, **more)

    setattr(os, call, counted)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
@pytest.mark.parametrize(("options", "count", "size"), [("size=1m", 4, 400_000), ("size=9m,nr_inodes=40", 60, 1)])
def test_a_disk_that_fills_up_on_the_way_is_named_with_its_path(tmp_path: Path, options: str, count: int, size: int) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "tmpfs", small], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        with Root(str(small)) as root:
            contents = [bytes([number]) * size for number in range(count)]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Root, "room", lambda self: (1 << 60, 1 << 60))  # somebody else fills it behind our look
                patch.setattr("shipway_agent.folder.Folder.room", lambda self: (1 << 60, 1 << 60))
                with pytest.raises(AgentError, match=f"{small}/blobs: no (space|inodes)") as caught:
                    blobs.keep(root, of(*contents), contents)
            assert caught.value.code == "disk-full"
            assert root.names("blobs") == [], "what had been written is gone, so that there is room again"
            with pytest.raises(AgentError, match="are to come"):
                blobs.keep(root, of(*contents), contents)
    finally:
        subprocess.run(["umount", small], check=True)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=3000), st.booleans()), max_size=8), st.integers(1, 4000))
def test_whatever_is_put_is_there(root: Root, some: list[tuple[bytes, bool]], cut: int) -> None:
    body = b"".join(data for data, _ in some)
    sent = [(digest(data), executable, len(data)) for data, executable in some]
    blobs.keep(root, sent, [body[i : i + cut] for i in range(0, len(body), cut)])
    for data, executable in some:
        with open(blob_path(root, digest(data), executable), "rb") as file:
            assert file.read() == data
