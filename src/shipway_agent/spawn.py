"""A process of a generation document in, one running copy of it out: in a session of its own, with a clean environment and a marker.

The caller has the row with its token in the journal before it calls: whoever finds the marker afterwards finds the row. Between fork and
exec the child holds the daemon's lock, so that no other daemon can look for the marker before the child carries it. No signal is ignored
in it, for the daemon ignores none (signals.py).
"""

from __future__ import annotations

import os

from shipway_agent import sockets
from shipway_agent.address import LOOPBACK, of_port, of_socket
from shipway_agent.errors import AgentError
from shipway_agent.group import MARKER
from shipway_agent.record import dataclass
from shipway_agent.surroundings import defaults, identity
from shipway_agent.typed import AbstractSet, Any, Mapping, Optional, Sequence, Tuple, Union

LOWEST_PORT = 20000
LONGEST_SOCKET = 107
"""Bytes of a UNIX socket's path that the kernel takes."""


@dataclass(frozen=True)
class Launch:
    """All that a start needs: no shell, no look-up and no choice is left after this."""

    argv: Tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    log_fd: int


def directory_in(release: str, directory: str) -> str:
    """The real path of a directory of a release. Raises AgentError `directory` for one that is not in it."""
    found = os.path.realpath(f"{release}/{directory or '.'}")
    if found != release and not found.startswith(f"{release}/"):
        raise AgentError("directory", f"{directory!r} is no directory of the release", path=found)
    return found


def new_token() -> str:
    """A name for one start."""
    return os.urandom(8).hex()


def argv_of(run: Union[str, Sequence[str]], port: str, path: str) -> Tuple[str, ...]:
    """The argument list of `run`: a text is the user's own and goes to /bin/sh; in a list the texts $PORT and $SOCKET are replaced."""
    if isinstance(run, str):
        return "/bin/sh", "-c", run
    return tuple(item.replace("$PORT", port).replace("$SOCKET", path) for item in run)


def environment_of(
    document: Mapping[str, Any], env: Mapping[str, Any], process: str, address: Optional[str], marked: str
) -> Mapping[str, str]:
    """The whole environment of a copy."""
    found = {**defaults(), **env.get("common", {}), **env.get("process", {}).get(process, {}), **identity(document)}
    if address is not None:
        found.update([("SOCKET", address[len("unix/") :])] if address.startswith("unix/") else [("PORT", address.rpartition(":")[2])])
    found[MARKER] = marked
    return found


def start(launch: Launch) -> int:
    """Start it, and return once it is the program; its pid, which names its group and session too. Whoever calls it reaps it.

    Raises AgentError `start` for what cannot be executed, with the kernel's words.
    """
    from subprocess import DEVNULL, Popen  # a session starts no copy

    try:
        # In C from fork to exec, and where it can in our own memory: a fork that runs Python copies our pages for some milliseconds.
        started = Popen(
            launch.argv,
            cwd=launch.directory,
            env=launch.environment,
            stdin=DEVNULL,
            stdout=launch.log_fd,
            stderr=launch.log_fd,
            close_fds=False,
            start_new_session=True,
            umask=0o022,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        raise AgentError("start", f"{launch.argv[0]}: {getattr(error, 'strerror', error)}") from error
    started.returncode = 0  # else the next Popen would ask the kernel for its exit code, which it tells once
    return started.pid


def choose_port(held: AbstractSet[int]) -> int:
    """A free port of 127.0.0.1 that is none of `held`, below the range from which the kernel takes ports of outgoing connections."""
    highest = _first_outgoing_port() - 1
    for _ in range(1000):
        port = LOWEST_PORT + int.from_bytes(os.urandom(4), "big") % (highest - LOWEST_PORT)
        if port not in held and is_free(port):
            return port
    raise AgentError(
        "port", f"no free port on {LOOPBACK} between {LOWEST_PORT} and {highest} after 1000 tries (ss -ltn shows who has them)"
    )


def is_free(port: int) -> bool:
    """Whether a process could listen on this port of 127.0.0.1 now."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM | sockets.SOCK_CLOEXEC) as probe:
        # as servers do: connections of an earlier listener that linger in TIME_WAIT do not count
        probe.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def socket_path(folder: str, generation: int, process: str, instance: int, token: str) -> str:
    """The path of an instance's UNIX socket in the short directory: readable where it fits, else named by the start."""
    path = f"{folder}/{generation}-{process}.{instance}"
    return path if len(os.fsencode(path)) <= LONGEST_SOCKET else f"{folder}/{token}"


def choose_address(
    listens: Optional[str], folder: str, generation: int, process: str, instance: int, token: str, held: AbstractSet[int]
) -> Optional[str]:
    """Where a new copy will listen: None for a worker. `held` are the ports that other rows have."""
    if listens == "port":
        return of_port(choose_port(held))
    if listens == "socket":
        return of_socket(socket_path(folder, generation, process, instance, token))
    return None


def _first_outgoing_port() -> int:
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            first = int(file.read().split()[0])
    except (OSError, ValueError):
        first = 32768
    return first if first > LOWEST_PORT + 1000 else 65536
