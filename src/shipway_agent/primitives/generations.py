"""A release and how to run it in, a generation on disk out: numbered, never edited; only the addresses under `up` change."""

from __future__ import annotations

import os

from shipway_agent import json_text as json
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import NEW, Folder, plain, write_file
from shipway_agent.identity import identity
from shipway_agent.manifest import digest_of
from shipway_agent.primitives import Context
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, Iterable, List, Mapping, Optional, Sequence

FOLDER = "generations"
DOCUMENT = "generation.json"
ENV = "env.json"
RELEASE = "release"
RELEASE_ID = "release-id"
UP = "up"

SCHEMA = "schema.json"
"""The schema that a generation left (data/migrations/notes.py); only where its release has migrations."""

PAGE = "maintenance.html"
"""The page that visitors get under maintenance: in a release where its author put one, in a generation where the command brought one."""

MOST_KNOWN = 64
"""Documents that a process keeps in mind: more than a host has generations, unless it is to keep very many."""

SLOTS = 12
"""Addresses that the proxy knows of each listening process, however many instances run."""


def make(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Write generation `number` from `document` and `env`.

    `page` is the page that visitors get under maintenance, `page_of` the number of a generation whose page it goes on with.
    Raises AgentError: `no-release`, `timezone`, or `exists` for another one of that number.
    """
    number, document, env = int(args["number"]), {**args["document"], "number": int(args["number"])}, args["env"]
    root = context.root
    before = read(root, number)
    if before is not None:
        if before == document and env_of(root, number) == env:
            return {}
        path = root.full(place(number))
        raise AgentError("exists", f"{path} is another generation of that number; a generation is never edited", path=path)
    if document.get("jobs"):
        from shipway_agent.jobs import own, refuse_unreadable

        refuse_unreadable(own(document, context.journal.member().name))
    release = digest_of(document["release"])
    if root.stat(f"releases/{release}") is None:
        raise AgentError("no-release", f"release {release[:12]} is not complete on this host; tree.make comes first", release=release)
    with root.at(FOLDER, create=True) as folder:
        folder.sweep()
        with folder.workshop() as inside, naming(root.full(place(number))):
            os.symlink(f"../../releases/{release}", RELEASE, dir_fd=inside.fd)
            write_file(inside.fd, DOCUMENT, _json(document), 0o600)
            write_file(inside.fd, ENV, _json(env), 0o600)
            write_file(inside.fd, RELEASE_ID, release.encode(), 0o644)
            shown = _page(root, args)
            if shown is not None:
                write_file(inside.fd, PAGE, shown, 0o644)
            inside.at(UP, create=True).close()
            os.fchmod(inside.fd, 0o755)
            inside.sync()
            folder.rename(inside.name, _name(number))
    return {}


def copy(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Write generation `number` as `source` was, with the keys of `document` over its own: how an earlier one comes back."""
    source = int(args["source"])
    document = read(context.root, source)
    if document is None:
        raise AgentError("no-generation", f"generation {source} is not on this host any more", generation=source)
    merged = {**document, **args["document"]}
    page = {key: args[key] for key in ("page", "page_of") if key in args}
    made = make(context, {"number": args["number"], "document": merged, "env": env_of(context.root, source), **page})
    schema = f"{place(source)}/{SCHEMA}"
    if context.root.stat(schema) is not None:
        context.root.write(f"{place(int(args['number']))}/{SCHEMA}", context.root.read(schema, 1 << 24))
    return made


def place(number: int) -> str:
    """The path of a generation below the root."""
    return f"{FOLDER}/{_name(number)}"


def numbers(root: Root) -> List[int]:
    """The generations on disk, oldest first."""
    return sorted(int(name) for name in root.names(FOLDER) if name.isdigit())


def read(root: Root, number: int) -> Optional[Dict[str, Any]]:
    """The document of a generation, None where it is not on disk. It is never edited, so a process that has read it looks only whether
    it is the same file; whoever gets it changes nothing in it.
    """
    relative = f"{place(number)}/{DOCUMENT}"
    try:
        file = identity(os.stat(relative, dir_fd=root.fd, follow_symlinks=False))
    except OSError:
        return _load(root, relative)  # which says what stands in the way
    known = root.documents.get(number)
    if known is not None and known[0] == file:
        return known[1]
    document = _load(root, relative)
    if document is not None:
        if len(root.documents) >= MOST_KNOWN:
            root.documents.clear()
        root.documents[number] = file, document
    return document


def documents(root: Root, wanted: Optional[Iterable[int]] = None) -> Dict[int, Dict[str, Any]]:
    """The documents of the generations `wanted`, or of all; those not on disk are left out."""
    found = {number: read(root, number) for number in (numbers(root) if wanted is None else wanted)}
    return {number: document for number, document in found.items() if document is not None}


def env_of(root: Root, number: int) -> Dict[str, Any]:
    """The environment of a generation: {"common", "process", "task"}. Raises Missing."""
    found = _load(root, f"{place(number)}/{ENV}")
    if found is None:
        raise Missing(root.full(f"{place(number)}/{ENV}"))
    return found


def write_slots(root: Root, number: int, addresses: Mapping[str, Sequence[str]]) -> None:
    """Give each process of a generation its slots: slot i holds address (i - 1) mod n. Each slot is replaced by one rename."""
    with root.at(f"{place(number)}/{UP}") as up, naming(up.path):
        for process, own in addresses.items():
            if not own:
                raise AgentError("slots", f"process {process} of generation {number} has no address", generation=number, process=process)
            for slot in range(1, SLOTS + 1):
                _write_slot(up, plain(f"{process}.{slot}"), own[(slot - 1) % len(own)])
        up.sync()


def slots_of(process: str) -> List[str]:
    """The names of a process's slots, in order."""
    return [f"{process}.{slot}" for slot in range(1, SLOTS + 1)]


def read_slots(root: Root, number: int) -> Dict[str, str]:
    """The address in each slot, by its name (`web.1`)."""
    with root.at(f"{place(number)}/{UP}") as up:
        return {name: up.read(name).decode() for name in up.names() if not name.startswith(NEW)}


def _page(root: Root, args: Mapping[str, Any]) -> Optional[bytes]:
    if args.get("page") is not None:
        return str(args["page"]).encode("utf-8", "surrogateescape")
    try:
        return root.read(f"{place(int(args['page_of']))}/{PAGE}") if args.get("page_of") is not None else None
    except Missing:
        return None


def _write_slot(up: Folder, name: str, address: str) -> None:
    # Not synced one by one: after a crash of the machine no address is good any more, and all are written anew.
    aside = NEW + os.urandom(8).hex()
    write_file(up.fd, aside, address.encode(), 0o644, sync=False)
    os.rename(aside, name, src_dir_fd=up.fd, dst_dir_fd=up.fd)


def _load(root: Root, relative: str) -> Optional[Dict[str, Any]]:
    try:
        data = root.read(relative)
    except Missing:
        return None
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise AgentError("damaged", f"{root.full(relative)} does not hold what was written there", path=root.full(relative))
    return value


def _json(value: Mapping[str, Any]) -> bytes:
    """Each key on a line of its own, for people. To have `json` indent the rest as well costs 2 ms: it is loaded for that alone."""
    lines = (f"{json.dumps(key)}: {json.dumps(value[key], sort_keys=True)}" for key in sorted(value))
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _name(number: int) -> str:
    return f"{number:06d}"
