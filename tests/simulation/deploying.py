"""A world in, one flow by the real driver out: what its exit code would say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shipway.execute.conduct import Conduct
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.begin import Hold, hold
from shipway.flows.reading import read
from shipway.flows.records import open_deployments
from shipway.flows.words_of_failure import failed
from shipway.model.elders import known_to_each
from shipway.model.errors import ShipwayError
from shipway.model.event import Event
from shipway.model.intent import Environment, Host
from shipway.model.plan import Batch, Plan, Step, Wave
from tests.simulation.world import Died, Driver, World

WATCH_SECONDS = 1.0
CONFIRM_SECONDS = 6.0
LEASE_SECONDS = 3.0

KINDS: Mapping[str, Literal["deploy", "rollback", "prepare"]] = {"deploy": "deploy", "rollback": "rollback", "prepare": "prepare"}
EXITS = {1: "undone", 2: "wrong", 3: "refused", 4: "unsettled"}


@dataclass(frozen=True)
class Times:
    """The windows of an environment."""

    lease_seconds: float = LEASE_SECONDS
    confirm_seconds: float = CONFIRM_SECONDS
    watch_seconds: float = WATCH_SECONDS

    @property
    def quiet_seconds(self) -> float:
        """After which a fleet that can talk has settled whatever was open."""
        return max(self.lease_seconds, self.confirm_seconds) + self.lease_seconds + 10.0


@dataclass(frozen=True)
class Shape:
    """What a driver sets out to do. `kind`: deploy, rollback, prepare, resume or abort. `fails` is a host and the step that fails there.

    `checked`: the migration has a check; `undoable`: it has an undo. `batch_hosts`: so many hosts at a time. `held`: requests wait.
    """

    kind: str = "deploy"
    fails: tuple[str, str] | None = None
    checked: bool = False
    undoable: bool = False
    task_seconds: float = 0.1
    batch_hosts: int = 0
    held: bool = False


DEPLOY = Shape()


async def deploy(
    world: World,
    driver: Driver,
    batch_hosts: int = 0,
    *,
    without: tuple[str, ...] = (),
    shape: Shape = DEPLOY,
    times: Times = Times(),
    must: str = "",
) -> str:
    """One flow to its end: live, prepared, settled, undone, or the code of the refusal; `died` when the driver was killed.

    With `batch_hosts` it rolls: so many hosts at a time, the lead last, at least one other proved to serve before each batch.
    Hosts in `without` are left out; what would be live is `behind` then. `must` is the ending that the checker demands.
    """
    deployments: list[str] = []
    try:
        verdict = await _deploy(world, driver, replace(shape, batch_hosts=batch_hosts or shape.batch_hosts), times, without, deployments)
    except Died:
        verdict = "died"
    world.note("ended", driver=driver.name, verdict=verdict, deployments=deployments, must=must or None)
    return verdict


async def _deploy(world: World, driver: Driver, shape: Shape, times: Times, without: tuple[str, ...], deployments: list[str]) -> str:
    machines = [Host(name=name, address="simulated") for name in world.hosts]
    environment = Environment(
        name="production",
        hosts=tuple(host for host in machines if host.name not in without),
        without=tuple(host for host in machines if host.name in without),
        lease_seconds=times.lease_seconds,
        confirm_seconds=times.confirm_seconds,
        watch_seconds=times.watch_seconds,
    )
    loop = asyncio.get_running_loop()

    def on_event(event: Event) -> None:
        if event.deployment and event.deployment not in deployments:
            deployments.append(event.deployment)
        if world.traced:
            world.note(f"driver: {event.kind}", event.host, driver=driver.name, **event.data)

    tell = Tell(on_event, loop.time)
    fleet = Fleet(environment.hosts, app="shop", environment="production", transport_for=lambda host: driver)
    try:
        async with fleet:
            facts = await read(fleet)
            if shape.kind in ("resume", "abort") and not open_deployments(facts):
                return "unchanged"
            async with hold(fleet, environment, facts, tell, lambda number, deployment: {"number": number}) as held:
                world.note("began", driver=driver.name, deployment=held.claim.deployment, generation=held.claim.number)
                if shape.kind in ("resume", "abort"):
                    return "settled"
                verdict = await _conduct(fleet, rolling(make_plan(held, shape, times), shape.batch_hosts), held)
                return "behind" if verdict == "live" and without else verdict
    except ShipwayError as error:
        return f"{EXITS[error.exit_code]}: {error.code}" if error.exit_code != 1 else "undone"


async def _conduct(fleet: Fleet, plan: Plan, held: Hold) -> str:
    """As flows.transact ends: the exit code is the verdict."""
    outcome = await Conduct(fleet, plan, held.claim, None, held.tell).run()
    held.left_alone.update(outcome.left_alone)
    if plan.kind == "prepare" and outcome.ending is None:
        return "prepared"
    if outcome.live and outcome.ending is not None and outcome.ending.settled:
        return "live"
    raise failed(outcome, held.claim.deployment, fleet, serving="the old one")


def make_plan(held: Hold, shape: Shape = DEPLOY, times: Times = Times()) -> Plan:
    """A plan with every kind of wave: prepare, a migration once on the lead, start, switch, verify, finish."""
    members = held.claim.members
    lead = held.claim.lead

    def everywhere(*steps: Step) -> Mapping[str, tuple[Step, ...]]:
        return {name: tuple(_failing(step, name, shape) for step in steps) for name in members}

    known = known_to_each(members)

    def member(do: str, **more: object) -> Step:
        return Step(key=f"member:{do}", do="member", args={"do": do, **more})

    tree = everywhere(Step(key="tree", do="tree.make"))
    votes = {name: member("vote", addresses={other: [f"{other}:1"] for other in known[name]}) for name in members}
    prepare = Wave("prepared", "prepare", {name: (*tree[name], _failing(votes[name], name, shape)) for name in members})
    migrate = Step(key="task:migrate", do="task.run", args={"check": shape.checked, "seconds": shape.task_seconds})
    activate = Wave("migrated", "activate", {lead: (_failing(migrate, lead, shape),)})
    start = Wave("ready", "start", everywhere(member("start"), Step(key="start", do="process.start"), member("ready")))
    changes = Step(key="migrate:held", do="migrate", args={"seconds": shape.task_seconds})
    hold = Wave("requests wait", "activate", everywhere(Step(key="hold", do="hold")))
    between = (hold, Wave("held", "activate", {lead: (_failing(changes, lead, shape),)})) if shape.held else ()
    waves = {"prepare": (prepare,), "rollback": (prepare, start)}.get(shape.kind, (prepare, *between, activate, start))
    switch = everywhere(Step(key="switch", do="switch", args={"sick": shape.fails is not None and shape.fails[1] == "prove"}))
    undo = {lead: (Step(key="undo:task:migrate", do="task.run", args={"check": True}),)} if shape.undoable else {}
    return Plan(
        kind=KINDS[shape.kind],
        app="shop",
        environment="production",
        release="r",
        number=held.claim.number,
        lead=lead,
        members=members,
        waves=waves,
        switch={} if shape.kind == "prepare" else switch,
        verify=everywhere(Step(key="prove", do="prove", args={"watch_seconds": times.watch_seconds})),
        finish=everywhere(member("finish"), Step(key="prune", do="prune")),
        undo=undo,
    )


def rolling(plan: Plan, batch_hosts: int) -> Plan:
    """The same plan in batches, as plan/batches.py makes them."""
    if not batch_hosts:
        return plan
    names = sorted(plan.members, key=lambda name: (name == plan.lead, name))
    groups = [tuple(names[at : at + batch_hosts]) for at in range(0, len(names), batch_hosts)]
    batches = tuple(
        Batch(hosts, {name: (Step(key=f"serves:{number}", do="serves"),) for name in sorted(set(names) - set(hosts))}, floor=1)
        for number, hosts in enumerate(groups, 1)
    )
    proof = replace(plan.verify[plan.lead][0], key="prove:again")
    return replace(plan, batches=batches, again={name: (proof,) for batch in batches[:-1] for name in batch.hosts})


def _failing(step: Step, host: str, shape: Shape) -> Step:
    """The step as it is sent to this host, told to fail where the shape says so."""
    if shape.fails != (host, step.key):
        return step
    return Step(key=step.key, do=step.do, args={**step.args, "fails": "it broke"}, timeout_seconds=step.timeout_seconds)


async def with_daemons(world: World, work: Any) -> Any:
    """Run `work` while every host's daemon lives, then let time pass until nothing is undecided any more."""
    daemons = [asyncio.ensure_future(host.live()) for host in world.hosts.values()]
    try:
        return await work
    finally:
        for daemon in daemons:
            daemon.cancel()


async def quiet(world: World, times: Times = Times()) -> None:
    """Let the windows of leases and deadlines pass."""
    await asyncio.sleep(times.quiet_seconds)
    world.note("quiet")
