"""Hosts that cannot be reached in; the error for people out: who it is, what the other hosts do by themselves and when, what to type."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.execute import ask
from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.flows.records import fenced, open_deployments, recorded
from shipway.flows.silent_lead import without_lead
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, Refused, ShipwayError

ASKING_SECONDS = 10.0
"""How long past its deadline a host asks for its lead before it goes back alone, generously."""


async def unheard(
    errors: Mapping[str, HostError], fleet: Fleet, lost: tuple[str, ...] = (), *, may_leave_out: bool = False
) -> ShipwayError:
    """The error for hosts that cannot be reached. Where one of them leads what is open, what each other host does by itself, and when.

    Asks the hosts that can be reached, once.
    """
    if lost:
        return _also_lost(errors, fleet, lost)
    looked = (await ask.look(fleet, hosts=fleet.reached)).answers
    missed = {
        deployment: lead for deployment, lead in open_deployments(looked).items() if lead in errors and recorded(looked, deployment) is None
    }
    if not missed:
        return unreachable(errors, fleet, may_leave_out=may_leave_out)
    deployment, lead = list(missed.items())[-1]
    waiting = fenced(looked)
    aborted = deployment in waiting
    names = waiting[deployment] if aborted and waiting[deployment] else (lead,)
    said = [f"{name}: {what}" for name, fact in sorted(looked.items()) if (what := _does(fact, deployment, lead, aborted))]
    why = f"its lead {lead} cannot be reached: {errors[lead].message}"
    if aborted:
        why += f". An abort that writes off {' and '.join(names)} was not finished: the others wait for a command"
    others = [f"{name}: {error.message}" for name, error in sorted(errors.items()) if name != lead]
    return Refused(
        f"deployment {deployment} is not decided, and {why}",
        state="nothing was touched by this command; " + "; ".join(said),
        hint=without_lead(fleet.environment, names),
        code="lead-silent",
        details=[*others, *errors[lead].lines],
    )


def _also_lost(errors: Mapping[str, HostError], fleet: Fleet, lost: tuple[str, ...]) -> ShipwayError:
    error = unreachable(errors, fleet)
    names = " and ".join(sorted(errors))
    words = " ".join(f"--lost {name}" for name in sorted({*lost, *errors}))
    return Refused(
        f"every member that is not lost must be fenced first; {error.message}",
        state=error.state,
        hint=f"{error.hint}; or, if {names} is gone for ever too: shipway abort {fleet.environment} {words}",
        code=error.code,
        details=error.details,
    )


def _does(fact: Facts, deployment: str, lead: str, aborted: bool) -> str:
    """What a host does by itself about an open deployment, and by when."""
    attempt = next((a for a in fact["member"]["attempts"] if a["deployment"] == deployment), None)
    if attempt is not None and (fact["member"].get("held") or {}).get("deployment") == deployment:
        return f"requests wait there, and then get the page, until it hears {lead}"
    if attempt is None or attempt["stage"] not in ("armed", "switched", "back"):
        return ""
    base = "nothing" if attempt["base"] is None else f"generation {attempt['base']}"
    if attempt["stage"] == "back":
        return f"went back to {base}, and goes on asking {lead}" if not aborted else f"went back to {base}, and waits for a command"
    left = max(0.0, float(attempt["deadline"]) - float(fact["hello"]["boot_now"]))
    when = f"within {left + ASKING_SECONDS:.0f} s"
    return f"serves generation {attempt['fence']} and goes back to {base} by itself {when}, unless it hears {lead}"
