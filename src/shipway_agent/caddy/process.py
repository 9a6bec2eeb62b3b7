"""A binary and a proxy's root in; out, Caddy as the one process that this root wants, kept running by the root's own daemon.

It is wanted by the same record as every process: a generation of the proxy's root, made current by a deployment of its own whose only
member and lead is this root. So a killed daemon, a reboot and a half done change are settled by the rules that hold everywhere.
"""

from __future__ import annotations

import os

from shipway_agent import clock, logs
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context, blobs, generations, intake, member
from shipway_agent.primitives.switch import perform
from shipway_agent.record import replace
from shipway_agent.root import Root
from shipway_agent.states import SWITCHED
from shipway_agent.surroundings import PATH
from shipway_agent.text import last_lines
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

NAME = "caddy"
CONFIG = "caddy.json"
STORAGE = "data"
RELEASES = "releases"
MEMBER = "proxy"

LEASE_SECONDS = 30.0
DRAIN_SECONDS = 10.0
VALIDATE_SECONDS = 30.0


def install(proxy: Root, source: Root, digest: str) -> None:
    """Put the binary into the proxy's root, as a release of its own. Raises AgentError: `no-blob`, `flipped`, `disk-full`."""
    if digest in proxy.names(RELEASES):
        return
    path = f"{intake.FOLDER}/{intake.shelf_of(digest)}/{intake.name_of(digest, True)}"
    with proxy.at(RELEASES, create=True) as releases:
        releases.sweep()
        with releases.workshop() as inside:
            _take(source, path, inside, digest)
            inside.sync()
            releases.rename(inside.name, digest)


def binary_of(proxy: Root, journal: Journal) -> Optional[str]:
    """The digest of the Caddy that this root wants, None where it wants none."""
    current = journal.member().current
    document = generations.read(proxy, current) if current is not None else None
    return str(document["release"]) if document is not None else None


def validate(proxy: Root, digest: str, name: str) -> None:
    """Have Caddy read a configuration of the proxy's root without running it. Raises AgentError `proxy-refused` with what it says."""
    import subprocess

    folder = proxy.full(f"{RELEASES}/{digest}")
    command = [f"{folder}/{NAME}", "validate", "--config", proxy.full(name)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(proxy),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VALIDATE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AgentError("proxy-refused", f"Caddy did not say within {VALIDATE_SECONDS:g} s whether it takes its sites") from None
    except OSError as error:
        raise AgentError("proxy-binary", f"{command[0]} cannot be executed here: {error.strerror}", path=command[0]) from error
    if done.returncode != 0:
        raise AgentError("proxy-refused", "Caddy refuses the sites; nothing was changed", last_lines(done.stdout, 20))


def want(context: Context, journal: Journal, digest: str) -> None:
    """Make this binary the process that the proxy's root wants. `context` is of that root, whose record is settled.

    Raises AgentError with the code of a refusal.
    """
    root = context.root
    number = journal.member().fence + 1
    deployment = f"caddy-{number}"
    order = {"deployment": deployment, "fence": number}
    lease = {"owner": "proxy.ensure", "seconds": LEASE_SECONDS, "lead": MEMBER, "members": [MEMBER], "confirm_seconds": LEASE_SECONDS}
    _tell(root, journal, {"do": "lease", **order, **lease, "document": {"kind": "deploy", "release": digest}})
    document = _document(root, deployment, number, digest)
    env = {"common": environment(root), "process": {}, "task": {}}
    generations.make(replace(context, deployment=deployment, fence=number), {"number": number, "document": document, "env": env})
    for do in ("vote", "start", "ready"):
        _tell(root, journal, {"do": do, **order})
    perform(root, journal, deployment, number)
    _tell(root, journal, {"do": "commit", **order})
    _tell(root, journal, {"do": "finish", **order})


def settle(root: Root, journal: Journal) -> None:
    """Finish what a killed `want` left open: forward where it had switched, else back. The caller holds the proxy's lock."""
    if not journal.member().name:
        journal.name_member(MEMBER)
    record = journal.member()
    for attempt in record.open():
        decision = "commit" if attempt.stage == SWITCHED else "undo"
        _tell(root, journal, {"do": decision, "deployment": attempt.deployment, "fence": record.fence})
    if record.lease is not None:
        _tell(root, journal, {"do": "finish", "deployment": record.lease.deployment, "fence": record.fence})


def environment(proxy: Root) -> Dict[str, str]:
    """What Caddy is started with: whatever it writes stays below the proxy's root."""
    return {"PATH": PATH, "HOME": proxy.path, "XDG_DATA_HOME": proxy.full(STORAGE), "XDG_CONFIG_HOME": proxy.full(STORAGE)}


def last_words(proxy: Root, count: int) -> List[str]:
    """The last lines of Caddy's log."""
    with proxy.at(logs.FOLDER, create=True, mode=0o700) as folder:
        return [line for name in logs.logs_of(folder, NAME) for line in logs.last(folder, name, count)]


def _take(source: Root, path: str, inside: Folder, digest: str) -> None:
    """The blob as `caddy`: the same file where both roots are on one file system, else a copy; verified either way."""
    try:
        fd = source.file(path)
    except Missing:
        raise AgentError("no-blob", f"the Caddy binary {digest[:12]} has not been sent to this host", digest=digest) from None
    with os.fdopen(fd, "rb") as file, naming(inside.full(NAME)):
        found, _ = blobs.digest_of_file(file.fileno())
        if found != digest:
            raise AgentError("flipped", f"the Caddy binary {digest[:12]} on this host is damaged", digest=digest)
        try:
            os.link(f"/proc/self/fd/{file.fileno()}", NAME, dst_dir_fd=inside.fd, follow_symlinks=True)
        except OSError:
            file.seek(0)
            _copy(file.fileno(), inside)


def _copy(fd: int, inside: Folder) -> None:
    to = os.open(NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=inside.fd)
    try:
        while os.sendfile(to, fd, None, 1 << 24) > 0:
            pass
        os.fchmod(to, 0o555)
        os.fsync(to)
    finally:
        os.close(to)


def _document(root: Root, deployment: str, number: int, digest: str) -> Dict[str, Any]:
    process = {
        "name": NAME,
        "run": [f"./{NAME}", "run", "--config", root.full(CONFIG)],
        "instances": 1,
        "listens": None,
        "health": None,
        "drain_seconds": DRAIN_SECONDS,
        "overlap": False,
        "directory": ".",
    }
    return {
        "number": number,
        "deployment": deployment,
        "release": digest,
        "commit": "",
        "tree": "",
        "version": digest[:12],
        "app": NAME,
        "environment": MEMBER,
        "kind": "deploy",
        "who": "proxy.ensure",
        "made": clock.wall_now(),
        "processes": [process],
        "static": None,
        "shared": [],
        "tasks": [],
        "key_pages": [],
        "domains": [],
    }


def _tell(root: Root, journal: Journal, message: Mapping[str, Any]) -> None:
    reply = member.decide(root, journal, message)
    if not reply["ok"]:
        raise AgentError(str(reply["code"]), f"the proxy's record refuses to {message['do']}: {reply.get('message') or reply['code']}")
