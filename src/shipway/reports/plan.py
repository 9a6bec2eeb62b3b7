"""A Plan and the Difference to what is live in, text for a person and JSON for a program out. Hosts that do the same stand together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.difference import Difference
from shipway.model.plan import Plan, Step
from shipway.reports.clean import clean
from shipway.reports.few import named
from shipway.reports.migrations import migrations_json, migrations_text

HIDDEN = "(not shown)"
SECRET_KEYS = ("peer_key", "env", "env_digests", "url", "password")
"""Keys of arguments and documents whose values stay out of every report."""

DECISION = "verified, then committed on the lead"

FILES_SHOWN = 12
"""Changed files that are listed before the rest becomes a number."""


def plan_text(plan: Plan, changes: Difference | None = None, *, files: bool = False, arguments: bool = False) -> list[str]:
    """The plan phase by phase. `files` lists every changed file, `arguments` what each step is told."""
    lines = [_headline(plan)]
    lines += [f"  note: {clean(note)}" for note in plan.notes]
    if changes is not None:
        lines += ["", *difference_text(changes, files=files)]
    if plan.pending is not None and plan.pending.migrations:
        lines += ["", *migrations_text(plan.pending, changes.live if changes is not None else "")]
    if plan.nothing_to_do:
        why = (
            "no host holds anything of it"
            if plan.kind == "remove"
            else "that is so already"
            if plan.document.get("what")
            else f"every {'other ' if plan.document.get('without') else ''}host serves exactly this"
        )
        return [*lines, "", f"nothing to do: {why}"]
    for phase, barrier, work in _sections(plan):
        lines += ["", phase, *_work(work, arguments)]
        if barrier:
            lines.append(f"  -- {clean(barrier)} --")
    return lines


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values, without keys and without values of the environment."""
    return {
        "kind": plan.kind,
        "app": plan.app,
        "environment": plan.environment,
        "release": plan.release,
        "number": plan.number,
        "lead": plan.lead,
        "members": list(plan.members),
        "nothing_to_do": plan.nothing_to_do,
        "waves": [{"name": w.name, "phase": w.phase, "steps": _steps_json(w.steps)} for w in plan.waves],
        "switch": _steps_json(plan.switch),
        "verify": _steps_json(plan.verify),
        "finish": _steps_json(plan.finish),
        "after": _steps_json(plan.after),
        "undo": _steps_json(plan.undo),
        "batches": [{"hosts": list(b.hosts), "floor": b.floor, "looks": _steps_json(b.looks)} for b in plan.batches],
        "again": _steps_json(plan.again),
        "lease_seconds": plan.lease_seconds,
        "confirm_seconds": plan.confirm_seconds,
        "watch_seconds": plan.watch_seconds,
        "notes": list(plan.notes),
        "migrations": migrations_json(plan.pending) if plan.pending is not None else None,
    }


