"""A history in, the promises it breaks out. Reads nothing but the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.simulation.history import Happening


def check(history: Sequence[Happening], hosts: Sequence[str], *, quiet: bool) -> list[str]:
    """Every broken promise as a sentence.

    - a deployment is never both committed and reverted;
    - a driver that said live was served by every host, and none was sick; if not at that moment (a driver may sleep between
      proof and word), then only because a later deployment was; one that said undone is served by none;
    - whenever everything has been quiet for long enough, and at the end if `quiet`, every host serves the last one committed.
    """
    broken: list[str] = []
    serving: dict[str, object] = dict.fromkeys(hosts)
    decisions: dict[object, set[object]] = {}
    generations: dict[object, object] = {}
    began: dict[object, object] = {}
    committed: list[object] = []
    sick: set[object] = set()
    whole: set[object] = set()
    tasks: dict[tuple[object, object], int] = {}
    for line in history:
        if line.what == "serves":
            serving[line.host] = line.data["generation"]
            if len(set(serving.values())) == 1:
                whole.add(line.data["generation"])
        elif line.what == "began":
            generations[line.data["deployment"]] = line.data["generation"]
            began[line.data["driver"]] = line.data["generation"]
        elif line.what == "quiet":
            broken += _mixed(serving, committed)
        elif line.what == "sick":
            sick.add(line.data["generation"])
        elif line.what == "task":
            key = (line.data["deployment"], line.data["key"])
            tasks[key] = tasks.get(key, 0) + 1
        elif line.what in ("commit", "undo", "ask", "tell") and line.data.get("ok") and line.data.get("decision"):
            deployment = line.data["deployment"]
            decision = line.data["decision"]
            decisions.setdefault(deployment, set()).add(decision)
            if decision == "committed" and generations.get(deployment) not in committed:
                committed.append(generations.get(deployment))
        elif line.what == "ended":
            mine = began.get(line.data["driver"])
            overtaken = all(isinstance(served, int) and isinstance(mine, int) and served > mine for served in serving.values())
            if line.data["verdict"] == "live" and (mine not in whole or not (overtaken or set(serving.values()) == {mine})):
                broken.append(f"{line.data['driver']} said live, but {serving} was served (its own: {mine})")
            if line.data["verdict"] == "live" and mine in sick:
                broken.append(f"{line.data['driver']} said live of generation {mine}, which is sick")
            if line.data["verdict"] == "undone" and mine in serving.values():
                broken.append(f"{line.data['driver']} said undone, but {serving} was served (its own: {mine})")
    broken += [f"{deployment} was decided both ways" for deployment, both in decisions.items() if len(both) > 1]
    broken += [f"{key} of {deployment} ran {times} times" for (deployment, key), times in tasks.items() if times > 1]
    return broken + (_mixed(serving, committed) if quiet else [])


def _mixed(serving: Mapping[str, object], committed: Sequence[object]) -> list[str]:
    last = committed[-1] if committed else None
    if all(served == last for served in serving.values()):
        return []
    return [f"mixed when everything was quiet: {dict(serving)}, the last committed is {last}"]
