"""What is fed to a host is unpacked while the rest still comes, and is on disk as far as it came."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipway.release.parcels import Content, parcels
from shipway_agent.feed.shelf import OPERATOR, Shelf
from shipway_agent.feed.store import Parcels
from shipway_agent.feed.unpack import Unpacker
from shipway_agent.manifest import digest
from shipway_agent.parcel import name_of
from shipway_agent.primitives import blobs, intake
from shipway_agent.root import Root
from tests.agent.feed.sides import until

FILES = [bytes([65 + number]) * 5000 for number in range(8)]


def test_a_host_that_waits_for_a_parcel_brings_to_disk_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "AHEAD", 3)  # of four the last may have more pieces in what comes next
    synced: set[str] = set()
    fsync = os.fsync

    def watched(fd: int) -> None:
        fsync(fd)
        synced.add(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))

    monkeypatch.setattr(os, "fsync", watched)
    first, second = (b"".join(parcels([Content(digest(data), False, data) for data in some])) for some in (FILES[:4], FILES[4:]))
    with Root(str(tmp_path), create=True) as root:
        shelf = Shelf(Parcels(root))
        shelf.want([(name_of(data), len(data)) for data in (first, second)], last=True)
        unpacker = Unpacker(root, shelf, len(FILES), sum(map(len, FILES)))
        unpacker.begin()
        shelf.put(name_of(first), first, OPERATOR)
        until(lambda: set(map(digest, FILES[:3])) <= synced)
        assert root.names("blobs") and not any(len(name) == 2 for name in root.names("blobs")), "none has its name before all are here"
        shelf.put(name_of(second), second, OPERATOR)
        shelf.close()
        unpacker.end()
        assert unpacker.answer == {"stored": len(FILES), "lacking": []}
        assert [blobs.read(root, digest(data)) for data in FILES] == FILES
