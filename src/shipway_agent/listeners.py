"""An address in, the sockets that listen there out, as the kernel lists them: inode, and connections nobody has accepted yet.

The kernel is asked over netlink (sock_diag). It names the file of a UNIX socket by device and inode, so that it does not matter by which
spelling of its path a process bound it. Where the kernel lacks that, /proc/net/tcp, tcp6 and unix are read, which costs milliseconds
instead of 0.2: to list a few listeners the kernel walks its whole table of connections.
"""

from __future__ import annotations

import os
import struct

from shipway_agent import sockets
from shipway_agent.address import path_of, port_of
from shipway_agent.record import dataclass
from shipway_agent.typed import Iterator, List, Optional, Tuple

LISTENING = "0A"
MAPPED = b"\0" * 10 + b"\xff\xff"
"""What stands in front of an IPv4 address that is written as IPv6."""

DUMP_BYTES = 1 << 16


@dataclass(frozen=True)
class Listener:
    """One listening socket: its inode in sockfs, and how many connections wait in its backlog."""

    inode: int
    waiting: int


def listeners(address: str) -> Tuple[Listener, ...]:
    """Everything that listens at `address` in this network namespace; empty when nothing does."""
    port = port_of(address)
    path = path_of(address) or ""
    try:
        return tuple(_tcp_asked(port) if port is not None else _unix_asked(path))
    except OSError:
        return tuple(_tcp_listed(port) if port is not None else _unix_listed(path))


def _tcp_listed(port: int) -> List[Listener]:
    return [*_tcp_table("/proc/net/tcp", port), *_tcp_table("/proc/net/tcp6", port)]


def _tcp_table(table: str, port: int) -> Iterator[Listener]:
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
            words = b"".join(struct.pack("=I", int(host[i : i + 8], 16)) for i in range(0, len(host), 8))
            if int(hexadecimal, 16) == port and _takes_loopback(words):
                yield Listener(inode=int(fields[9]), waiting=int(fields[4].partition(":")[2], 16))


def _takes_loopback(host: bytes) -> bool:
    """Whether a listener bound to this IPv4 or IPv6 address gets what is sent to 127.0.0.1."""
    if not any(host):
        return True
    return host[0] == 127 if len(host) == 4 else host[:12] == MAPPED and host[12] == 127


# ------------------------------------------------------------------ netlink

SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
ERROR, DONE = 2, 3
STATE_LISTEN = 1 << 10
SHOW_VFS, SHOW_QUEUE = 2, 16
ATTRIBUTE_VFS, ATTRIBUTE_QUEUE = 1, 4
ANY = 0xFFFFFFFF


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
    ask = struct.pack("=BBHIIIII", sockets.AF_UNIX, 0, 0, STATE_LISTEN, 0, SHOW_VFS | SHOW_QUEUE, ANY, ANY)
    return (_parse(message) for message in _dump(ask))


def _tcp_asked(port: int) -> List[Listener]:
    found = []
    for family, length in ((sockets.AF_INET, 4), (sockets.AF_INET6, 16)):
        ask = struct.pack("=BBBxI48x", family, sockets.IPPROTO_TCP, 0, STATE_LISTEN)
        for message in _dump(ask):
            bound = struct.unpack_from(">H", message, 4)[0]
            if bound == port and message[0] == family and _takes_loopback(message[8 : 8 + length]):
                waiting, inode = struct.unpack_from("=I8xI", message, 56)
                found.append(Listener(inode, waiting))
    return found


def _dump(ask: bytes) -> Iterator[bytes]:
    """What the kernel answers to one request for a list, without the headers. Raises OSError where it cannot be asked."""
    header = struct.pack("=IHHII", 16 + len(ask), BY_FAMILY, REQUEST_DUMP, 1, 0)
    with sockets.socket(sockets.AF_NETLINK, sockets.SOCK_RAW | sockets.SOCK_CLOEXEC, SOCK_DIAG) as kernel:
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
                    raise OSError(-struct.unpack_from("=i", data, offset + 16)[0], "the kernel does not list its sockets over netlink")
                yield data[offset + 16 : offset + length]
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
