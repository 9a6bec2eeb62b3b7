"""A fleet's names and windows in; out, what a first deployment that went well leaves on its hosts and in its history.

The real driver makes it, once for each kind of fleet: nearly every story begins with it, and it would be a quarter of the time of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tests.simulation.deploying import Times, deploy, with_daemons
from tests.simulation.history import Happening
from tests.simulation.host import Kept
from tests.simulation.loop import simulate
from tests.simulation.world import World


@dataclass(frozen=True)
class Standing:
    """What each host keeps, the lines that the checker has to know, and how long it took."""

    hosts: Mapping[str, Kept]
    history: tuple[Happening, ...]
    seconds: float

    def put_into(self, world: World) -> None:
        """Have it there, as if it had just been deployed. The world's time must be that at which it ended."""
        world.history.extend(self.history)
        for name, kept in self.hosts.items():
            world.hosts[name].take(kept)


@lru_cache(maxsize=64)
def standing(names: tuple[str, ...], times: Times) -> Standing:
    """Deploy to a healthy fleet. The same for whoever asks; `cache_clear` where the rules themselves are changed."""
    world = World(names)

    async def main() -> float:
        begins = world.now()
        await deploy(world, world.driver("first"), times=times, must="live")
        return world.now() - begins

    seconds = simulate(with_daemons(world, main()))
    history = tuple(line for line in world.history if line.what not in ("daemon starts", "weather"))
    return Standing({name: host.kept() for name, host in world.hosts.items()}, history, seconds)
