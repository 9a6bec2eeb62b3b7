"""Names and addresses in; a user's key, the hosts' keys, known_hosts and an ssh_config out."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

CONFIG = """Host {names}
    User {user}
    IdentityFile {directory}/id
    IdentitiesOnly yes
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    KexAlgorithms curve25519-sha256
"""
"""The key exchange that OpenSSH prefers, sntrup761x25519, costs Debian's 120 ms of processor time on each side of every login."""


def make_key(path: Path) -> None:
    """An ed25519 key pair without a passphrase at `path` and `path`.pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True, stdin=subprocess.DEVNULL)


def write_config(directory: Path, user: str, addresses: Mapping[str, str]) -> Path:
    """Writes `known_hosts` and `ssh_config` from the keys `<name>.key` in `directory`; answers the latter's path."""
    known = []
    for name, address in addresses.items():
        kind, key, *_ = (directory / f"{name}.key.pub").read_text().split()
        known.append(f"{name},{address} {kind} {key}\n")
    (directory / "known_hosts").write_text("".join(known))
    names = " ".join([*addresses, *addresses.values()])
    sections = [CONFIG.format(names=names, user=user, directory=directory)]
    sections += [f"Host {name}\n    HostName {address}\n" for name, address in addresses.items()]
    config = directory / "ssh_config"
    config.write_text("".join(sections))
    return config
