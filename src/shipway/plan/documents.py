"""Intent and release in, the JSON documents that hosts keep out: a generation's, its environment's, the deployment's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.elders import known_to_each
from shipway.model.intent import Host, Intent, Task
from shipway.model.release import Release
from shipway.plan.data.migrations import migrations_row
from shipway.plan.data.points import data_table, keeper
from shipway.plan.jobs import job_table
from shipway.plan.runtimes.process import command, fits, page, process_table, processes_of

SAME: tuple[str, ...] = (
    "release",
    "commit",
    "version",
    "processes",
    "static",
    "assets",
    "shared",
    "tasks",
    "tasks_digest",
    "key_pages",
    "domains",
    "jobs",
    "toolchains",
    "data",
    "migrations",
)
"""Keys of a generation document that make it another generation when they differ; values of the environment count as well."""


def generation_document(
    intent: Intent,
    release: Release,
    host: Host,
    *,
    number: int,
    deployment: str,
    kind: str,
    who: str,
    made: float,
    platform: str = "",
    kept: Mapping[str, Any] | None = None,
    members: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `host` keeps of its generation `number`. `made` is seconds since the epoch. Values of the environment are never in it:

    `env_digests` holds a salted digest of each, so that a later plan can tell which one changed. `platform` is the host's, `kept`
    are keys of the generation before that hold on (plan/standing.py), `members` what `member_addresses` makes for it.
    """
    scaled = {
        process.name: {"instances": process.instances, "file": process.scaled_from}
        for process in processes_of(intent.shipment, host)
        if process.scaled_from is not None
    }
    return {
        "number": number,
        "deployment": deployment,
        "release": release.digest,
        "commit": release.source.commit,
        "tree": release.source.tree,
        "version": release.version,
        "app": intent.app,
        "environment": intent.environment.name,
        "kind": kind,
        "who": who,
        "made": made,
        "processes": process_table(intent.shipment, host),
        "static": intent.shipment.static,
        "assets": list(intent.shipment.assets),
        "shared": list(intent.shipment.shared),
        "tasks": [task.name for task in intent.shipment.tasks if fits(task.roles, host)],
        "activate": [_undoing(task) for task in intent.shipment.tasks if task.phase == "activate" and fits(task.roles, host)],
        "tasks_digest": _tasks_digest(intent, host),
        "key_pages": [page(p) for p in intent.environment.key_pages],
        "domains": list(intent.environment.domains),
        "env_salt": deployment,
        "env_digests": env_digests(env_document(intent, host), deployment),
        "members": member_addresses(intent)[host.name] if members is None else members,
        **({"toolchains": tools} if (tools := tool_table(release, platform)) else {}),
        **({"jobs": jobs} if (jobs := job_table(intent)) else {}),
        **({"data": data} if (data := data_table(intent)) else {}),
        **({"migrations": migrations} if (migrations := migrations_row(intent)) else {}),
        **({"scaled": scaled} if scaled else {}),
        **(kept or {}),
    }


def tool_table(release: Release, platform: str) -> list[dict[str, Any]]:
    """The tools of a release for hosts of one platform, in the order of their names in PATH."""
    return [
        {"name": tool.name, "version": tool.version, "place": tool.place, "manifest": tool.digest}
        for tool in release.tools
        if tool.platform == platform
    ]


def member_addresses(intent: Intent) -> dict[str, dict[str, dict[str, Any]]]:
    """For each host, where the members are that it is told of, those that are left out too.

    Who is no longer in shipway.toml can be reached by this to take its leave.
    """
    environment = intent.environment
    places = {host.name: {"address": host.address, "root": host.root} for host in (*environment.hosts, *environment.without)}
    known = known_to_each(places)
    everybody = {name: places[name] for name in sorted(places)}
    return {name: everybody if len(names) == len(places) else {one: places[one] for one in names} for name, names in known.items()}


