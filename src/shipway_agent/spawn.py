"""A process of a generation document in, one running copy of it out: in a session of its own, with a clean environment and a marker.

The caller has the row with its token in the journal before it calls: whoever finds the marker afterwards finds the row. Between fork and
exec the child holds the daemon's lock, so that no other daemon can look for the marker before the child carries it.
"""

from __future__ import annotations

import os

from shipway_agent import sockets
from shipway_agent.address import LOOPBACK, of_port, of_socket
from shipway_agent.errors import AgentError
from shipway_agent.group import MARKER
from shipway_agent.record import dataclass
from shipway_agent.signals import set_all_back
from shipway_agent.surroundings import PATH, defaults, identity
from shipway_agent.typed import AbstractSet, Any, List, Mapping, NoReturn, Optional, Sequence, Tuple, Union

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
    """Start it; its pid, which names its group and session too. What cannot be executed ends at once with 127 and says so in its log."""
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pid = os.fork()
        if pid == 0:
            _become(launch, null)
    finally:
        os.close(null)
    return pid


def has_become(pid: int) -> bool:
    """Whether a child that `start` made is the program by now, and not this process's own image any more."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as theirs, open("/proc/self/cmdline", "rb") as ours:
            return theirs.read() != ours.read()
    except OSError:  # gone, or hidden: whether it lives is asked elsewhere
        return True


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


def _become(launch: Launch, null: int) -> NoReturn:
    """In the child. Nothing here may return or raise into the daemon's code; descriptors close at exec, the daemon's lock among them."""
    try:
        os.setsid()
        os.umask(0o022)
        set_all_back()
        os.dup2(null, 0)
        os.dup2(launch.log_fd, 1)
        os.dup2(launch.log_fd, 2)
        os.chdir(launch.directory)
        _exec(launch)
    except BaseException as error:
        os.write(2, f"shipway: cannot start {launch.argv[0]}: {error}\n".encode("utf-8", "backslashreplace"))
    os._exit(127)


def _exec(launch: Launch) -> None:
    name = launch.argv[0]
    tries: List[str] = (
        [name] if "/" in name else [f"{folder}/{name}" for folder in launch.environment.get("PATH", PATH).split(":") if folder]
    )
    fault: Optional[OSError] = None
    for file in tries:
        try:
            os.execve(file, launch.argv, launch.environment)  # noqa: S606  # no shell is the point
        except (FileNotFoundError, NotADirectoryError) as error:
            fault = fault or error
        except OSError as error:
            fault = error
            break
    raise fault or FileNotFoundError(f"{name} is in no directory of PATH")
