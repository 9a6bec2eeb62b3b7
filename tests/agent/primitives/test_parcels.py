"""Parcels come in, and blobs stand under their names: verified, all or none, made from what is here, and kept when a link is cut."""

from __future__ import annotations

import os
import random
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from shipway.release.parcels import Content
from shipway.release.parcels import parcels as make
from shipway_agent import parcel
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.manifest import digest
from shipway_agent.parcel import MADE, ORDER, PIECE, RAW, RECORD, ZLIB, name_of
from shipway_agent.primitives import Context, blobs, intake, parcels
from shipway_agent.root import Root
from tests.agent.primitives.conftest import blob_path, context_of, flip
from tests.agent.primitives.test_blobs import code_of, die_at

RANDOM = random.Random(11)
SMALL = [bytes([number]) * 3000 for number in range(20)]
LARGE = RANDOM.randbytes(2_500_000)
OLD = RANDOM.randbytes(50_000)
NEW = OLD[:20_000] + b"something else" + OLD[20_000:]


def contents(*datas: bytes) -> list[Content]:
    return [Content(digest(data), False, data) for data in datas]


def body(made: Iterable[bytes], kept: Iterable[str] = ()) -> bytes:
    """Parcels as an operator sends them, those in `kept` by name alone."""
    records = []
    for data in made:
        name = name_of(data)
        records.append(RECORD.pack(bytes.fromhex(name), 0 if name in kept else len(data)) + (b"" if name in kept else data))
    return b"".join(records)


def take(context: Context, sent: bytes, *datas: bytes, cut: int = 4000, **more: object) -> dict[str, object]:
    args = {"count": len(datas), "size": sum(map(len, datas)), **more}
    return parcels.take(context, args, [sent[at : at + cut] for at in range(0, len(sent), cut)])


def stands(root: Root, *datas: bytes) -> bool:
    return all(blobs.read(root, digest(data)) == data for data in datas)


@pytest.mark.parametrize("packing", [RAW, ZLIB])
@pytest.mark.parametrize("cut", [7, 65_536])
def test_what_is_sent_is_there(context: Context, root: Root, packing: bytes, cut: int) -> None:
    wanted = SMALL if cut == 7 else [*SMALL, LARGE]
    sent = body(make(contents(*wanted), packing))
    assert take(context, sent, *wanted, cut=cut) == {"stored": len(wanted), "lacking": []}
    assert stands(root, *wanted)
    assert root.names("parcels") == []


def test_a_blob_is_made_from_one_that_is_here(context: Context, root: Root) -> None:
    blobs.keep(root, [(digest(OLD), True, len(OLD))], [OLD])
    (made,) = make([Content(digest(NEW), False, NEW, Content(digest(OLD), True, OLD))])
    assert len(made) < 300
    assert take(context, body([made]), NEW) == {"stored": 1, "lacking": []}
    assert stands(root, NEW)


@pytest.mark.parametrize("state", ["gone", "damaged", "shorter"])
def test_what_cannot_be_made_is_named_and_the_rest_is_kept(context: Context, root: Root, state: str) -> None:
    """Then it is sent whole; a damaged one is found by the digest of what came of it."""
    if state != "gone":
        blobs.keep(root, [(digest(OLD), False, len(OLD))], [OLD])
    if state == "damaged":
        flip(blob_path(root, digest(OLD)), 99)
    if state == "shorter":
        os.chmod(blob_path(root, digest(OLD)), 0o644)
        os.truncate(blob_path(root, digest(OLD)), 30_000)
    made = make([Content(digest(NEW), False, NEW, Content(digest(OLD), False, OLD)), *contents(*SMALL)])
    answer = take(context, body(made), NEW, *SMALL)
    assert answer == {"stored": len(SMALL), "lacking": [[digest(NEW), False]]}
    assert stands(root, *SMALL)
    assert take(context, body(make(contents(NEW))), NEW) == {"stored": 1, "lacking": []}
    assert stands(root, NEW)


def test_a_cut_costs_only_the_parcel_that_was_on_its_way(context: Context, root: Root) -> None:
    made = list(make(contents(LARGE, *SMALL)))
    whole = body(made)
    cut = len(body(made[:2])) + 1000
    assert code_of(lambda: take(context, whole[:cut], LARGE, *SMALL, keep=True)) == "body"
    kept = parcels.kept(root)
    assert kept == sorted(name_of(data) for data in made[:2])
    assert [name for name in root.names("blobs") if not name.startswith(".")] == [], "no blob is there before all is"
    rest = body(made, kept)
    assert len(rest) < len(whole) - 2 * 700_000
    assert take(context, rest, LARGE, *SMALL, keep=True) == {"stored": 1 + len(SMALL), "lacking": []}
    assert stands(root, LARGE, *SMALL)
    assert parcels.kept(root) == [], "and what is unpacked is not kept twice"


