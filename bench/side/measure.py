"""A contestant, a line and a number of hosts in; out, a cell a step: what it cost, and whether every host serves what it should."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from urllib.request import urlopen

from bench.side.contestant import Contestant, Stage, Step
from bench.side.contestants.logins import login
from bench.side.groups import Group
from bench.side.net import LINES, Net
from bench.side.profile import Profile
from bench.side.proof import wrong
from bench.side.recipe import Recipe
from bench.side.result import Cell

LIMIT_SECONDS = 900.0
PAUSE_SECONDS = 3.0
"""Between steps, for everybody: peers name releases by the second, and what hosts still do behind a command counts as theirs."""

Tell = Callable[[Cell], None]
Profiled = Callable[[Step, Iterable[str]], None]


def measure(
    contestant: Contestant, recipe: Recipe, line: str, hosts: int, steps: set[str], tell: Tell, profiled: Profiled | None = None
) -> list[Cell]:
    """On fresh hosts. Steps that are not wanted are taken all the same when later ones need them, and not told. `profiled` is told where

    each one's time went; its cells are slower then, and no figures.
    """
    with Net(hosts, LINES[line], origin=recipe.repository if contestant.pulls else None) as net:
        place = net.directory / "work"
        place.mkdir()
        stage = Stage(net, recipe, place)
        contestant.ready(stage)
        subprocess.run(net.command(login(stage).argv), env=net.env(), check=True, stdin=subprocess.DEVNULL)  # neighbours are known
        cells = []
        wanted = [number for number, step in enumerate(contestant.steps) if step.name in steps]
        for step in contestant.steps[: max(wanted, default=-1) + 1]:
            for _ in range(step.times if step.name in steps and profiled is None else 1):
                cell = _take(contestant, stage, line, step, profiled if step.name in steps else None)
                if step.name in steps:
                    cells.append(cell)
                    tell(cell)
        return cells


def _take(contestant: Contestant, stage: Stage, line: str, step: Step, profiled: Profiled | None) -> Cell:
    net = stage.net
    os.sync()
    command = contestant.command(stage, step)
    profile = Profile(Path(mkdtemp(dir=net.directory))) if profiled is not None else None
    if profile is not None:
        command = profile.begin(net, command)
    traffic, logins = net.traffic(), net.logins()
    operator, ssh, hosts = net.operator.cpu_seconds, net.ssh.cpu_seconds, net.served.cpu_seconds
    output = net.directory / "output"
    with output.open("wb") as out, _peak(net.operator) as peak:
        began = time.monotonic()
        process = subprocess.Popen(
            net.command(command.argv),
            cwd=command.directory,
            env=net.env(command.env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        late = threading.Timer(LIMIT_SECONDS, process.kill)  # a wait with a bound looks only every 50 ms
        late.daemon = True
        late.start()
        code = process.wait()
        wall = time.monotonic() - began
        late.cancel()
    sent = net.traffic().since(traffic)
    if not step.keeps:
        net.ssh.end()
        net.operator.end()
    time.sleep(PAUSE_SECONDS)
    if profile is not None and profiled is not None:
        profiled(step, profile.end())
    return Cell(
        contestant=contestant.name,
        line=line,
        hosts=net.count,
        step=step.name,
        wrong=_wrong(contestant, stage, step, code, output),
        wall_seconds=wall,
        task_seconds=contestant.task_seconds(step),
        operator_cpu_seconds=net.operator.cpu_seconds - operator,
        ssh_cpu_seconds=net.ssh.cpu_seconds - ssh,
        operator_bytes=peak[0],
        hosts_cpu_seconds=net.served.cpu_seconds - hosts,
        sent_bytes=sent.sent_bytes,
        received_bytes=sent.received_bytes,
        sent_packets=sent.sent_packets,
        logins=net.logins() - logins,
        activation_seconds=_activation(contestant, net) if step.serves else None,
    )


def _wrong(contestant: Contestant, stage: Stage, step: Step, code: int, output: Path) -> str:
    if code != 0:
        said = output.read_text(errors="replace").strip()[-1500:]
        return f"ended with {code}: {said}"
    if not step.serves:
        return ""
    places = {name: contestant.served(home) or home for name, home in stage.net.homes().items()}
    found = wrong(places, stage.recipe.files[step.serves])
    if stage.recipe.shape.web:
        found += [word for name in stage.net.names if (word := _other_answer(stage.net, name, step.serves))]
    return "; ".join(found[:3])


def _other_answer(net: Net, host: str, version: str) -> str:
    """What a visitor of its front door gets that is not this version; "" where all is well."""
    address, port = net.hosts.front(host)
    try:
        with urlopen(f"http://{address}:{port}/VERSION", timeout=5) as answer:
            said = answer.read(100).decode(errors="replace").strip()
    except OSError as error:
        return f"{host}: its front door: {error}"
    return "" if said == version else f"{host}: its front door says {said}"


def _activation(contestant: Contestant, net: Net) -> float | None:
    links = [contestant.current(home) for home in net.homes().values()]
    moments = [link.lstat().st_ctime for link in links if link.is_symlink()]
    return max(moments) - min(moments) if len(moments) == net.count else None


@contextmanager
def _peak(group: Group) -> Iterator[list[int]]:
    """The most memory that it held at any look, twenty a second."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], group.memory_bytes)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
