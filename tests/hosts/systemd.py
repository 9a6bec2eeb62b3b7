"""A host's files in, the same with a real systemd as pid 1 out: its units, its control groups, and what is left of those afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

BOOT = Path(__file__).with_name("boot_systemd.sh")
JOIN = Path(__file__).with_name("join.sh")
GROUPS = Path("/sys/fs/cgroup")
UNITS = "etc/systemd/system"
NEEDED = ("/lib/systemd/systemd", "/usr/bin/dbus-daemon", "/usr/bin/systemctl", "/usr/bin/loginctl")

SSHD = """\
[Unit]
Description=sshd of a test host

[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -f /dev/null -h /etc/ssh/ssh_host_ed25519_key -o PidFile=none -o UsePAM=no -o UseDNS=no \\
    -o MaxStartups=100:30:200 -o PrintMotd=no -o PasswordAuthentication=no -o PermitRootLogin=prohibit-password \\
    -o "AuthorizedKeysFile=.ssh/authorized_keys /etc/ssh/keys.%u"
KillMode=process
"""


def why_not() -> str | None:
    """Why no host can have a systemd here; None where it can."""
    missing = [name for name in NEEDED if not os.path.exists(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not (GROUPS / "systemd").is_dir() or not os.access(GROUPS / "systemd", os.W_OK):
        return "the control groups of this machine are not those of version 1 that a systemd of its own can be given"
    return None


def lay_out(changes: Path, user: str, authorized_key: str) -> None:
    """Only what a host needs: sshd, and the user's own systemd, which starts with the machine. No unit of this machine runs there.

    Root is let in by the same key, as on a new machine.
    """
    units = changes / UNITS
    (units / "multi-user.target.wants").mkdir(parents=True)
    os.setxattr(units, "trusted.overlay.opaque", b"y")
    (units / "shipway-sshd.service").write_text(SSHD)
    (units / "multi-user.target.wants/shipway-sshd.service").symlink_to("../shipway-sshd.service")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for name in ("systemd-udevd", "systemd-networkd", "systemd-resolved", "systemd-timesyncd", "systemd-modules-load", "systemd-sysctl"):
        (units / f"{name}.service").symlink_to("/dev/null")
    for name in ("getty.target", "apparmor.service", "docker.service", "docker.socket"):
        (units / name).symlink_to("/dev/null")
    linger = changes / "var/lib/systemd/linger"
    linger.mkdir(parents=True)
    os.setxattr(linger, "trusted.overlay.opaque", b"y")
    (linger / user).touch()
    (changes / "etc/ssh/keys.root").write_text(authorized_key)
    _identity(changes)


def lay_out_bare(changes: Path, authorized_key: str, packages: str) -> None:
    """What whoever rents a machine gets: units and sshd of Debian, root let in by a key, an address of packages. No unit for hardware."""
    units = changes / UNITS
    units.mkdir(parents=True)
    for name in (
        "systemd-udevd.service",
        "systemd-networkd.service",
        "systemd-resolved.service",
        "systemd-timesyncd.service",
        "getty.target",
    ):
        (units / name).symlink_to("/dev/null")
    keys = changes / "root/.ssh"
    keys.mkdir(parents=True)
    (keys / "authorized_keys").write_text(authorized_key)
    for path, mode in ((keys / "authorized_keys", 0o600), (keys, 0o700), (keys.parent, 0o700)):
        path.chmod(mode)
    (changes / "etc/apt").mkdir()
    (changes / "etc/apt/sources.list").write_text(f"deb [trusted=yes] {packages} ./\n")
    _identity(changes)


def _identity(changes: Path) -> None:
    (changes / "etc/fstab").write_text("")
    (changes / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n")


def joined(name: str, argv: Sequence[str]) -> list[str]:
    """The command in control groups of its own; `leave` takes them away when its last process is gone."""
    return ["/bin/sh", str(JOIN), name, *argv]


def leave(name: str) -> None:
    """Remove the control groups of a host that is down."""
    for hierarchy in GROUPS.iterdir():
        top = hierarchy / name
        for attempt in range(100):
            if not top.is_dir():
                break
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    continue  # the kernel may need a moment after the last process
            time.sleep(0.01 if attempt else 0)
