"""A manifest whose blobs are here and a [build] section in, the digest of the outputs' manifest out: the call `build` of a build host.

The rules are those of a build on the operator's machine (shipway/release/build.py): a clean checkout of exactly that tree, the same
environment, only declared outputs, one build for the same inputs. Its root has `builds/`, `blobs/` and `toolchains/`, and no release.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from shipway_agent import clock, manifest
from shipway_agent.blake import blake2b
from shipway_agent.call import Call
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.group import MARKER
from shipway_agent.inherited import FIXED_TIME, build_environment
from shipway_agent.manifest import Entry, digest_of, shown
from shipway_agent.orphans import end, marker_for, orphans
from shipway_agent.primitives import Context, blobs, facts, intake, parcels, seals, toolchains
from shipway_agent.primitives.tasks import Runner
from shipway_agent.root import Root
from shipway_agent.surroundings import PATH
from shipway_agent.walk import walk

FOLDER = "builds"
DONE = "builds/done"
LAST = "last-build.json"
KEY = "build"
"""What its output and its processes are known by."""

UNUSED_SECONDS = 30 * 86400
"""What no build has used for so long is forgotten: results, content of commits, tools."""

LOOK_SECONDS = 0.2
TOLD = 50


@dataclass(frozen=True)
class Found:
    """Outputs in a tree: an entry and the path below the tree where its content lies."""

    entry: Entry
    path: bytes


def look(call: Call) -> Dict[str, Any]:
    """What an operator asks first: {"platform", "libc", "python", "root", "free_bytes", "free_inodes" (-1 where nobody counts them),

    "last": {"manifest", "commit"} of the tree that was checked out last, or {}}.
    """
    hello = facts.hello(call.place)
    try:
        last = json.loads(call.root.read(LAST))
    except (AgentError, ValueError):
        last = {}
    free_bytes, free_inodes = call.root.room()
    said = {name: hello[name] for name in ("platform", "libc", "python", "root")}
    return {**said, "free_bytes": free_bytes, "free_inodes": free_inodes, "last": last}


def build(call: Call) -> Dict[str, Any]:
    """Args {"inputs": digest that names all of this, "manifest", "commit", "run": [command], "outputs": [path], "env", "timeout_seconds"

    of a command, "tools": [{"place", "manifest"}]} → {"manifest", "bytes", "files", "reused"}; the outputs are in `blobs/` then.

    Two builds of the same inputs are one: the second waits. Ends with its channel. Raises AgentError: `build-failed` with the last lines,
    `build-outputs` with one line a fault, `lacking`, `flipped`, and faults of the disk.
    """
    inputs = digest_of(call.args["inputs"])
    with call.root.at(FOLDER, create=True, mode=0o700) as folder, _alone(call, folder, inputs):
        there = _there(call.root, inputs)
        if there is not None:
            return {**there, "reused": True}
        for left in orphans(call.root):
            if (left.deployment, left.key) == (KEY, inputs):
                end(left)
        folder.sweep()
        made = _made(call, folder, inputs)
        with call.root.at(DONE, create=True, mode=0o700) as done:
            done.write(inputs, json.dumps(made).encode())
        _forget_unused(call.context())
        return {**made, "reused": False}


def _made(call: Call, folder: Folder, inputs: str) -> Dict[str, Any]:
    context, args = call.context(), call.args
    entries = _listed(call.root, digest_of(args["manifest"]))
    places = []
    for tool in args.get("tools") or []:
        toolchains.make(context, tool)
        place = f"{call.root.path}/{toolchains.FOLDER}/{tool['place']}"
        with naming(place):
            os.utime(place)
        places.append(f"{place}/bin")
    with folder.workshop() as work:
        with work.at("tree", create=True) as tree:
            _check_out(call.root, tree, entries)
        call.root.write(LAST, json.dumps({"manifest": args["manifest"], "commit": str(args.get("commit", ""))}).encode())
        own = {"PATH": PATH, **os.environ}
        _run_all(call, inputs, work.path, build_environment(own, args.get("env") or {}, work.path, places))
        with work.at("tree") as tree:
            return _kept(context, tree, _collected(tree, args["outputs"]))


def _listed(root: Root, name: str) -> Tuple[Entry, ...]:
    try:
        return manifest.read(blobs.read(root, name))
    except AgentError as error:
        if error.code not in ("missing", "flipped"):
            raise
        if error.code == "flipped":
            root.unlink(f"{intake.FOLDER}/{_place(name, False)}")
        raise AgentError(
            "lacking", "the list of the commit's files is not on this host, or was damaged there", blobs=[[name, False]]
        ) from None


@contextmanager
def _alone(call: Call, folder: Folder, inputs: str) -> Iterator[None]:
    """Hold the lock of these inputs; as long as another build of them is under way, wait for it."""
    fd = folder.file(f"{inputs}.lock", os.O_RDWR | os.O_CREAT)
    try:
        told = False
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    _say(call, "the same is being built here already, and its result is waited for")
                told = True
            if call.ended.wait(LOOK_SECONDS):
                raise AgentError("ended", "whoever asked for this build is gone")
        yield
    finally:
        os.close(fd)


def _there(root: Root, inputs: str) -> Optional[Dict[str, Any]]:
    """An earlier result, when every byte of it is still what was built; what is damaged is taken away."""
    with root.at(DONE, create=True, mode=0o700) as done:
        try:
            made: Dict[str, Any] = json.loads(done.read(inputs))
            entries = manifest.read(blobs.read(root, digest_of(made["manifest"])))
        except (AgentError, ValueError, KeyError):
            return None
        with root.at(intake.FOLDER, create=True) as store:
            good = [_is_good(store, entry) for entry in entries if entry.is_file]
        if not all(good):
            return None
        with naming(done.path):
            os.utime(inputs, dir_fd=done.fd)
    return made


def _is_good(store: Folder, entry: Entry) -> bool:
    path = _place(entry.digest, entry.executable)
    try:
        fd = store.file(path)
    except Missing:
        return False
    try:
        good = blobs.digest_of_file(fd) == (entry.digest, entry.size)
        os.utime(fd)
    finally:
        os.close(fd)
    if not good:
        store.unlink(path)
    return good


def _check_out(root: Root, tree: Folder, entries: Sequence[Entry]) -> None:
    """Copies, not links: a build may write over what it was given. What is damaged or not here is named, to be sent again."""
    lacking: List[List[Any]] = []
    with root.at(intake.FOLDER, create=True) as store:
        for entry in entries:
            above, _, name = entry.path.rpartition(b"/")
            with tree.at(above, create=True, sync=False) as place, naming(place.full(name)):
                if entry.kind == manifest.LINK:
                    os.symlink(entry.target, name, dir_fd=place.fd)
                elif not entry.is_file:
                    raise AgentError("manifest", f"{shown(entry.path)} is {entry.kind}: a commit has files and links")
                elif not _copied(store, place, name, entry):
                    lacking.append([entry.digest, entry.executable])
    if lacking:
        raise AgentError("lacking", f"{len(lacking)} blobs of the commit are not on this host, or were damaged there", blobs=lacking)


def _copied(store: Folder, place: Folder, name: bytes, entry: Entry) -> bool:
    path = _place(entry.digest, entry.executable)
    try:
        source = store.file(path)
    except Missing:
        return False
    hashing = blake2b(digest_size=32)
    with os.fdopen(source, "rb") as content:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place.fd)
        with os.fdopen(fd, "wb") as file:
            for part in iter(lambda: content.read(blobs.CHUNK), b""):
                hashing.update(part)
                file.write(part)
            os.fchmod(file.fileno(), 0o755 if entry.executable else 0o644)
        os.utime(name, (FIXED_TIME, FIXED_TIME), dir_fd=place.fd, follow_symlinks=False)
        os.utime(content.fileno())
    if hashing.hexdigest() != entry.digest:
        store.unlink(path)
        return False
    return True


def _run_all(call: Call, inputs: str, work: str, environment: Dict[str, str]) -> None:
    seconds = float(call.args["timeout_seconds"])
    for command in call.args["run"]:
        text = command if isinstance(command, str) else " ".join(command)
        _say(call, f"$ {text}")
        marked = marker_for(call.root, KEY, inputs, clock.boot_now() + seconds)
        runner = Runner(f"{work}/tree", {**environment, MARKER: marked}, seconds, literal=True)
        try:
            ended = runner.run(command, seconds, lambda line: _say(call, line), call.ended.is_set)
        except AgentError as error:
            if error.code != "task-failed":
                raise
            raise AgentError("build-failed", f"the build command `{text}` cannot be started", [error.message]) from None
        if ended.exit is None and call.ended.is_set():
            raise AgentError("ended", "whoever asked for this build is gone")
        if ended.exit is None:
            raise AgentError("build-failed", f"the build command `{text}` took longer than {seconds:g} s and was ended", ended.lines)
        if ended.exit != 0:
            raise AgentError("build-failed", f"the build command `{text}` {_how(ended.exit)}", ended.lines)


def _how(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"was ended by signal {signal.Signals(-code).value}"


def _collected(tree: Folder, outputs: Iterable[str]) -> List[Found]:
    """Everything at and below the outputs; links are never followed."""
    found: List[Found] = []
    odd: List[str] = []
    for output in outputs:
        before = len(found)
        for path, place, name, info in _below(tree, os.fsencode(output)):
            if stat.S_ISLNK(info.st_mode):
                target = os.readlink(name, dir_fd=place.fd)
                found.append(Found(Entry(manifest.LINK, path, target=os.fsencode(target)), path))
            elif stat.S_ISREG(info.st_mode):
                kind = manifest.EXECUTABLE if info.st_mode & stat.S_IXUSR else manifest.FILE
                found.append(Found(Entry(kind, path, _digest(place, name), info.st_size), path))
            elif not stat.S_ISDIR(info.st_mode):
                odd.append(f"{shown(path)}: is neither a file, a directory nor a link")
        if len(found) == before and not odd:
            odd.append(f"{output}: is declared as an output, and the commands made nothing there")
    if odd:
        raise AgentError("build-outputs", "the build made what cannot be shipped", odd[:TOLD])
    return found


def _below(tree: Folder, output: bytes) -> Iterator[Tuple[bytes, Folder, bytes, os.stat_result]]:
    above, _, name = output.rpartition(b"/")
    try:
        with tree.at(above) as place:
            info = place.stat(name)
            if info is not None and not stat.S_ISDIR(info.st_mode):
                yield output, place, name, info
            elif info is not None:
                with place.at(name) as folder:
                    for inner, inside, last, what in walk(folder):
                        yield output + b"/" + inner, inside, last, what
    except Missing:
        return


def _digest(place: Folder, name: bytes) -> str:
    fd = place.file(name)
    try:
        return blobs.digest_of_file(fd)[0]
    finally:
        os.close(fd)


def _kept(context: Context, tree: Folder, found: Sequence[Found]) -> Dict[str, Any]:
    """Their content is in `blobs/` then, each byte verified on its way, and last the manifest."""
    data = manifest.write(one.entry for one in found)
    files = {(one.entry.digest, one.entry.executable, one.entry.size): one.path for one in found if one.entry.is_file}
    with context.root.at(intake.FOLDER, create=True) as store:
        there = {(entry.digest, entry.executable) for entry in (one.entry for one in found) if entry.is_file and _is_good(store, entry)}
    wanted = [key for key in files if key[:2] not in there]
    name = manifest.digest(data)

    def body() -> Iterator[bytes]:
        for key in wanted:
            with os.fdopen(tree.file(files[key]), "rb") as file:
                yield from iter(lambda: file.read(blobs.CHUNK), b"")
        yield data

    blobs.keep(context.root, [*wanted, (name, False, len(data))], body())
    return {"manifest": name, "bytes": sum(size for _, _, size in files), "files": len(found)}


def _place(digest: str, executable: bool) -> str:
    return f"{intake.shelf_of(digest)}/{intake.name_of(digest, executable)}"


def _say(call: Call, line: str) -> None:
    call.emit({"event": "output", "key": KEY, "line": line})


def _forget_unused(context: Context) -> None:
    """What is used has the time of its last use."""
    root, before = context.root, time.time() - UNUSED_SECONDS
    shelves = [f"{intake.FOLDER}/{shelf}" for shelf in root.names(intake.FOLDER) if not shelf.startswith(".")]
    for path in (FOLDER, DONE, parcels.FOLDER, *shelves):
        for name in root.names(path):
            info = root.stat(f"{path}/{name}")
            if info is not None and stat.S_ISREG(info.st_mode) and info.st_mtime < before:
                root.unlink(f"{path}/{name}")
    for place in root.names(toolchains.FOLDER):
        info = root.stat(f"{toolchains.FOLDER}/{place}")
        if info is not None and info.st_mtime < before:
            root.remove(f"{toolchains.FOLDER}/{place}")
            context.journal.set_meta(seals.TOOL + place, None)
