"""`shipway config`: what the application finds in its environment and where each value comes from; against what is live, when asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches

from shipway.config.secrets.fingerprint import fingerprint, read_key
from shipway.config.secrets.folder import place_of
from shipway.config.sources import sources
from shipway.execute.telling import Tell
from shipway.flows.project import Project, open_project
from shipway.flows.reach import reach, typed
from shipway.flows.reading import read
from shipway.flows.sealed import folder_of, same, variables
from shipway.flows.values import NoValue, environments, place, source, values
from shipway.flows.want import want
from shipway.flows.words import ConfigWords
from shipway.ledger.store import ignored_folder
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.intent import Env, Hidden, Intent, Reference
from shipway.model.setting import Setting
from shipway.model.verdict import Verdict
from shipway.plan.settings import compared
from shipway.reports.config import config_json, config_text
from shipway.reports.standing import standing_words
from shipway_agent import surroundings
from shipway_agent.record import replace

OF_THE_HOST: Mapping[str, tuple[str, str | None]] = {
    "PATH": ("the host's, unless you give another", surroundings.PATH),
    "HOME": ("the home of the deploying user, unless you give another", None),
    "USER": ("the deploying user, unless you give another", None),
    "LANG": ("always, unless you give another", "C.UTF-8"),
    "PYTHONDONTWRITEBYTECODE": ("always, unless you give another", "1"),
}
OF_SHIPWAY: Mapping[str, str] = {
    "RELEASE": "the version of the release",
    "SHIPWAY_RELEASE": "the digest of the release",
    "SHIPWAY_GENERATION": "the number of the generation",
}
MADE = "made by Shipway"


async def config(words: ConfigWords, on_event: Callable[[Event], None]) -> Verdict:
    """What HEAD would ship. Exit 1 when a value cannot be had. Only with `live` are hosts asked. Raises WrongInput, Refused."""
    project = open_project(words.project)
    wanted = want(project, words.environment, None)
    intent = wanted.intent
    name = intent.environment.name
    meant = _meant(intent, words.name)
    found = await values((v for env in meant.values() for v in env.values() if isinstance(v, Reference)), project.directory, wanted.sealed)
    settings = [*_written(project, intent, meant, found), *_made(intent)]
    facts: Mapping[str, HostFacts] = {}
    if words.live:
        async with reach(intent, Tell(on_event, time.time)) as fleet:
            facts = typed(await read(fleet))
        settings = compared(intent, settings, _known(meant, found), facts)
    live = {host: fact.member.current for host, fact in facts.items()}
    versions = {host: str((fact.live or {}).get("version", "")) for host, fact in facts.items()}
    if words.name is not None:
        settings = _named(words.name, settings, intent)
    ordered = [f"{host}: {said}" for host, fact in sorted(facts.items()) for said in standing_words(fact.live or {})]
    data = {"config": config_json(name, settings, live, versions), "lines": [*config_text(settings, live, versions), *ordered]}
    faults = sum(1 for setting in settings if setting.fault)
    if faults:
        message = f"{faults} value{'s' if faults > 1 else ''} of {name} cannot be had"
        return Verdict("answer", 1, message, f"do what is said there, then shipway config {name} again", "", data)
    return Verdict("answer", 0, f"this is what HEAD gives to {name}", _not_committed(project, name, wanted.sealed), "", data)


def _not_committed(project: Project, environment: str, sealed: Mapping[str, bytes]) -> str:
    """What to type where the checkout's secrets are not those of HEAD; empty where they are."""
    here, head = folder_of(project, environment).sealed(), {name: sealed[file] for name, file in variables(sealed).items()}
    names = sorted(name for name in {*here, *head} if not same(here.get(name), head.get(name)))
    place = place_of(project.place.directory, environment)
    return f"commit {', '.join(names)}, which the checkout has otherwise: git add {place} && git commit" if names else ""


def _meant(intent: Intent, named: str | None) -> Mapping[str, Env]:
    """The variables that are asked about: nobody waits for another one's command."""
    whole = environments(intent)
    return {owner: {n: value for n, value in env.items() if named in (None, n, place(owner, n))} for owner, env in whole.items()}


def _written(project: Project, intent: Intent, meant: Mapping[str, Env], found: Mapping[Reference, Hidden | NoValue]) -> Iterator[Setting]:
    """What shipway.toml says, in the order of names."""
    lines = sources(project.head, project.head, intent.environment.name, name=project.place.file)
    key = _key(project)
    for owner, env in meant.items():
        for name, value in sorted(env.items()):
            if not isinstance(value, Reference):
                yield Setting(name, owner, lines[place(owner, name)], value)
                continue
            given = found[value]
            where = source(value) if value.file else f"{source(value)}, {lines[place(owner, name)]}"
            setting = Setting(name, owner, where, secret=True)
            if isinstance(given, NoValue):
                yield replace(setting, fault=str(given))
            else:
                yield replace(setting, fingerprint=fingerprint(key, given) if key else "")


def _made(intent: Intent) -> Iterator[Setting]:
    """What every process and task gets on top, or beneath, by itself."""
    own = environments(intent)[""]
    for name, (says, value) in OF_THE_HOST.items():
        if name not in own:
            yield Setting(name, "", says, value)
    for name, says in OF_SHIPWAY.items():
        yield Setting(name, "", f"{MADE}: {says}")
    yield Setting("SHIPWAY_ENVIRONMENT", "", f"{MADE}: the environment", intent.environment.name)
    for process in intent.shipment.processes:
        if process.listens == "port":
            yield Setting("PORT", f"process.{process.name}", f"{MADE}: a free port of 127.0.0.1, another for each instance")
        elif process.listens == "socket":
            yield Setting("SOCKET", f"process.{process.name}", f"{MADE}: the path of a socket, another for each instance")


def _known(meant: Mapping[str, Env], found: Mapping[Reference, Hidden | NoValue]) -> Mapping[str, str]:
    """Every value that is at hand, by place."""
    all_of_them = {place(owner, name): value for owner, env in meant.items() for name, value in env.items()}
    given = {where: found[value] if isinstance(value, Reference) else value for where, value in all_of_them.items()}
    return {where: value for where, value in given.items() if not isinstance(value, NoValue)}


def _key(project: Project) -> bytes:
    """Without a key there are no fingerprints, and nothing else is missing."""
    try:
        return read_key(ignored_folder(project.directory))
    except OSError:
        return b""


def _named(name: str, settings: list[Setting], intent: Intent) -> list[Setting]:
    chosen = [setting for setting in settings if name in (setting.name, setting.place)]
    if chosen:
        return chosen
    environment = intent.environment.name
    near = get_close_matches(name, {*(s.name for s in settings), *(n for env in environments(intent).values() for n in env)}, n=1)
    raise WrongInput(
        f"the application gets no variable {name!r} in {environment}" + (f"; the nearest is {near[0]}" if near else ""),
        state="nothing was touched",
        hint=f"shipway config {environment} lists them",
        code="setting",
    )
