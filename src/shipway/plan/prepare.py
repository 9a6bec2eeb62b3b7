"""Intent, release and facts in, the Plan of `shipway prepare` out: the first half of a deployment, which nobody can see."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.migration import Pending
from shipway.model.plan import Plan, Wave
from shipway.model.release import Release
from shipway.plan.deploy import plan_deploy, undo_notes
from shipway.plan.steps import member
from shipway_agent.record import replace


def plan_prepare(
    intent: Intent,
    release: Release,
    facts: Mapping[str, HostFacts],
    *,
    deployment: str,
    who: str,
    number: int,
    caddies: Mapping[str, str],
    peer_key: str,
    pending: Pending | None = None,
) -> Plan:
    """The waves of phase prepare and nothing after them; a later deployment finds blobs, tree and the work of tasks.

    Nothing to do when the release is already live everywhere. Raises Refused as plan_deploy does.
    """
    of_this_one = {"deployment": deployment, "who": who, "peer_key": peer_key}
    plan = plan_deploy(intent, release, facts, number=number, caddies=caddies, pending=pending, **of_this_one)
    if plan.nothing_to_do:
        return replace(plan, kind="prepare")
    about_undo = undo_notes(intent, facts)
    return replace(
        plan,
        kind="prepare",
        waves=tuple(_unseen(wave) for wave in plan.waves if wave.phase == "prepare"),
        switch={},
        verify={},
        finish={name: (member("finish", deployment, number),) for name in plan.members},
        undo={},
        after={},
        document={**plan.document, "kind": "prepare"},
        notes=tuple(note for note in plan.notes if note not in about_undo),
    )


def _unseen(wave: Wave) -> Wave:
    """Without the step that makes assets reachable: who knows a name could ask for a file of a release that may never be live."""
    return replace(wave, steps={host: tuple(step for step in todo if step.do != "files.lay") for host, todo in wave.steps.items()})
