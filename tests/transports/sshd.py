"""A real sshd on 127.0.0.1 for one test: own host key, own user key, own home directory, and the client's configuration for it."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")


@dataclass
class Sshd:
    """A running server. `config` is what SHIPWAY_SSH_CONFIG names; in it the host is called `shop`, and `inner` is behind it."""

    port: int
    home: Path
    folder: Path
    config: Path
    known_hosts: Path
    process: subprocess.Popen[bytes]

    @property
    def host_key(self) -> str:
        """The public host key as in known_hosts, without the names in front."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    def fingerprint(self, key: str = "host_key") -> str:
        """SHA256:… of a public key in the folder."""
        listed = subprocess.run(["ssh-keygen", "-lf", self.folder / f"{key}.pub"], capture_output=True, text=True, check=True)
        return listed.stdout.split()[1]

    def trust(self, key: str | None) -> None:
        """Make this the one key that the client knows for the host; None for no key at all."""
        self.known_hosts.write_text("" if key is None else f"[127.0.0.1]:{self.port} {key}\n")


@contextmanager
def running(folder: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Sshd]:
    """Start an sshd that the client trusts and that trusts the client; end it by its pid. `environment` is set in every login."""
    home = folder / "home"
    home.mkdir()
    for name in ("host_key", "user_key", "other_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    port = _free_port()
    words = " ".join(f'{name}="{value}"' for name, value in {"HOME": str(home), **(environment or {})}.items())
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host_key\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"PermitRootLogin yes\nMaxStartups 100\nMaxSessions 100\nSetEnv {words}\n"
    )
    (folder / "ssh_config").write_text(
        f"Host shop inner\n HostName 127.0.0.1\n Port {port}\n User {getpass.getuser()}\n"
        f"Host inner\n ProxyJump shop\n"
        f"Host *\n IdentityFile {folder}/user_key\n IdentitiesOnly yes\n UserKnownHostsFile {folder}/known_hosts\n"
        f" GlobalKnownHostsFile /dev/null\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    assert SSHD is not None
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log, stdin=subprocess.DEVNULL)
    server = Sshd(port, home, folder, folder / "ssh_config", folder / "known_hosts", process)
    try:
        _wait_until_it_listens(server)
        server.trust(server.host_key)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(server: Sshd) -> None:
    until = time.monotonic() + 30
    while server.process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError((server.folder / "sshd.log").read_text())
