"""`shipway setup`: hosts are made ready for their deploying user. The only flow, with `host add`, that may use root."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.machines import Order, make_ready, read_keys
from shipway.flows.project import open_project
from shipway.flows.without import no_host
from shipway.flows.words import SetupWords
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.intent import Host, Intent
from shipway.model.machine import Thing
from shipway.model.verdict import Verdict
from shipway.reports.machine import machine_json, machine_text

LOCAL = "local"


async def setup(words: SetupWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 when everything that is needed is there, 1 when a person has to do something. Raises WrongInput, Refused, Unsettled."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    keys = read_keys(words.key, Path())
    hosts = [host for host in _meant(intent, words) if host.address != LOCAL]
    if not hosts:
        return Verdict("unchanged", 0, f"{intent.environment.name} is on this machine alone, which needs nothing made", data={"hosts": {}})
    found = await make_ready(intent, hosts, Order(words.login, keys, not words.dry_run), Tell(on_event, time.time))
    return verdict_of(intent.environment.name, found, dry_run=words.dry_run)


def verdict_of(environment: str, found: Mapping[str, Sequence[Thing]], *, dry_run: bool) -> Verdict:
    """How it stands, in one sentence, with every line of it."""
    data = {**machine_json(found), "lines": machine_text(found)}
    hosts = ", ".join(found)
    things = [(host, one) for host, some in found.items() for one in some]
    wrong = [one for _, one in things if one.state == "wrong"]
    made = sum(one.state in ("made", "wanted") for _, one in things)
    count = "1 thing" if made == 1 else f"{made} things"
    if wrong:
        left = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        return Verdict("answer", 1, f"{left} left to you on {hosts}", wrong[0].next, "", data)
    if dry_run and made:
        return Verdict("answer", 0, f"{count} would be made on {hosts}; nothing was touched", f"shipway setup {environment}", "", data)
    if not made:
        return Verdict(
            "unchanged", 0, f"nothing to change: {hosts} {'is' if len(found) == 1 else 'are'} ready for {environment}", "", "", data
        )
    return Verdict(
        "answer", 0, f"{hosts} {'is' if len(found) == 1 else 'are'} ready: {count} made", f"shipway deploy {environment}", "", data
    )


def _meant(intent: Intent, words: SetupWords) -> list[Host]:
    known = {host.name: host for host in intent.environment.hosts}
    for name in words.host:
        if name not in known:
            raise WrongInput(
                no_host(name, list(known)),
                state="nothing was touched",
                hint=f"hosts of {intent.environment.name}: {', '.join(known)}",
                code="no-host",
            )
    return [known[name] for name in dict.fromkeys(words.host)] if words.host else list(known.values())
