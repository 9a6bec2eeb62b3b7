"""An environment and a host's facts in, the step that keeps on the host who is to be told out; none where nobody is and nobody was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.facts import HostFacts
from shipway.model.intent import Environment, Notify, Secret
from shipway.model.plan import Step
from shipway.plan.runtimes.process import command

KEEP = "notifications.keep"
VARIABLE = "variable"
"""Key of the object that stands for a value of the operator's environment: a plan holds names, and the flow puts values in."""


def keep_steps(environment: Environment, facts: HostFacts) -> tuple[Step, ...]:
    """The first step of a host's list, so that it can tell what goes wrong in the others."""
    if not environment.notify and not facts.notifications.targets:
        return ()
    return (Step("notifications", KEEP, {"targets": targets(environment)}, "keep whom to tell", 30.0),)


def targets(environment: Environment) -> list[Mapping[str, Any]]:
    """Whom hosts of this environment tell, with the names of variables in place of their values."""
    return [_target(notify) for notify in environment.notify]


def _target(notify: Notify) -> Mapping[str, Any]:
    on = list(notify.on)
    if notify.webhook is not None:
        return {"kind": "webhook", "on": on, "url": _value(notify.webhook)}
    if notify.email is not None:
        mail = notify.email
        password = None if mail.password is None else _value(mail.password)
        return {"kind": "email", "on": on, "to": list(mail.to), "sender": mail.sender, "server": mail.server, "password": password}
    return {"kind": "command", "on": on, "run": command(notify.command or "")}


def _value(secret: Secret) -> Any:
    return {VARIABLE: secret.variable} if secret.variable else secret.text