def env_document(intent: Intent, host: Host) -> dict[str, Any]:
    """env.json: what everything gets, and what single processes and tasks get on top. The environment's values win over the shipment's."""
    return {
        "common": {**intent.shipment.env, **intent.environment.env},
        "process": {p.name: dict(p.env) for p in intent.shipment.processes if p.env and fits(p.roles, host)},
        "task": {t.name: dict(t.env) for t in intent.shipment.ending if t.env and fits(t.roles, host)},
        **(
            {"data": own}
            if (own := {d.name: dict(d.env) for d in intent.environment.data if d.env and keeper(d, intent) == host.name})
            else {}
        ),
    }


def env_digests(env: Mapping[str, Any], salt: str) -> dict[str, str]:
    """A salted digest of each value, by its place: `NAME`, `process.web.NAME`, `task.migrate.NAME` or `data.main.NAME`."""
    places = dict(env["common"])
    for kind in ("process", "task", "data"):
        places |= {f"{kind}.{owner}.{name}": value for owner, values in env.get(kind, {}).items() for name, value in values.items()}
    return {place: env_digest(place, value, salt) for place, value in sorted(places.items())}


def env_digest(place: str, value: str, salt: str) -> str:
    """The salted digest of one value at its place."""
    return _digest([salt, place, value])[:16]


def same_generation(live: Mapping[str, Any], wanted: Mapping[str, Any], env: Mapping[str, Any]) -> bool:
    """Whether a live generation is already what is wanted: release, configuration and every value of the environment."""
    salt = str(live.get("env_salt", ""))
    if live.get("closed") or (live.get("scaled") or {}) != (wanted.get("scaled") or {}):
        return False
    return all((live.get(key) or None) == (wanted.get(key) or None) for key in SAME) and live.get("env_digests") == env_digests(env, salt)


def deployment_document(
    *,
    kind: str,
    app: str,
    environment: str,
    release: str,
    commit: str,
    tree: str,
    version: str,
    who: str,
    number: int,
    before: int | None,
    peer_key: str,
    keep_warm_seconds: float = 0.0,
    without: Sequence[Host] = (),
    what: str = "",
    command: str = "",
) -> dict[str, Any]:
    """What every host journals with the lease, so that any of them can tell the whole deployment.

    `before` is the number of the generation that is left behind, None before the first; its listeners stay for `keep_warm_seconds`.
    `without` are members that are left out. `what` is the order in a few words where it is none to ship something, "scale web 2 → 4",
    and `command` what was typed for it.
    """
    return {
        "kind": kind,
        "app": app,
        "environment": environment,
        "release": release,
        "commit": commit,
        "tree": tree,
        "version": version,
        "who": who,
        "number": number,
        "before": before,
        "peer_key": peer_key,
        "keep_warm_seconds": keep_warm_seconds,
        "without": [host.name for host in without],
        **({"what": what, "command": command} if what else {}),
    }


def document_again(
    intent: Intent, generation: Mapping[str, Any], *, kind: str, who: str, number: int, before: int | None, peer_key: str, **more: Any
) -> dict[str, Any]:
    """The same of a deployment that ships nothing: it is about a generation that hosts have; {} where none serves. `more` as above."""
    return deployment_document(
        kind=kind,
        app=intent.app,
        environment=intent.environment.name,
        release=str(generation.get("release", "")),
        commit=str(generation.get("commit", "")),
        tree=str(generation.get("tree", "")),
        version=str(generation.get("version", "")),
        who=who,
        number=number,
        before=before,
        peer_key=peer_key,
        **more,
    )


def _undoing(task: Task) -> dict[str, Any]:
    """What a host keeps of a task that users may see, so that whoever settles its deployment can undo it. The user's own words only."""
    return {
        "name": task.name,
        "undo": task.undo and command(task.undo),
        "check": task.check and command(task.check),
        "directory": task.directory,
        "timeout_seconds": task.timeout_seconds,
    }


def _tasks_digest(intent: Intent, host: Host) -> str:
    tasks = [t for t in intent.shipment.tasks if fits(t.roles, host)]
    return _digest(
        [
            [
                t.name,
                command(t.run),
                t.phase,
                t.once,
                t.directory,
                t.check and command(t.check),
                t.undo and command(t.undo),
                list(t.outputs),
            ]
            for t in tasks
        ]
    )[:16]


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
