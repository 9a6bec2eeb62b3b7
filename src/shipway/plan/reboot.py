"""An intent and facts in; out, the step that has a host's supervisor start after a reboot, and what is said where nothing does."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.facts import HostFacts
from shipway.model.intent import Host, Intent
from shipway.model.plan import Step
from shipway.plan import steps


def reboot_steps(intent: Intent, host: Host) -> tuple[Step, ...]:
    """One step on a host that is reached over ssh; none for a root on the operator's own machine, whose crontab is the operator's."""
    return () if host.address == "local" else (steps.reboot_ensure(intent.app, intent.environment.name),)


def reboot_notes(intent: Intent, facts: Mapping[str, HostFacts]) -> list[str]:
    """Hosts over ssh on which nothing can start the supervisor after a reboot."""
    found = []
    for host in sorted(intent.environment.hosts, key=lambda host: host.name):
        hello = facts[host.name].hello
        if host.address != "local" and hello.reboot_line and not hello.after_reboot and not hello.reboot_means:
            found.append(
                f"{host.name}: nothing starts this application after a reboot, for there is neither systemd nor cron for this user; "
                f"install cron, or have the machine run at its start: {_command(hello.reboot_line)}"
            )
    return found


def local_notes(intent: Intent, facts: Mapping[str, HostFacts]) -> list[str]:
    """Roots on the operator's own machine that nothing starts after a reboot, and the line that would."""
    found = []
    for host in sorted(intent.environment.hosts, key=lambda host: host.name):
        hello = facts[host.name].hello
        if host.address == "local" and hello.reboot_line and not hello.after_reboot:
            found.append(f"{host.name}: nothing starts it after a reboot; this line in your crontab does: {hello.reboot_line}")
    return found


def _command(line: str) -> str:
    return line.removeprefix("@reboot ").removesuffix(" >/dev/null 2>&1")
