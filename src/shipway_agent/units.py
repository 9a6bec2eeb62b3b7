"""A command in, a user unit of systemd that runs it from the machine's start on out; taken away again under the same name."""

from __future__ import annotations

import os
import time

from shipway_agent.errors import AgentError
from shipway_agent.folder import NEW
from shipway_agent.surroundings import PATH, account
from shipway_agent.typed import List, Optional, Sequence

BOOTED = "/run/systemd/system"
LINGER = "/var/lib/systemd/linger"
FOLDER = ".config/systemd/user"
COMMAND_SECONDS = 10.0
LINGER_SECONDS = 5.0

UNIT = """\
# Written by Shipway, and again by each deployment: starts what supervises
# {root}
# after a reboot. `shipway remove` takes it away.
[Unit]
Description=Shipway supervisor of {name}
StartLimitIntervalSec=0

[Service]
ExecStart={command}
Restart=always
RestartSec=1
KillMode=process
OOMPolicy=continue
UMask=0077
LimitNOFILE=65536:524288
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=default.target
"""
# KillMode=process: a supervisor that was killed finds its processes again; systemd must not end them with it.
# What follows UMask holds for the application as well; decision 0023 has what was tried and what was left out.


def is_init() -> bool:
    """Whether systemd started this machine."""
    return os.path.isdir(BOOTED)


def lingers(user: str) -> bool:
    """Whether this user's units start with the machine, without a login."""
    return os.path.exists(f"{LINGER}/{user}")


def have_linger() -> None:
    """Let this user's units start with the machine, as far as it may say so itself. Raises AgentError `unit`."""
    if lingers(account().name):
        return
    _run(["loginctl", "--no-ask-password", "enable-linger"], LINGER_SECONDS)
    until = time.monotonic() + LINGER_SECONDS
    while not os.path.exists(f"{_runtime()}/systemd/private"):
        if time.monotonic() >= until:
            raise AgentError("unit", "the user's own systemd did not start after lingering was enabled")
        time.sleep(0.05)


def install(name: str, command: Sequence[str], root: str) -> bool:
    """Write, enable and start `<name>.service`. True when it was not so before. Raises AgentError `unit`."""
    text = unit_text(name, command, root)
    path = f"{account().home}/{FOLDER}/{name}.service"
    if _read(path) == text and is_enabled(name):
        return False
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        aside = f"{path}{NEW}{os.getpid()}"
        with open(
            os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "w", encoding="utf-8"
        ) as file:
            file.write(text)
        os.rename(aside, path)
    except OSError as error:
        raise AgentError("unit", f"{path} cannot be written: {error.strerror}", path=path) from None
    _run(["systemctl", "--user", "daemon-reload"])
    _run(["systemctl", "--user", "enable", "--now", f"{name}.service"])
    return True


def remove(name: str) -> bool:
    """Stop and forget the unit; the processes that it started go on. False where there is none. Raises AgentError `unit`."""
    path = f"{account().home}/{FOLDER}/{name}.service"
    if _read(path) is None:
        return False
    if is_init():
        _run(["systemctl", "--user", "disable", "--now", f"{name}.service"])
    try:
        os.unlink(path)
    except OSError as error:
        raise AgentError("unit", f"{path} cannot be removed: {error.strerror}", path=path) from None
    return True


def restart(name: str) -> None:
    """End the unit's main process, and nothing else of it, and start it anew at once. Raises AgentError `unit`."""
    _run(["systemctl", "--user", "restart", f"{name}.service"])


def holds(name: str, pid: int) -> bool:
    """Whether systemd counts this process as one of the unit's."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            return any(line.rstrip("\n").endswith(f"/{name}.service") for line in file)
    except OSError:
        return False


def is_enabled(name: str) -> bool:
    """Whether the unit is among those that start with the user's own systemd."""
    return os.path.lexists(f"{account().home}/{FOLDER}/default.target.wants/{name}.service")


def of_root(root: str) -> List[str]:
    """Names of our units that supervise this root."""
    folder = f"{account().home}/{FOLDER}"
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith("shipway-") and name.endswith(".service"))
    except OSError:
        return []
    return [name[: -len(".service")] for name in names if f"\n# {root}\n" in (_read(f"{folder}/{name}") or "")]


def name_for(app: str, environment: str, root: str, digest: str) -> str:
    """`shipway-<app>-<environment>`; with digits behind it where another root of this user has that name."""
    mine = of_root(root)
    if mine:
        return mine[0]
    name = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "-" for letter in f"shipway-{app}-{environment}"
    )
    taken = _read(f"{account().home}/{FOLDER}/{name}.service") is not None
    return f"{name}-{digest[:8]}" if taken else name


def unit_text(name: str, command: Sequence[str], root: str) -> str:
    """The unit's file. Raises AgentError `unit` for a path that a unit cannot name."""
    if any("\n" in word for word in command):
        raise AgentError("unit", "a unit cannot hold a path with a line break in it")
    return UNIT.format(root=root, name=name[len("shipway-") :], command=" ".join(_quoted(word) for word in command))


def _quoted(word: str) -> str:
    for special, plain in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, plain)
    return f'"{word}"'


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16)
    except OSError:
        return None


def _runtime() -> str:
    return f"/run/user/{os.geteuid()}"


def _run(argv: List[str], timeout_seconds: float = COMMAND_SECONDS) -> None:
    import subprocess

    # A login over ssh does not always bring these two along.
    environment = {"PATH": PATH, **os.environ, "XDG_RUNTIME_DIR": _runtime(), "LC_ALL": "C"}
    environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={_runtime()}/bus"
    words = " ".join(argv)
    try:
        said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds, env=environment, check=False)
    except OSError as error:
        raise AgentError("unit", f"{argv[0]} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise AgentError("unit", f"`{words}` did not end within {timeout_seconds:g} s") from None
    if said.returncode != 0:
        lines = said.stderr.decode("utf-8", "replace").strip().splitlines()
        raise AgentError("unit", f"`{words}` ended with {said.returncode}: {lines[-1] if lines else 'no reason given'}", lines)
