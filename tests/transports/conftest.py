"""What tests of transports share: a real sshd, and the client pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transports import sshd


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sshd.Sshd]:
    """A real sshd, and SHIPWAY_SSH_CONFIG that leads to it."""
    if sshd.SSHD is None:
        pytest.skip("there is no sshd on this machine")
    folder = tmp_path / "sshd"
    folder.mkdir()
    with sshd.running(folder) as server:
        monkeypatch.setenv("SHIPWAY_SSH_CONFIG", str(server.config))
        yield server