def test_parcels_that_came_another_way_are_unpacked_by_name(context: Context, root: Root) -> None:
    made = list(make(contents(*SMALL)))
    for data in made:
        parcels.keep(root, name_of(data), data)
    answer = take(context, body(made, parcels.kept(root)), *SMALL, stay=True)
    assert answer == {"stored": len(SMALL), "lacking": []}
    assert stands(root, *SMALL)
    assert parcels.kept(root) == [name_of(data) for data in made], "they stay for those who have not got them yet"
    assert [parcels.read(root, name) for name in parcels.kept(root)] == made
    parcels.forget(root)
    assert root.stat("parcels") is None


def test_a_kept_parcel_that_is_damaged_or_gone_is_said_so(context: Context, root: Root) -> None:
    (made,) = make(contents(*SMALL))
    parcels.keep(root, name_of(made), made)
    flip(f"{root.path}/parcels/{name_of(made)}", 5)
    for _ in range(2):
        assert code_of(lambda: take(context, body([made], [name_of(made)]), *SMALL)) == "parcel-gone"
    assert parcels.kept(root) == []
    assert code_of(lambda: parcels.keep(root, name_of(made), made + b"x")) == "flipped"
    assert code_of(lambda: parcels.keep(root, "../x", made)) == "digest"


def test_a_kept_parcel_that_somebody_wrote_to_is_compared_though_this_process_wrote_it(root: Root) -> None:
    """Overwritten in place, replaced by another file, cut off: none is taken for what was kept."""
    data = next(iter(make(contents(LARGE))))
    name = name_of(data)
    path = f"{root.path}/parcels/{name}"

    def overwrite() -> None:
        flip(path, 3)

    def replace() -> None:
        Path(f"{path}.other").write_bytes(data[::-1])
        os.rename(f"{path}.other", path)

    def cut() -> None:
        os.truncate(path, 10)

    for spoil in (overwrite, replace, cut):
        known = parcels.keep(root, name, data)
        assert known is not None and parcels.read(root, name, known) == data
        spoil()
        with pytest.raises(AgentError, match="damaged on this host's disk"):
            parcels.read(root, name, known)


