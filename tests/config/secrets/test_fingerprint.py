"""The key of fingerprints: one for a checkout, for nobody else to read, and the same for all who ask at once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shipway.config.secrets.fingerprint import FILE, KEY_BYTES, read_key


def test_all_who_ask_at_once_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_key(tmp_path), range(16)))
    assert len(keys) == 1 and len(keys.pop()) == KEY_BYTES
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE], "nothing is left beside it"


def test_one_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"cut")
    assert len(read_key(tmp_path)) == KEY_BYTES == (tmp_path / FILE).stat().st_size


def test_a_checkout_that_cannot_be_written_has_none(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    with pytest.raises(OSError):
        read_key(tmp_path / "no-folder")
