"""A world in, one deployment by the real driver out: what its exit code would say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shipway.execute.conduct import Conduct
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.begin import Hold, hold, read
from shipway.model.errors import ShipwayError
from shipway.model.event import Event
from shipway.model.intent import Environment, Host
from shipway.model.plan import Batch, Plan, Step, Wave
from tests.simulation.world import Died, Driver, World

WATCH_SECONDS = 1.0
CONFIRM_SECONDS = 6.0
LEASE_SECONDS = 3.0


async def deploy(world: World, driver: Driver, batch_hosts: int = 0, *, without: tuple[str, ...] = ()) -> str:
    """One deployment to its end: live, undone, or the code of the refusal; `died` when the driver was killed.

    With `batch_hosts` it rolls: so many hosts at a time, the lead last, at least one other proved to serve before each batch.
    Hosts in `without` are left out; what would be live is `behind` then.
    """
    try:
        verdict = await _deploy(world, driver, batch_hosts, without)
    except Died:
        verdict = "died"
    world.note("ended", driver=driver.name, verdict=verdict)
    return verdict


async def _deploy(world: World, driver: Driver, batch_hosts: int, without: tuple[str, ...]) -> str:
    machines = [Host(name=name, address="simulated") for name in world.hosts]
    environment = Environment(
        name="production",
        hosts=tuple(host for host in machines if host.name not in without),
        without=tuple(host for host in machines if host.name in without),
        lease_seconds=LEASE_SECONDS,
        confirm_seconds=CONFIRM_SECONDS,
        watch_seconds=WATCH_SECONDS,
    )
    loop = asyncio.get_running_loop()

    def on_event(event: Event) -> None:
        world.note(f"driver: {event.kind}", event.host, **dict(event.data))

    tell = Tell(on_event, loop.time)
    fleet = Fleet(environment.hosts, app="shop", environment="production", transport_for=lambda host: driver)
    try:
        async with fleet:
            facts = await read(fleet)
            async with hold(fleet, environment, facts, tell, lambda number, deployment: {"number": number}) as held:
                world.note("began", driver=driver.name, deployment=held.claim.deployment, generation=held.claim.number)
                outcome = await Conduct(fleet, rolling(make_plan(held), batch_hosts), held.claim, None, held.tell).run()
                if outcome.ending is None or not outcome.ending.settled:
                    return "unsettled"
                return "undone" if not outcome.live else "behind" if without else "live"
    except ShipwayError as error:
        return f"refused: {error.code}" if error.exit_code == 3 else f"unsettled: {error.code}"


def make_plan(held: Hold) -> Plan:
    """A plan with every kind of wave: prepare, a migration once on the lead, start, switch, verify, finish."""
    members = held.claim.members

    def everywhere(*steps: Step) -> Mapping[str, tuple[Step, ...]]:
        return dict.fromkeys(members, steps)

    addresses = {name: [f"{name}:1"] for name in members}

    def member(do: str, **more: object) -> Step:
        return Step(key=f"member:{do}", do="member", args={"do": do, **more})

    return Plan(
        kind="deploy",
        app="shop",
        environment="production",
        release="r",
        number=held.claim.number,
        lead=held.claim.lead,
        members=members,
        waves=(
            Wave("prepared", "prepare", everywhere(Step(key="tree", do="tree.make"), member("vote", addresses=addresses))),
            Wave("migrated", "activate", {members[0]: (Step(key="task:migrate", do="task.run"),)}),
            Wave("ready", "start", everywhere(member("start"), Step(key="start", do="process.start"), member("ready"))),
        ),
        switch=everywhere(Step(key="switch", do="switch")),
        verify=everywhere(Step(key="prove", do="prove", args={"watch_seconds": WATCH_SECONDS})),
        finish=everywhere(member("finish")),
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


async def with_daemons(world: World, work: Any) -> Any:
    """Run `work` while every host's daemon lives, then let time pass until nothing is undecided any more."""
    daemons = [asyncio.ensure_future(host.live()) for host in world.hosts.values()]
    try:
        return await work
    finally:
        for daemon in daemons:
            daemon.cancel()


async def quiet(world: World) -> None:
    """Let the windows of leases and deadlines pass."""
    await asyncio.sleep(CONFIRM_SECONDS + LEASE_SECONDS + 8 * 1.0)
    world.note("quiet")
