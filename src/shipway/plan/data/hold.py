"""Intent and generation documents in; out, the waves in which a fleet stops writing for held migrations, and why it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent
from shipway.model.plan import Plan, Step, Wave
from shipway.plan import steps
from shipway.plan.data.migrations import migrated
from shipway.plan.data.points import keeper
from shipway_agent.record import replace

HOLD, REST = "hold", "hold:rest"
"""Keys of the two steps."""


def hold_refusal(intent: Intent) -> str | None:
    """Why this fleet cannot hold requests for migrations, in a sentence; None where it can.

    The decision and the data must be on one host: who goes back alone must be able to bring the data back first.
    """
    data = migrated(intent)
    if data is None:
        return None
    lead, keeps = min(host.name for host in intent.environment.hosts), keeper(data, intent)
    if data.points == "never":
        return f'held migrations go back by a restore point, and none of {data.name} is taken (points = "never")'
    if keeps != lead:
        who = f"{keeps} keeps those of {data.name}" if keeps else f"no host keeps those of {data.name}"
        return f"held migrations go back by a restore point on the lead, which is {lead}, and {who}"
    return None


def hold_wave(documents: Mapping[str, Json], seconds: int) -> Wave:
    """Requests wait on every host from here to the decision, a single one for at most `seconds`; behind it nobody writes any more."""
    return Wave("requests wait", "activate", {host: (hold(seconds, [document]),) for host, document in sorted(documents.items())})


def hold(seconds: int, documents: Sequence[Json]) -> Step:
    """Close the front door to everybody but our own probes, and wait until requests that came in before were answered."""
    drains = [float(p["drain_seconds"]) for document in documents for p in document["processes"] if p["listens"]]
    bound = max(drains, default=0.0) + steps.GRACE_SECONDS
    return Step(HOLD, "hold", {"seconds": seconds}, f"have requests wait, each at most {seconds} s", bound)


def rest(seconds: int, host: str, documents: Sequence[Json]) -> Step:
    """Workers end and no periodic job begins: before the door closes, for these may take longer than a visitor waits."""
    drains = [float(p["drain_seconds"]) for document in documents for p in document["processes"] if not p["listens"]]
    jobs = [float(job["timeout_seconds"]) for document in documents for job in document.get("jobs", ()) if job["host"] == host]
    bound = max((*drains, *jobs), default=0.0) + 2 * steps.GRACE_SECONDS
    return Step(REST, "hold.rest", {"seconds": seconds}, "have workers and periodic jobs rest", bound)


def holding(plan: Plan, facts: Mapping[str, HostFacts]) -> Plan:
    """A plan with a `hold_wave` in it as one whose hosts hold requests until the decision.

    All go together. Workers rest first, and run again behind the decision. Nobody measures at the public's door, which is closed.
    """
    workers = {host: tuple(step for step in todo if step.do == "workers.settled") for host, todo in plan.verify.items()}
    return replace(
        plan,
        waves=tuple(one for wave in plan.waves for one in (_rested(wave, facts) if _holds(wave) else (_unvisited(wave),))),
        batches=(),
        again={},
        switch={host: tuple(steps.unvisited(step) for step in todo) for host, todo in plan.switch.items()},
        verify={host: tuple(_behind_the_door(step) for step in todo if step not in workers[host]) for host, todo in plan.verify.items()},
        finish={host: (*workers.get(host, ()), *todo) for host, todo in plan.finish.items()},
    )


def _holds(wave: Wave) -> bool:
    return any(step.do == "hold" for todo in wave.steps.values() for step in todo)


def _rested(wave: Wave, facts: Mapping[str, HostFacts]) -> tuple[Wave, Wave]:
    """The wave behind one in which workers end. Both take as long as what serves now may take."""
    resting: dict[str, tuple[Step, ...]] = {}
    waiting: dict[str, tuple[Step, ...]] = {}
    for host, todo in wave.steps.items():
        live = [document for document in [facts[host].live] if document is not None]
        seconds = next(int(step.args["seconds"]) for step in todo if step.do == "hold")
        resting[host] = (rest(seconds, host, live),)
        bound = hold(seconds, live).timeout_seconds
        waiting[host] = tuple(replace(step, timeout_seconds=max(step.timeout_seconds, bound)) for step in todo)
    return Wave("workers rest", "activate", resting), replace(wave, steps=waiting)


def _unvisited(wave: Wave) -> Wave:
    """Candidates start behind the closed door."""
    if wave.phase != "start":
        return wave
    unseen = {
        host: tuple(steps.unvisited(step) if step.do == "process.start" else step for step in todo) for host, todo in wave.steps.items()
    }
    return replace(wave, steps=unseen)


def _behind_the_door(step: Step) -> Step:
    """A proof by our own probes, of listeners alone: workers rest until the decision."""
    return steps.unvisited(replace(step, args={**step.args, "workers": False})) if step.do == "prove" else step
