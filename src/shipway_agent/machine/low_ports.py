"""What the kernel and sysctl.d say in; out, ports 80 and 443 free for every user, now and after a reboot.

Not by a capability on Caddy: that makes its sockets unreadable to its own user in /proc, and our proof reads them.
"""

from __future__ import annotations

import os
import re
from typing import List, Mapping, Optional, Tuple

from shipway_agent.errors import naming
from shipway_agent.folder import Folder
from shipway_agent.machine.done import THERE, WRONG, Done, changed

THING = "ports"
NOW = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
"""The first one that has a file of a name wins; then names count in their order, whatever folder they are in."""

NAME = "60-shipway.conf"
LOWEST = 80
TEXT = f"""\
# Written by `shipway setup`: the proxy of a deploying user may listen at the ports of the web. Take this file away to end it.
net.ipv4.ip_unprivileged_port_start = {LOWEST}
"""
_LINE = re.compile(r"^\s*-?\s*net[./]ipv4[./]ip_unprivileged_port_start\s*=\s*(\d+)\s*$", re.MULTILINE)


def have_low_ports(apply: bool) -> Done:
    """Changes the kernel's value and writes one file of its own. One that somebody edited is never written over. Raises AgentError."""
    now = _now()
    if now is None:
        next = "let the proxy listen above 1023 (`listen` of the host), behind whatever has these ports"
        return Done(THING, WRONG, "this kernel cannot give ports below 1024 to users other than root", next)
    files = _files()
    boot, where = after_boot(files)
    if now <= LOWEST and boot <= LOWEST:
        return Done(THING, THERE, f"every user may listen at ports from {max(now, boot)} on, so the proxy may at 80 and 443")
    ours = files.get(NAME)
    if boot > LOWEST and ours is not None and ours != TEXT:
        return Done(
            THING, WRONG, f"{FOLDERS[0]}/{NAME} was edited, and stays as it is", f"remove it, or have it say {LOWEST}; then the same again"
        )
    if boot > LOWEST and where > NAME:
        return Done(
            THING,
            WRONG,
            f"{where} of sysctl.d keeps ports below {boot} for root, and counts after {NAME}",
            f"take that line out of {where}",
        )
    if apply:
        if ours != TEXT and boot > LOWEST:
            _write()
        if now > LOWEST:
            _set()
    return changed(
        THING, apply, f"every user may listen at ports from {LOWEST} on (before: {max(now, boot)}), so the proxy may at 80 and 443"
    )


def after_boot(files: Mapping[str, str]) -> Tuple[int, str]:
    """The value that these files of sysctl.d leave, and which of them has the last word, "" for none. Pure."""
    value, where = 1024, ""
    for name in sorted(files):
        for found in _LINE.findall(files[name]):
            value, where = int(found), name
    return value, where


def _now() -> Optional[int]:
    try:
        with open(NOW, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _files() -> Mapping[str, str]:
    found = {}
    for folder in FOLDERS:
        for name in _names(folder):
            if name not in found:
                found[name] = _text(f"{folder}/{name}")
    return found


def _names(folder: str) -> List[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".conf")]
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


def _write() -> None:
    with naming("/etc"):
        fd = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with Folder("/etc", fd) as etc, etc.at("sysctl.d", create=True) as folder:
        folder.write(NAME, TEXT.encode(), 0o644)


def _set() -> None:
    with naming(NOW), open(NOW, "w", encoding="ascii") as file:
        file.write(f"{LOWEST}\n")
