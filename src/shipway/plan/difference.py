"""What is live and what is wanted in, their Difference out: files from two manifests, keys of two generation documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shipway.model.difference import Difference, FileChange, SettingChange
from shipway.model.facts import Json
from shipway.model.intent import Host, Intent
from shipway.model.release import Entry, Release
from shipway.plan.documents import env_digests, env_document, generation_document

SETTINGS = ("static", "assets", "shared", "tasks", "key_pages", "domains")


def difference(intent: Intent, release: Release, host: Host, live: Json | None, live_entries: Sequence[Entry] | None) -> Difference:
    """What deploying would change on `host`. `live` is the document of the generation that serves, None before the first.

    `live_entries` is the live release's tree, None where the operator does not have its manifest (then `files` is None).
    """
    wanted = generation_document(intent, release, host, number=0, deployment="", kind="deploy", who="", made=0.0)
    if live is None:
        return Difference(
            "", release.version, "", release.source.commit, file_changes((), release.entries), _settings({}, wanted, intent, host)
        )
    known = () if live["release"] == release.digest else None if live_entries is None else file_changes(live_entries, release.entries)
    return Difference(
        live=str(live.get("version", "")),
        wanted=release.version,
        commit_before=str(live.get("commit", "")),
        commit_after=release.source.commit,
        files=known,
        settings=_settings(live, wanted, intent, host),
    )


def file_changes(before: Iterable[Entry], after: Iterable[Entry]) -> tuple[FileChange, ...]:
    """Paths added, removed and changed from one tree to another, by path."""
    old, new = {e.path: e for e in before}, {e.path: e for e in after}
    changes: list[FileChange] = []
    for path in sorted(old.keys() | new.keys()):
        left, right = old.get(path), new.get(path)
        if left is None and right is not None:
            changes.append(FileChange(path, "added", 0, right.size, right.kind))
        elif right is None and left is not None:
            changes.append(FileChange(path, "removed", left.size, 0, left.kind))
        elif left is not None and right is not None and left != right:
            changes.append(FileChange(path, "changed", left.size, right.size, _what(left, right)))
    return tuple(changes)


def _what(left: Entry, right: Entry) -> str:
    if left.kind != right.kind:
        return f"{left.kind} to {right.kind}"
    return "target" if left.target != right.target else "content"


def _settings(live: Mapping[str, Any], wanted: Mapping[str, Any], intent: Intent, host: Host) -> tuple[SettingChange, ...]:
    env = env_document(intent, host)
    return (
        *_parts("process", live.get("processes", ()), wanted.get("processes", ())),
        *_parts("job", live.get("jobs", ()), wanted.get("jobs", ())),
        *_changes(_flat(live), _flat(wanted)),
        *_changes(_commands(live), _commands(wanted), hidden=True),
        *_changes(_env(live.get("env_digests", {})), _env(env_digests(env, str(live.get("env_salt", "")))), hidden=True),
    )


def _flat(document: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(document[key]) for key in SETTINGS if document.get(key)}


def _parts(kind: str, before: Iterable[Json], after: Iterable[Json]) -> list[SettingChange]:
    """A process or job that comes or goes is one change, with its command; one that stays is compared key by key."""
    old, new = ({str(part["name"]): part for part in parts} for parts in (before, after))
    changes: list[SettingChange] = []
    for name in sorted(old.keys() | new.keys()):
        left, right = old.get(name), new.get(name)
        if left is None or right is None:
            command = {f"{kind}.{name}": _text((left or right or {}).get("run"))}
            changes += _changes(command if left else {}, command if right else {})
        else:
            changes += _changes(*({f"{kind}.{name}.{k}": _text(v) for k, v in p.items() if v is not None} for p in (left, right)))
    return changes


def _commands(document: Mapping[str, Any]) -> dict[str, str]:
    return {"tasks.commands": str(document["tasks_digest"])} if document.get("tasks") else {}


def _env(digests: Mapping[str, str]) -> dict[str, str]:
    return {f"env.{place}": digest for place, digest in digests.items()}


def _changes(before: Mapping[str, str], after: Mapping[str, str], *, hidden: bool = False) -> list[SettingChange]:
    changes: list[SettingChange] = []
    for key in sorted(before.keys() | after.keys()):
        left, right = before.get(key), after.get(key)
        if left == right:
            continue
        shown = ("", "") if hidden else (left or "", right or "")
        changes.append(SettingChange(key, "added" if left is None else "removed" if right is None else "changed", *shown))
    return changes


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(v)}" for key, v in sorted(value.items()) if v is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(v) for v in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
