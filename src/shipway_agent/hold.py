"""A host's record in; out, for how long requests wait here, and the word that must be said before data changes while they do."""

from __future__ import annotations

from shipway_agent.decide import Member
from shipway_agent.errors import AgentError
from shipway_agent.typed import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    from shipway_agent.primitives import Context

GRACE_SECONDS = 60.0
"""What a restore may need on top of the copy that it puts back: what still runs must end first."""


def wait_seconds(member: Member) -> int:
    """How long a single request waits on this host at most, for a deployment that is not decided; 0 where none waits."""
    return member.held.seconds if member.held is not None and member.held.waits else 0


def touch(context: Context, data: str) -> Dict[str, Any]:
    """Say that the data of this name is about to change, whose restore point this deployment has taken: {"point": NAME}.

    From now on this host goes back only behind that point. Where nothing was there to be lost, no point was taken, and "" is the name.
    Raises AgentError: `no-point`, or why the record refuses (order where requests do not wait, expired, settled, fenced, lead).
    """
    step = context.journal.step(context.deployment, f"point:{data}")
    if step is None or step.state != "done":
        message = f"this deployment has taken no restore point of {data}, so nothing may change for which requests wait"
        raise AgentError("no-point", message, data=data)
    point = str(step.data.get("point", ""))
    if not point:
        return {"point": ""}
    from shipway_agent.data.declared import declared
    from shipway_agent.primitives.member import tell

    bound = declared(context.root, data, context.fence).timeout_seconds + GRACE_SECONDS
    said = {"deployment": context.deployment, "fence": context.fence}
    tell(context, {"do": "touch", **said, "point": point, "bound_seconds": bound})
    return {"point": point}
