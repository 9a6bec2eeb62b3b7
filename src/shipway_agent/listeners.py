"""An address in, the sockets that listen there out, as the kernel lists them: inode, and connections nobody has accepted yet.

TCP is read from /proc/net/tcp and tcp6, where listeners come first. UNIX sockets are asked over netlink (sock_diag), which names
the bound file by device and inode, so that it does not matter by which spelling of its path a process bound it; where the kernel
lacks that, /proc/net/unix.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from shipway_agent.address import path_of, port_of

LISTENING = "0A"
DUMP_BYTES = 1 << 16


@dataclass(frozen=True)
class Listener:
    """One listening socket: its inode in sockfs, and how many connections wait in its backlog."""

    inode: int
    waiting: int


def listeners(address: str) -> Tuple[Listener, ...]:
    """Everything that listens at `address` in this network namespace; empty when nothing does."""
    port = port_of(address)
    if port is not None:
        return tuple(_tcp("/proc/net/tcp", port)) + tuple(_tcp("/proc/net/tcp6", port))
    path = path_of(address) or ""
    try:
        return tuple(_unix_asked(path))
    except OSError:
        return tuple(_unix_listed(path))


def _tcp(table: str, port: int) -> Iterator[Listener]:
    try:
        lines = open(table, encoding="ascii", errors="replace")
    except FileNotFoundError:  # a kernel without IPv6
        return
    with lines:
        next(lines, None)
        for line in lines:
            fields = line.split()
            if fields[3] != LISTENING:
                return  # listeners come first; a busy host has 10^5 lines after them
            host, _, hexadecimal = fields[1].partition(":")
            if int(hexadecimal, 16) == port and _takes_loopback(host):
                yield Listener(inode=int(fields[9]), waiting=int(fields[4].partition(":")[2], 16))


def _takes_loopback(host: str) -> bool:
    """Whether a listener bound to `host` (words of network bytes, in the byte order of this machine) gets what is sent to 127.0.0.1."""
    words = [struct.pack("=I", int(host[i : i + 8], 16)) for i in range(0, len(host), 8)]
    everywhere = not any(b"".join(words))
    if len(words) == 1:
        return everywhere or words[0][0] == 127
    return everywhere or (words[:3] == [b"\0" * 4, b"\0" * 4, b"\0\0\xff\xff"] and words[3][0] == 127)


# ------------------------------------------------------------------ netlink

SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
ERROR, DONE = 2, 3
STATE_LISTEN = 1 << 10
SHOW_VFS, SHOW_QUEUE = 2, 16
ATTRIBUTE_VFS, ATTRIBUTE_QUEUE = 1, 4


def _unix_asked(path: str) -> List[Listener]:
    try:
        file = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for inode, vfs, waiting in _dump_unix_listeners():
        # the kernel's 32-bit device number: 12 bits major, 20 bits minor
        if vfs == (file.st_ino & 0xFFFFFFFF, os.major(file.st_dev) << 20 | os.minor(file.st_dev)):
            found.append(Listener(inode, waiting))
    return found


def _dump_unix_listeners() -> Iterator[Tuple[int, Optional[Tuple[int, int]], int]]:
    ask = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, STATE_LISTEN, 0, SHOW_VFS | SHOW_QUEUE, 0xFFFFFFFF, 0xFFFFFFFF)
    header = struct.pack("=IHHII", 16 + len(ask), BY_FAMILY, REQUEST_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, SOCK_DIAG) as kernel:
        kernel.settimeout(2.0)
        kernel.send(header + ask)
        while True:
            data = kernel.recv(DUMP_BYTES)
            offset = 0
            while offset + 16 <= len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                if kind == DONE:
                    return
                if kind == ERROR:
                    raise OSError(-struct.unpack_from("=i", data, offset + 16)[0], "the kernel does not list UNIX sockets over netlink")
                yield _parse(data[offset + 16 : offset + length])
                offset += (length + 3) & ~3


def _parse(message: bytes) -> Tuple[int, Optional[Tuple[int, int]], int]:
    inode: int = struct.unpack_from("=I", message, 4)[0]
    vfs: Optional[Tuple[int, int]] = None
    waiting = 0
    offset = 16
    while offset + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, offset)
        if kind == ATTRIBUTE_VFS:
            vfs = struct.unpack_from("=II", message, offset + 4)
        elif kind == ATTRIBUTE_QUEUE:
            waiting = struct.unpack_from("=I", message, offset + 4)[0]
        offset += max(4, (length + 3) & ~3)
    return inode, vfs, waiting


def _unix_listed(path: str) -> List[Listener]:
    """From /proc/net/unix: a connection that nobody accepted yet is listed under its listener's path with inode 0."""
    inodes: List[int] = []
    waiting = 0
    with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as lines:
        next(lines, None)
        for line in lines:
            fields = line.rstrip("\n").split(None, 7)
            if len(fields) < 8 or not _same_file(fields[7], path):
                continue
            accepts = int(fields[3], 16) & 0x10000  # SO_ACCEPTCON
            inode = int(fields[6])
            if accepts:
                inodes.append(inode)
            elif inode == 0:
                waiting += 1
    return [Listener(inode, waiting) for inode in inodes]


def _same_file(bound: str, path: str) -> bool:
    if bound == path:
        return True
    try:
        return os.path.samefile(bound, path)
    except OSError:
        return False
