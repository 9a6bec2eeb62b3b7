"""An entry of the outbox in, the words that every target gets out: one place, so that chat, mail and command say the same."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

VERBS: Mapping[str, str] = {
    "live": "is live",
    "left out": "is live, but",
    "undone": "is undone",
    "went back": "is not settled",
    "behind": "is not settled",
    "not put back": "waits for its data",
    "crashed": "has crashed",
    "job failed": "has a job that failed",
}


def subject(entry: Mapping[str, Any]) -> str:
    """The first line: what, where, how it stands."""
    what = entry["version"] or entry["commit"][:12] or entry["deployment"]
    where = f" on {entry['host']}" if entry["event"] in ("went back", "behind", "not put back", "crashed", "job failed") else ""
    if entry["event"] == "left out":
        where = f" {entry['host']} {'are' if ' and ' in entry['host'] else 'is'} behind"
    return f"{entry['app']} {entry['environment']}: {what} {VERBS.get(str(entry['event']), entry['verdict'])}{where}"


def text(entry: Mapping[str, Any]) -> str:
    """All of it, for a person."""
    commit = f"commit {entry['commit'][:12]}, " if entry["commit"] else ""
    who = f" by {entry['who']}" if entry["who"] else ""
    lines: List[str] = [
        subject(entry),
        f"{commit}{entry.get('order') or entry['kind']} {entry['deployment']}{who}",
        f"{entry['host']}: {entry['what']}",
    ]
    lines += [f"step: {entry['step']}"] if entry["step"] else []
    lines += [f"  | {line}" for line in entry["lines"]]
    lines += [f"now: {_serving(entry)}", f"next: {entry['next']}"]
    return "\n".join(lines)


def payload(entry: Mapping[str, Any]) -> Dict[str, Any]:
    """The body of a webhook and what a command reads. `text` is what Slack and those like it show; ours is under `shipway`."""
    return {"text": _without_markup(text(entry)), "shipway": {**entry, "words": text(entry)}}


def _serving(entry: Mapping[str, Any]) -> str:
    serving = entry["serving"]
    if serving is None:
        return f"nothing is current on {entry['sender']}"
    version = serving["version"] or serving["commit"][:12] or "an earlier release"
    return f"{entry['sender']} serves {version} (generation {serving['generation']})"


def _without_markup(words: str) -> str:
    """Chat reads <!channel> and links in what a program printed; these three characters are all it takes."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
