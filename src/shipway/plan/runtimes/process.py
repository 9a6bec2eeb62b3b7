"""A shipment and one host in, that host's process table out: the PROCESS objects of its generation document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shipway.model.intent import STEADY_SECONDS, Command, Host, Page, Process, Shipment


def process_table(shipment: Shipment, host: Host) -> list[dict[str, Any]]:
    """The processes whose roles fit the host, in the order of the file."""
    return [_row(process) for process in processes_of(shipment, host)]


def processes_of(shipment: Shipment, host: Host) -> list[Process]:
    """The processes that run on this host."""
    return [process for process in shipment.processes if fits(process.roles, host)]


def fits(roles: Sequence[str], host: Host) -> bool:
    """Whether something for these roles belongs on the host. No roles means every host; a host without roles has them all."""
    return not roles or not host.roles or bool(set(roles) & set(host.roles))


def page(value: Page) -> dict[str, Any]:
    """A page as the agent reads it."""
    return {"path": value.path, "status": list(value.status), "contains": value.contains, "timeout_seconds": value.timeout_seconds}


def command(value: Command) -> str | list[str]:
    """A command as the agent reads it: text for a shell, or a list that runs without one."""
    return value if isinstance(value, str) else list(value)


def _row(process: Process) -> dict[str, Any]:
    health = None
    if process.health is not None:
        health = {"page": page(process.health.page), "within_seconds": process.health.within_seconds}
    return {
        "name": process.name,
        "run": command(process.run),
        "instances": process.instances,
        "listens": process.listens,
        "health": health,
        "drain_seconds": process.drain_seconds,
        "overlap": process.overlap,
        "directory": process.directory,
        # Only where it is another than the usual: a key more in every document would be a difference to what serves.
        **({} if process.steady_seconds == STEADY_SECONDS else {"steady_seconds": process.steady_seconds}),
    }
