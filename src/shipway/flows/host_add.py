"""`shipway host add`: one more host, made ready, brought to the release that serves, and written into shipway.toml when it serves it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from shipway.config.answers import LOCAL, host_name
from shipway.config.insert import with_host
from shipway.config.resolve import resolve
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.deploy import deployed
from shipway.flows.head import intent_of_head
from shipway.flows.machines import Order, make_ready, read_keys
from shipway.flows.project import Project, open_project
from shipway.flows.reach import reach, typed
from shipway.flows.reading import read
from shipway.flows.setup import verdict_of
from shipway.flows.words import DeployWords, HostAddWords
from shipway.model.errors import Failed, Refused, ShipwayError, Unsettled, WrongInput
from shipway.model.event import Event
from shipway.model.intent import Host, Intent
from shipway.model.verdict import Verdict
from shipway.plan.facts import newest_committed
from shipway.release.refs import resolve_ref
from shipway.reports.machine import machine_json
from shipway_agent.record import replace

Write: TypeAlias = Callable[[], None]

AS_IT_WAS = "shipway.toml is as it was"


async def host_add(words: HostAddWords, on_event: Callable[[Event], None]) -> Verdict:
    """Take `words.address` in. Raises ShipwayError for every ending that is not 0, but for 1 where setup leaves something to a person.

    The file is written when the host serves, or when it may: a deployment that is not settled has it as a member.
    """
    project = open_project(words.project)
    name = project.environment(words.environment)
    keys = read_keys(words.key, Path())
    file = project.place.repository / project.place.file
    text = _as_committed(project, file)
    before = intent_of_head(project, name)
    _refuse_known(before, words)
    edited = with_host(text, name, _item(words), project.place.file)
    after = resolve(edited, edited, name, directory=project.place.directory, name=project.place.file)
    host = _new(before, after)
    with attempt(project.directory, on_event, "host add", lambda: name) as trying, _aside(file, edited) as write:
        commit = await _serving(project, before, trying)
        found = await make_ready(after, [host], Order(words.login, keys, True), trying.tell)
        for one in found[host.name]:
            if one.state != "there":
                trying.say("note", host=host.name, message=one.says)
        if any(one.state == "wrong" for one in found[host.name]):
            left = verdict_of(name, found, dry_run=False)
            return trying.ended(replace(left, message=f"{left.message}; {host.name} is not added, and {AS_IT_WAS}"))
        message = f"{host.name} is in {name}, and ready; nothing serves there yet"
        if commit:
            going = DeployWords(project=words.project, environment=name, ref=commit, json=words.json)
            live = await _deployed(replace(project, head=edited.encode()), going, trying, write)
            message = f"{host.name} is in {name}: {live.message}"
        write()
        add = f"git add {project.place.file} && git commit -m 'Add {host.name} to {name}'"
        data = machine_json(found)
        return trying.ended(Verdict("live" if commit else "answer", 0, message, add, trying.tell.deployment if commit else "", data))


async def _deployed(project: Project, words: DeployWords, trying: Attempt, write: Write) -> Verdict:
    """The release that serves, on all of them. The hosts' word counts: the file has the new one as soon as they may have."""
    try:
        return await deployed(project, words, trying)
    except Unsettled as error:
        write()
        state = f"{error.state}; the new host is in shipway.toml, for it may be a member already"
        raise Unsettled(
            error.message, state=state, hint=f"commit shipway.toml; then {error.hint}", code=error.code, details=error.details
        ) from None
    except (Failed, Refused, WrongInput) as error:
        raise _with_state(error) from None


def _with_state(error: ShipwayError) -> ShipwayError:
    error.state = f"{error.state}; {AS_IT_WAS}" if error.state else AS_IT_WAS
    return error


async def _serving(project: Project, intent: Intent, trying: Attempt) -> str:
    """The commit that the others serve, which must be here too; "" before the first deployment. Raises Refused, WrongInput."""
    async with reach(intent, trying.say) as fleet:
        facts = typed(await read(fleet))
    newest = newest_committed(facts)
    if newest is None:
        return ""
    commit = str(newest.document.get("commit", ""))
    resolve_ref(project.repository, commit)
    return commit


def _as_committed(project: Project, file: Path) -> str:
    """The file here, which must be HEAD's: hosts are read from HEAD, and what somebody else has begun in it stays his."""
    try:
        there = file.read_bytes()
    except OSError:
        there = b""
    if there != project.head:
        raise Refused(
            f"{project.place.file} here is not as HEAD has it",
            state="nothing was touched",
            hint=f"commit it, or take the change back (git restore {project.place.file})",
            code="config-edited",
        )
    return there.decode()


def _item(words: HostAddWords) -> dict[str, str | list[str]]:
    item: dict[str, str | list[str]] = {} if words.name is None else {"name": words.name}
    item["address"] = words.address
    return item | ({"roles": list(words.roles)} if words.roles else {})


def _refuse_known(intent: Intent, words: HostAddWords) -> None:
    known = {host.name: host.address for host in intent.environment.hosts}
    name = words.name or host_name(words.address)
    same = next((host for host, address in known.items() if address == words.address != LOCAL), name)
    if same in known:
        raise WrongInput(
            f"{same} is a host of {intent.environment.name} already",
            state="nothing was touched",
            hint=f"shipway setup {intent.environment.name} makes it ready, shipway deploy {intent.environment.name} brings it up",
            code="host-there",
        )


def _new(before: Intent, after: Intent) -> Host:
    known = {host.name for host in before.environment.hosts}
    (added,) = (host for host in after.environment.hosts if host.name not in known)
    return added


@contextmanager
def _aside(file: Path, text: str) -> Iterator[Write]:
    """What puts the new text in place, in one rename; without it nothing stays. Raises Refused where the file cannot be written."""
    aside = file.with_name(f".shipway-toml-{secrets.token_hex(4)}")
    try:
        _write(aside, text, file.stat().st_mode & 0o777)
        yield lambda: _put(aside, file)
    finally:
        aside.unlink(missing_ok=True)


def _write(aside: Path, text: str, mode: int) -> None:
    try:
        with aside.open("x", encoding="utf-8", newline="") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        aside.chmod(mode)
    except OSError as error:
        raise Refused(
            f"{aside.parent} cannot be written to: {error.strerror}",
            state="nothing was touched",
            hint="make the directory writable",
            code="cannot-write",
        ) from None


def _put(aside: Path, file: Path) -> None:
    if aside.exists():
        aside.replace(file)
