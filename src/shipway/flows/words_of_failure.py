"""Errors of hosts and endings in, one ShipwayError out: what happened, what state things are in, the command to type next."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.execute.conduct import Outcome
from shipway.execute.decision import Ending
from shipway.execute.fleet import worst
from shipway.execute.steps import StepFailed
from shipway.model.errors import Failed, HostError, LinkLost, Refused, ShipwayError, Unreachable, Unsettled

HINTS: Mapping[str, str] = {
    "host-key-unknown": "compare the fingerprint with the host's own, add it to known_hosts, then repeat the command",
    "host-key-changed": "find out why the key changed before you trust it; ssh-keygen -R removes the old one from known_hosts",
    "login": "check that `ssh ADDRESS true` works as this user, then repeat the command",
    "unreachable": "check that `ssh ADDRESS true` works from here, then repeat the command",
    "no-python": "install python3 (3.9 or newer) on the host, then repeat the command",
    "root": "make the root of this host in shipway.toml a directory that its user may write, then repeat the command",
    "disk-full": "free space on the host, then repeat the command",
    "read-only": "make the file system writable, then repeat the command",
    "denied": "give the deploying user the right to write there, then repeat the command",
    "port-taken": "end what holds the port or set another `listen` for this host, then repeat the command",
}
"""What to do about an error of a host, by its code; other codes are answered by the flow that failed."""


def unreachable(errors: Mapping[str, HostError]) -> ShipwayError:
    """Hosts that could not be reached or read before anything began."""
    first = worst(errors)
    hosts = ", ".join(sorted(errors))
    return Refused(
        f"cannot reach {hosts}: {first.message}" if len(errors) > 1 else f"cannot reach {first.host}: {first.message}",
        state="nothing was touched; every host serves what it served",
        hint=HINTS.get(first.code, "check the host, then repeat the command"),
        code=first.code,
        details=[*(f"{name}: {error.message}" for name, error in sorted(errors.items())), *first.lines],
    )


def silent(ending: Ending, deployment: str, environment: str = "ENV") -> ShipwayError:
    """A decision that could not be made, or that some members have not acknowledged."""
    hosts = ", ".join(sorted(ending.silent))
    if ending.decision is None:
        return Unsettled(
            f"deployment {deployment} is not settled: its lead {hosts} cannot be heard ({worst(ending.silent).message})",
            state="each host keeps its release until its deadline, then goes back by itself to the one before",
            hint=f"shipway resume {environment} settles it from any machine that reaches the hosts",
            code="lead-silent",
            details=_lines(ending.silent),
        )
    return Unsettled(
        f"deployment {deployment} is {ending.decision}, but {hosts} has not acknowledged it ({worst(ending.silent).message})",
        state=f"every other host follows the decision; {hosts} asks the lead by itself as soon as it can",
        hint=f"shipway resume {environment} tells it again; shipway status {environment} shows each host",
        code="behind",
        details=_lines(ending.silent),
    )


def failed(outcome: Outcome, deployment: str, environment: str, *, serving: str) -> ShipwayError:
    """A plan that did not end live. `serving` names what serves everywhere when it was undone."""
    ending = outcome.ending
    message, details = _why(outcome)
    if ending is not None and not ending.settled:
        error = silent(ending, deployment, environment)
        return Unsettled(
            f"{message}; {error.message}", state=error.state, hint=error.hint, code=error.code, details=[*details, *error.details]
        )
    kept = f"; these tasks ran and have no undo: {', '.join(outcome.kept_tasks)}" if outcome.kept_tasks else ""
    undone = f"; undone: {', '.join(outcome.undone_tasks)}" if outcome.undone_tasks else ""
    code = worst(outcome.errors).code if outcome.errors else "interrupted"
    hint = HINTS.get(code, f"mend the cause, commit, and shipway deploy {environment}; shipway show tells every step of this attempt")
    return Failed(message, state=f"undone on every host: {serving}{undone}{kept}", hint=hint, code=code, details=details)


def _why(outcome: Outcome) -> tuple[str, list[str]]:
    if outcome.interrupted:
        return f"interrupted in {outcome.where}", []
    if not outcome.errors:
        return f"failed in {outcome.where}", []
    first = worst(outcome.errors)
    step = f" in step {first.title}" if isinstance(first, StepFailed) else ""
    others = sorted(set(outcome.errors) - {first.host})
    also = f" (also on {', '.join(others)})" if others else ""
    lost = "lost the link to " if isinstance(first, (LinkLost, Unreachable)) else ""
    return f"{lost}{first.host}{also}: {first.message}{step}", _lines(outcome.errors)


def _lines(errors: Mapping[str, HostError]) -> list[str]:
    return [f"{name}: {line}" for name, error in sorted(errors.items()) for line in (error.message, *error.lines)]
