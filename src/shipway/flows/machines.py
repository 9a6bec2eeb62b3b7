"""Hosts and who may become root there in; out, machines to which their user may deploy, proved by a login as that user.

What `setup` and `host add` have in common.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from shipway.execute.examine import examine
from shipway.execute.fleet import Fleet, worst
from shipway.execute.setup import set_up
from shipway.execute.telling import Tell
from shipway.flows.hints import hint
from shipway.flows.reach import reach
from shipway.flows.who import who
from shipway.model.errors import AGAIN, HostError, Refused, ShipwayError, Unsettled, WrongInput
from shipway.model.intent import Host, Intent
from shipway.model.machine import Thing
from shipway.transports.public_keys import parse
from shipway.transports.superuser import INSTALL_SECONDS, SuperuserTransport, deploying_user
from shipway_agent.record import dataclass, replace

WEB = ":80"
NO_PYTHON = "no-python"


@dataclass(frozen=True, slots=True)
class Order:
    """`login` may become root. `keys` are lines for authorized_keys; none means the key that logs in. Without `apply` nothing is made."""

    login: str
    keys: tuple[str, ...]
    apply: bool


async def make_ready(intent: Intent, hosts: Sequence[Host], order: Order, tell: Tell) -> dict[str, tuple[Thing, ...]]:
    """What each machine has, and what was made there. Raises Refused where nothing was touched, Unsettled from then on."""
    root = SuperuserTransport(order.login)
    touched: set[str] = set()
    try:
        return await _make_ready(intent, hosts, order, tell, root, touched)
    except asyncio.CancelledError:
        if not touched:
            raise
        raise Unsettled(
            "interrupted while machines were made ready",
            state=f"what was begun on {', '.join(sorted(touched))} is made to its end, and nothing of it is half",
            hint=f"{AGAIN} makes the rest",
            code="interrupted",
        ) from None


def read_keys(files: Sequence[str], directory: Path) -> tuple[str, ...]:
    """The public keys in these files, each once. Raises WrongInput with a line for each fault, or for a file without a key."""
    keys: list[str] = []
    faults: list[str] = []
    for name in files:
        try:
            text = (directory / Path(name).expanduser()).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            faults.append(f"{name}: cannot be read: {error.strerror}")
            continue
        found, wrong = parse(text)
        faults += [f"{name}:{line}: {what}" for line, what in wrong]
        if not found and not wrong:
            faults.append(f"{name}: holds no key")
        keys += found
    if faults:
        raise WrongInput(
            f"{len(faults)} lines of key files are no public keys" if len(faults) > 1 else faults[0],
            state="nothing was touched",
            hint="name the file of a public key, such as ~/.ssh/id_ed25519.pub (ssh-keygen -y -f KEY prints that of a private key)",
            code="key-file",
            details=faults if len(faults) > 1 else (),
        )
    return tuple(dict.fromkeys(keys))


async def _make_ready(
    intent: Intent, hosts: Sequence[Host], order: Order, tell: Tell, root: SuperuserTransport, touched: set[str]
) -> dict[str, tuple[Thing, ...]]:
    found: dict[str, tuple[Thing, ...]] = {}
    environment = intent.environment.name
    async with Fleet(hosts, app=intent.app, environment=environment, transport_for=lambda host: root, tell=tell) as fleet:
        opened = await fleet.connect()
        bare = [name for name, error in opened.errors.items() if error.code == NO_PYTHON]
        others = {name: error for name, error in opened.errors.items() if name not in bare}
        if others:
            raise _no_root(others, fleet, order)
        if order.apply and bare:
            touched.update(bare)
            await _install(fleet, root, bare, tell)
        else:
            found = {name: (_no_python(),) for name in bare}
        ready = [name for name in fleet.names if name not in found]
        keys = await _keys(fleet, root, ready, order)
        if order.apply:
            touched.update(ready)

        async def one(name: str) -> tuple[Thing, ...]:
            user = await deploying_user(fleet.hosts[name])
            things = await set_up(fleet, name, user=user, keys=keys[name], apply=order.apply, who=who())
            return (*((_python(),) if name in bare else ()), *things)

        made = await fleet.each(one, ready)
        if made.errors:
            raise _stopped(made.errors, order)
    found |= made.answers
    if order.apply:
        found = await _proved(intent, hosts, found, tell)
    return {name: found[name] for name in sorted(found)}


async def _install(fleet: Fleet, root: SuperuserTransport, names: Sequence[str], tell: Tell) -> None:
    async def one(name: str) -> None:
        tell("waiting", host=name, what="python3 to be installed", bound_seconds=INSTALL_SECONDS)
        await root.install_python(fleet.hosts[name])
        await fleet.channel(name)

    outcomes = await fleet.each(one, names)
    if outcomes.errors:
        first = worst(outcomes.errors)
        raise Unsettled(
            f"{', '.join(sorted(outcomes.errors))}: {first.message}",
            state="nothing else was touched there, and nothing on the other hosts",
            hint=f"install python3 (3.9 or newer) there by hand, then {AGAIN}",
            code=first.code,
            details=first.lines,
        )


async def _keys(fleet: Fleet, root: SuperuserTransport, names: Sequence[str], order: Order) -> dict[str, tuple[str, ...]]:
    """The keys that may log in as the deploying user: those that were named, else the one that has just let us in."""
    if order.keys:
        return dict.fromkeys(names, order.keys)
    asked = await fleet.each(lambda name: root.accepted_key(fleet.hosts[name]), names)
    unknown = [name for name in names if not asked.answers.get(name)]
    if unknown:
        raise Refused(
            f"it cannot be told which key let us in on {', '.join(unknown)}, so no key is known for the user that deploys",
            state="nobody was given a right to log in",
            hint="name your public key: --key ~/.ssh/id_ed25519.pub",
            code="no-key",
        )
    return {name: (str(asked.answers[name]),) for name in names}


async def _proved(
    intent: Intent, hosts: Sequence[Host], found: Mapping[str, tuple[Thing, ...]], tell: Tell
) -> dict[str, tuple[Thing, ...]]:
    """A login as the deploying user, which also says whether its proxy could listen at the port of the web."""
    only = replace(intent, environment=replace(intent.environment, hosts=tuple(hosts)))
    async with reach(only, tell) as fleet:
        opened = await fleet.connect()
        examined = await examine(fleet, dict.fromkeys(fleet.reached, WEB))
        errors = {**opened.errors, **examined.errors}
        return {name: (*things, *_proof(name, fleet, errors, examined.answers)) for name, things in found.items()}


def _proof(name: str, fleet: Fleet, errors: Mapping[str, HostError], examined: Mapping[str, object]) -> tuple[Thing, ...]:
    address = fleet.hosts[name].address
    if name in errors:
        error = errors[name]
        next = hint(error.code, environment=fleet.environment, host=name, address=address).replace(AGAIN, "the same again")
        return (Thing("login", "wrong", f"a login as the deploying user does not work: {error.message}", next),)
    proved = Thing("login", "there", f"proved: {address} logs in, and the agent runs there")
    fault = str(getattr(examined.get(name), "listen_fault", ""))
    if not fault:
        return (proved,)
    next = "end what holds it, or give the host another `listen` in shipway.toml"
    return (proved, Thing("listen", "note", f"the proxy could not listen at {WEB} now: {fault}", next))


def _no_root(errors: Mapping[str, HostError], fleet: Fleet, order: Order) -> ShipwayError:
    first = worst(errors)
    root = f"{order.login}@ADDRESS"
    address = _as_typed(fleet.hosts[first.host], order.login)
    said = hint(first.code, environment=fleet.environment, host=first.host, address=address)
    if first.code == "login":
        said = f"check that `ssh {address} true` works, or name another who may use sudo without a password (--login USER); then {AGAIN}"
    return Refused(
        f"cannot log in as {root} on {', '.join(sorted(errors))}: {first.message}",
        state="nothing was touched",
        hint=said,
        code=first.code,
        details=[*(f"{name}: {error.message}" for name, error in sorted(errors.items()) if len(errors) > 1), *first.lines],
    )


def _stopped(errors: Mapping[str, HostError], order: Order) -> ShipwayError:
    first = worst(errors)
    return (Unsettled if order.apply else Refused)(
        f"{', '.join(sorted(errors))}: {first.message}",
        state="what was made stands, and is found by the next run" if order.apply else "nothing was touched",
        hint=AGAIN,
        code=first.code,
        details=first.lines,
    )


def _as_typed(host: Host, login: str) -> str:
    return f"{login}@{host.address.rpartition('@')[2]}"


def _no_python() -> Thing:
    return Thing("python", "wanted", "python3, from the packages of the machine; what else it lacks is known only then")


def _python() -> Thing:
    return Thing("python", "made", "python3 is installed, from the packages of the machine")