@pytest.mark.parametrize("bit", [RANDOM.randrange(8 * 36, 8 * 400) for _ in range(8)])
def test_a_bit_that_flips_on_the_way_is_found(context: Context, root: Root, bit: int) -> None:
    sent = bytearray(body(make(contents(*SMALL))))
    sent[bit // 8] ^= 1 << bit % 8
    assert code_of(lambda: take(context, bytes(sent), *SMALL)) == "flipped"
    assert root.names("blobs") == []


def piece(
    data: bytes, *, size: int | None = None, offset: int = 0, length: int | None = None, flags: int = 0, rest: bytes | None = None
) -> bytes:
    head = PIECE.pack(
        flags, bytes.fromhex(digest(data)), len(data) if size is None else size, offset, len(data) if length is None else length
    )
    return head + (data if rest is None else rest)


A, B = b"one" * 30, b"two" * 30
LIES = {
    "unknown packing": b"?" + piece(A),
    "not packed": ZLIB + b"not deflate at all",
    "packed and cut": ZLIB + zlib.compress(piece(A), wbits=-15)[:-4],
    "ends in a head": RAW + piece(A)[:20],
    "ends in content": RAW + piece(A)[:-1],
    "half a blob": RAW + piece(A, size=180),
    "second half only": RAW + piece(A, size=180, offset=90),
    "beyond its size": RAW + piece(A, size=10, length=90),
    "two halves of two": RAW + piece(A, size=180) + piece(B, size=180, offset=90),
    "orders that do not add up": RAW + piece(A, flags=MADE, rest=bytes(32) + ORDER.pack(0, 1000, 0)),
    "orders of nothing": RAW + piece(A, flags=MADE, rest=bytes(32) + ORDER.pack(0, 0, 0)),
    "more than announced": RAW + piece(b"x" * 5000),
    "endless content": RAW + piece(A, size=1 << 40, length=1 << 40),
}


@pytest.mark.parametrize("lie", LIES, ids=LIES)
def test_a_parcel_that_lies_leaves_nothing(context: Context, root: Root, lie: str) -> None:
    assert code_of(lambda: take(context, body([LIES[lie]]), A, B)) == "parcel"
    assert root.names("blobs") == []


def test_content_under_a_wrong_name_is_refused(context: Context, root: Root) -> None:
    lie = RAW + piece(A)[: PIECE.size] + b"eno" * 30
    assert code_of(lambda: take(context, body([lie]), A)) == "flipped"
    assert root.names("blobs") == []


def test_a_parcel_is_not_unpacked_beyond_what_it_announces(context: Context) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = ZLIB + packer.compress(piece(A, size=50_000_000, length=50_000_000, rest=b"\0" * 50_000_000)) + packer.flush()
    assert len(bomb) < 100_000
    with pytest.raises(AgentError, match="50000000 bytes of content"):
        list(parcel.pieces(bomb))


def test_a_parcel_that_is_too_long_or_more_than_the_disk_holds_is_refused(context: Context) -> None:
    assert code_of(lambda: take(context, RECORD.pack(bytes(32), (1 << 20) + 1), A)) == "parcel"
    assert code_of(lambda: parcels.take(context, {"count": 1, "size": 1 << 60}, [])) == "disk-full"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
@pytest.mark.parametrize("free", [4_500_000, 7_000_000], ids=["while they arrive", "while they are unpacked"])
def test_a_disk_that_fills_up_is_emptied_of_parcels(tmp_path: Path, free: int) -> None:
    """Else the record of the host could not be written, and its deployment not be undone."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={free},mode=700", "tmpfs", small], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        with Root(str(small)) as root:
            made = list(make(contents(RANDOM.randbytes(5_000_000))))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("shipway_agent.folder.Folder.room", lambda self: (1 << 60, 1 << 60))  # somebody else fills it behind our look
                with Journal(root) as journal:
                    sent = body(made)
                    args = {"count": 1, "size": 5_000_000, "keep": True}
                    assert code_of(lambda: parcels.take(context_of(root, journal), args, [sent])) == "disk-full"
            assert parcels.kept(root) == [] and root.names("blobs") == []
            assert root.room()[0] > free // 2
    finally:
        subprocess.run(["umount", small], check=True)


def test_parcels_are_not_kept_where_there_is_room_for_the_blobs_only(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list(make(contents(LARGE)))
    monkeypatch.setattr("shipway_agent.folder.Folder.room", lambda self: (4_000_000, 1 << 60))
    assert code_of(lambda: take(context, body(made)[:-1000], LARGE, keep=True)) == "body"
    assert parcels.kept(root) == []


def test_killed_in_the_middle_nothing_half_stands_under_its_name(context: Context, root: Root) -> None:
    """A child dies at each of its system calls in turn; whoever comes next needs only what had not arrived."""
    made = list(make(contents(LARGE, *SMALL)))
    died = 0
    for call, nths in (("write", (0, 3, 9, 20)), ("fsync", (0, 5)), ("rename", (0, 2, 6, 12))):
        for nth in nths:
            pid = os.fork()
            if pid == 0:
                die_at(call, nth)
                take(context, body(made, parcels.kept(root)), LARGE, *SMALL, keep=True)
                os._exit(0)
            died += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
            for shelf in [name for name in root.names("blobs") if not name.startswith(".")]:
                for name in root.names(f"blobs/{shelf}"):
                    assert digest(root.read(f"blobs/{shelf}/{name}")) == name
            for name in parcels.kept(root):
                assert name_of(root.read(f"parcels/{name}")) == name
    assert died >= 6
    assert take(context, body(made, parcels.kept(root)), LARGE, *SMALL) == {"stored": 1 + len(SMALL), "lacking": []}
    assert stands(root, LARGE, *SMALL)
    parcels.forget(root)


def test_while_the_next_is_waited_for_what_is_whole_is_brought_to_disk(
    context: Context, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = SMALL[:-1]  # the last may have more pieces in what comes next
    monkeypatch.setattr(intake, "AHEAD", len(ended))
    synced: list[str] = []
    fsync = os.fsync

    def watched(fd: int) -> None:
        fsync(fd)
        name = os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))
        synced.extend([name] if len(name) == 64 else [])

    monkeypatch.setattr(os, "fsync", watched)
    first, last = make(contents(*SMALL)), make(contents(LARGE))

    def come() -> Iterator[bytes | None]:
        yield from first
        assert not synced
        yield None
        assert sorted(synced) == sorted(map(digest, ended))
        yield from last
        yield None

    count = len(SMALL) + 1
    assert parcels.unpack(root, come(), count=count, size=sum(map(len, SMALL)) + len(LARGE)) == {"stored": count, "lacking": []}
    assert sorted(synced) == sorted(map(digest, [*SMALL, LARGE])), "each once, and all"
    assert stands(root, *SMALL, LARGE)
