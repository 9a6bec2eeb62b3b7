"""The program is killed at every message that a host journals, for every host, while it restarts, scales, stops or closes what serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from tests.faults.case import Case
from tests.faults.ground import ENVIRONMENT, Ground
from tests.faults.moments import Fault, is_journalled
from tests.faults.trial import Trial

ORDERS: dict[str, tuple[str, ...]] = {
    "restart": ("restart",),
    "scale": ("scale", "web=2"),
    "stop": ("stop",),
    "maintenance": ("maintenance", "on"),
}
"""What is typed, without the environment."""

BACK: dict[str, tuple[str, ...]] = {"scale": ("scale", "web=file"), "stop": ("start",), "maintenance": ("maintenance", "off")}
"""What takes an order back; where it did not come to it, there is nothing to do."""

SHUT = frozenset({"stop", "maintenance"})
"""Orders behind which visitors get a page, or may: no answer of theirs counts until it is taken back."""


def orders_of(name: str) -> Callable[[Ground], Iterable[Case]]:
    """A case for each moment of an order on that fleet; at every second one somebody deploys at once, and at the others nobody does."""

    def cases(ground: Ground) -> Iterable[Case]:
        command, *rest = ORDERS[name]
        ground.author.commit(ground.settings(ground.times))  # an order goes by the times of HEAD, and ships nothing of it
        came = ground.rehearse(command, ENVIRONMENT, *rest)
        if name in BACK:
            back, *words = BACK[name]
            ground.rehearse(back, ENVIRONMENT, *words)
        for number, moment in enumerate(moment.name for moment in came if is_journalled(moment.name)):
            hurried = bool(number % 2)
            said = f"{moment}, {'then a deploy at once' if hurried else 'then nobody'}"
            yield Case(said, _death(name, Fault(moment, with_ssh=hurried), hurried=hurried), point=moment)

    return cases


def _death(name: str, fault: Fault, *, hurried: bool) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        with ExitStack() as shut:
            for host in trial.ground.names if name in SHUT else ():
                shut.enter_context(trial.dark(host))
            trial.drive(*ORDERS[name], fault=fault)
            if not hurried:
                trial.status()
                trial.decided()
            trial.commit()
            trial.next_deploy()
            if name in BACK:
                back = trial.drive(*BACK[name])
                trial.expect(back.ended() == 0, f"{back.name} ended with {back.code}:\n{back.text}")
        trial.commit()  # what an order took over goes by its first name: the next release starts everything anew
        trial.next_deploy()
        trial.status()

    return run
