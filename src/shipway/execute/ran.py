"""A host and a deployment in, the tasks that ran for it out: as the host's journal has it, for a driver may not have heard of all."""

from __future__ import annotations

from shipway.execute.fleet import Fleet

TASK = "task:"


async def tasks_that_ran(fleet: Fleet, host: str, deployment: str) -> list[str]:
    """Keys of the tasks that began, oldest first; what its check said was done already is not among them. Raises HostError.

    Asked after the host has recorded the decision: from then on no other step begins.
    """
    answer = await fleet.call(host, "events", {"since": 0, "deployment": deployment})
    began: dict[str, bool] = {}
    for event in answer["events"]:
        data = event["data"]
        if event["kind"] == "step" and str(data["key"]).startswith(TASK):
            began[str(data["key"])] = not (data.get("data") or {}).get("skipped")
    return [key for key, ran in began.items() if ran]
