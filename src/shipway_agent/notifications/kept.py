"""A root in, the targets that it keeps out: one file of its owner, the only place on a host where a URL or a password of theirs lies."""

from __future__ import annotations

from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError, Missing
from shipway_agent.root import Root
from shipway_agent.typed import Any, Collection, Dict, List, Mapping, Sequence

FILE = "notifications.json"
WEBHOOK, EMAIL, COMMAND = "webhook", "email", "command"
ALWAYS = "always"


def write(root: Root, targets: Sequence[Mapping[str, Any]], salt: str) -> None:
    """Keep these targets and no others, in one rename, 0600. Each gets an `id` that stays the same as long as the target does."""
    if not targets:
        root.unlink(FILE)
        return
    named = [{**target, "id": _id(target, salt), "name": f"{target['kind']} {place}"} for place, target in enumerate(targets, 1)]
    root.write(FILE, json.dumps({"targets": named}, indent=1).encode() + b"\n", 0o600)


def read(root: Root) -> List[Dict[str, Any]]:
    """The targets; none where nobody is to be told. Raises AgentError: foreign, or damaged for what is not what we wrote."""
    try:
        value = json.loads(root.read(FILE))
        targets: List[Dict[str, Any]] = [{**target, "id": str(target["id"]), "name": str(target["name"])} for target in value["targets"]]
    except Missing:
        return []
    except (ValueError, KeyError, TypeError):
        raise AgentError("damaged", f"{root.full(FILE)} does not hold what was written there", path=root.full(FILE)) from None
    return targets


def wants(target: Mapping[str, Any], occasions: Collection[str]) -> bool:
    """Whether a target is told on any of these occasions."""
    return bool({*occasions, ALWAYS} & set(target["on"]))


def _id(target: Mapping[str, Any], salt: str) -> str:
    """Of where it goes, not of when: who is told more often from now on is not told twice of what was."""
    place = {key: value for key, value in target.items() if key != "on"}
    text = json.dumps(place, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode("utf-8", "surrogatepass"), key=salt.encode()[:64], digest_size=8).hexdigest()
