"""Shipway's command line, unchanged, in a process that strikes itself at a moment; what drivers are forked from imports it."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import AsyncIterator, Callable, Mapping
from importlib import import_module
from typing import Any

import shipway
from shipway.cli.main import entry
from shipway.transports.channel import FramedChannel
from tests.faults.moments import VARIABLE, Moments, from_text, label


def listen(moments: Moments) -> None:
    """Every call of every channel passes by here; what it sends and gets is not touched."""
    call_it = FramedChannel.call

    async def call(
        self: FramedChannel,
        name: str,
        args: Mapping[str, Any] | None = None,
        *,
        body: AsyncIterator[bytes] | None = None,
        on_event: Callable[[Mapping[str, Any]], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> dict[str, Any]:
        told = label(name, args or {})
        host = self.host.name

        def heard(event: Mapping[str, Any]) -> None:
            if event.get("event") == "step":
                moments.come(host, "started" if event["state"] == "started" else "done", str(event["key"]))
            if on_event is not None:
                on_event(event)

        if told:
            moments.come(host, "before", told)
        answer = await call_it(self, name, args, body=body, on_event=heard, timeout_seconds=timeout_seconds)
        if told:
            moments.come(host, "after", told)
        return answer

    setattr(FramedChannel, "call", call)  # noqa: B010 -- mypy allows no plain assignment to a method


def main() -> None:
    """Run sys.argv. Moments are told where somebody wants them."""
    told = os.environ.pop(VARIABLE, None)
    if told is not None:
        listen(from_text(told))
    entry()


for module in pkgutil.walk_packages(shipway.__path__, "shipway."):
    if not module.name.endswith(".__main__"):
        import_module(module.name)  # what a run imports when it comes to it
