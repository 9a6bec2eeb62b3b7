"""A fault of the kernel becomes a code for programs and a sentence that names the path."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shipway_agent.errors import AgentError, Exists, Foreign, Missing, from_os, naming


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "denied"),
        (errno.EPERM, "denied"),
        (errno.EIO, "io"),
        (errno.ENAMETOOLONG, "too-long"),
        (errno.ENOENT, "missing"),
        (errno.EEXIST, "exists"),
        (errno.ELOOP, "foreign"),
        (errno.ENOTDIR, "foreign"),
        (errno.EMFILE, "system"),
    ],
)
def test_every_fault_has_a_code_and_names_its_path(number: int, code: str) -> None:
    error = from_os(OSError(number, os.strerror(number)), "/srv/shop/blobs")
    assert error.code == code
    assert "/srv/shop/blobs" in error.message
    assert error.facts["path"] == "/srv/shop/blobs"


def test_a_full_disk_says_how_much_is_free(tmp_path: Path) -> None:
    error = from_os(OSError(errno.ENOSPC, ""), f"{tmp_path}/not/there/yet")
    assert error.facts["free_bytes"] > 0 and error.facts["free_inodes"] != 0
    assert "df" in error.message


def test_a_quota_is_told_apart_from_a_full_disk() -> None:
    assert "quota" in from_os(OSError(errno.EDQUOT, ""), "/x").message


def test_whatever_happens_inside_is_named_and_refusals_of_ours_pass(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="nothing here") as caught, naming(f"{tmp_path}/nothing here"):
        os.stat(f"{tmp_path}/nothing here")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(Exists), naming(str(tmp_path)):
        os.mkdir(tmp_path)
    with pytest.raises(Foreign) as foreign, naming("/another"):
        raise Foreign("/one", "is a symbolic link")
    assert foreign.value.facts["path"] == "/one"


def test_a_refusal_travels_as_json() -> None:
    error = AgentError("died", "web.1 died", ["Traceback", "KeyError"], exit=1)
    assert error.to_json() == {"code": "died", "message": "web.1 died", "lines": ["Traceback", "KeyError"], "facts": {"exit": 1}}