def difference_text(changes: Difference, *, files: bool = False) -> list[str]:
    """What would change against what is live."""
    if changes.empty:
        return [f"no difference to what is live, {clean(changes.live)}"]
    before = f"{clean(changes.live)} ({clean(changes.commit_before)[:12]})" if changes.live else "nothing"
    lines = [f"from {before} to {clean(changes.wanted)} ({clean(changes.commit_after)[:12]})"]
    if changes.files is None:
        lines.append("  files: not known here; the live release was not built on this machine")
    else:
        counts = {kind: sum(1 for f in changes.files if f.change == kind) for kind in ("added", "changed", "removed")}
        lines.append("  files: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
        shown = changes.files if files else changes.files[:FILES_SHOWN]
        marks = {"added": "+", "removed": "-", "changed": "~"}
        lines += [f"    {marks[f.change]} {clean(f.path)}  {_sizes(f.before_bytes, f.after_bytes)}" for f in shown]
        if len(shown) < len(changes.files):
            lines.append(f"    … and {len(changes.files) - len(shown)} more (--files lists them all)")
    for setting in changes.settings:
        values = f": {clean(setting.before) or '-'} → {clean(setting.after) or '-'}" if setting.before or setting.after else ""
        lines.append(f"  {clean(setting.key)} {setting.change}{values}")
    return lines


def difference_json(changes: Difference) -> dict[str, Any]:
    """The difference as JSON values."""
    return {
        "live": changes.live,
        "wanted": changes.wanted,
        "commit_before": changes.commit_before,
        "commit_after": changes.commit_after,
        "files": None
        if changes.files is None
        else [
            {"path": f.path, "change": f.change, "before_bytes": f.before_bytes, "after_bytes": f.after_bytes, "what": f.what}
            for f in changes.files
        ],
        "settings": [{"key": s.key, "change": s.change, "before": s.before, "after": s.after} for s in changes.settings],
    }


def hidden(value: Any) -> Any:
    """The same JSON value with everything that may be secret replaced."""
    if isinstance(value, Mapping):
        return {key: _names(inner) if key in SECRET_KEYS else hidden(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [hidden(inner) for inner in value]
    return value


def _headline(plan: Plan) -> str:
    what = f" of release {plan.release[:12]}" if plan.release else ""
    version = clean(plan.document.get("version", ""))
    full = f"{what} ({version})" if version else what
    said = clean(str(plan.document.get("what") or plan.kind))
    return f"{said}{full} in {plan.environment}: generation {plan.number}, lead {plan.lead}, members {named(plan.members)}"


def _sections(plan: Plan) -> list[tuple[str, str, Mapping[str, Sequence[Step]]]]:
    sections: list[tuple[str, str, Mapping[str, Sequence[Step]]]] = []
    for wave in plan.waves:
        if not plan.batches or wave.phase != "start":
            sections.append((wave.phase, wave.name, wave.steps))
    if not plan.batches:
        sections.append(("switch", "switched", plan.switch))
        sections.append(("verify", DECISION, plan.verify))
    for number in range(1, len(plan.batches) + 1):
        sections += _batch(plan, number)
    if plan.after:
        sections.append(("after, once nothing of the release before runs", "", plan.after))
    sections.append(("finish", "", plan.finish))
    sections.append(("undo, if anything fails before the decision", "", plan.undo))
    return [section for section in sections if section[2]]


def _batch(plan: Plan, number: int) -> list[tuple[str, str, Mapping[str, Sequence[Step]]]]:
    """A batch of a rolling deployment: what the others show first, then its own way to its proof."""
    batch, last = plan.batches[number - 1], number == len(plan.batches)
    title = f"batch {number} of {len(plan.batches)}"
    again = plan.again if last else {}
    starts = [(f"{title}, {w.phase}", w.name, _of(w.steps, batch.hosts)) for w in plan.waves if w.phase == "start"]
    return [
        (f"{title}, before it", f"at least {batch.floor} of these serve" if batch.floor else "these serve", batch.looks),
        *starts,
        (f"{title}, switch", "switched", _of(plan.switch, batch.hosts)),
        (f"{title}, verify", DECISION if last else "verified", {**_of(plan.verify, batch.hosts), **again}),
    ]


def _of(work: Mapping[str, Sequence[Step]], hosts: Sequence[str]) -> dict[str, Sequence[Step]]:
    return {host: work[host] for host in hosts if host in work}


def _work(work: Mapping[str, Sequence[Step]], arguments: bool) -> list[str]:
    """Hosts with the same steps in one block: their names, then the steps."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host in sorted(work):
        groups.setdefault(tuple(line for step in work[host] for line in _step(step, arguments)), []).append(host)
    return [line for said, hosts in groups.items() for line in (f"  {named(hosts)}", *(f"    {text}" for text in said))]


def _step(step: Step, arguments: bool) -> list[str]:
    lines = [clean(step.title or step.key)]
    if arguments:
        said = json.dumps(_brief(hidden(step.args)), sort_keys=True, ensure_ascii=False)
        lines.append(f"  {step.key}: {step.do} within {step.timeout_seconds:g} s {clean(said, most=100_000)}")
    return lines


def _steps_json(work: Mapping[str, Sequence[Step]]) -> dict[str, list[dict[str, Any]]]:
    return {
        host: [{"key": s.key, "do": s.do, "title": s.title, "timeout_seconds": s.timeout_seconds, "args": hidden(s.args)} for s in todo]
        for host, todo in work.items()
    }


def _brief(value: Any) -> Any:
    """The same with the routes of the proxy counted: a page of Caddy's JSON tells a reader nothing."""
    if isinstance(value, Mapping):
        return {key: f"({len(inner)} routes)" if key == "routes" else _brief(inner) for key, inner in value.items()}
    return value


def _names(value: Any) -> Any:
    """Names of a secret mapping without its values."""
    if isinstance(value, Mapping):
        return {key: _names(inner) for key, inner in value.items()}
    return HIDDEN


def _sizes(before: int, after: int) -> str:
    return f"{before} B" if not after else f"{after} B" if not before else f"{before} → {after} B"
