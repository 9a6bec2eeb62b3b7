"""What a database says of its schema and two generations in; out, what stands between them: what must be taken back, and what cannot be.

Rollback asks whether anything does, revert takes it back. `said` is the answer of the call `data` {"do": "schema"} (docs/contracts.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from shipway.model.facts import Json
from shipway_agent.record import dataclass, field

EXPAND, CONTRACT = "expand", "contract"


@dataclass(frozen=True, slots=True)
class Between:
    """`back` names what is applied now and was not when `then` went live, newest first, but for contract migrations of its own release
    that waited and ran later. `forward` names what was there then and is not now.

    `code` is the generation whose code takes them back. `phases` are of all of these, `irreversible` (why it cannot be taken back, a few
    words each) of those that came. `strange` are those of them that no release here has, left by a deployment that failed: no code can take
    them back. `expected` are those that the release of `then` has too, and is made for. `late` are those of `forward` that `then` went live
    without. `known` is False where nobody wrote down what `then` left; then `since` is what is applied now and was not when the first went
    live that did write it down, and the others are empty.
    """

    code: int
    back: tuple[str, ...] = ()
    forward: tuple[str, ...] = ()
    phases: Mapping[str, str] = field(default_factory=dict)
    irreversible: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strange: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    known: bool = True

    @property
    def in_the_way(self) -> dict[str, str]:
        """What the release of `then` cannot live with, or what nobody can take back, each with why: a rollback must not go across it.

        Expand migrations were applied while the earlier release served, so they may stay.
        """
        found: dict[str, str] = {}
        for name in (*self.back, *self.since):
            phase = self.phases.get(name, EXPAND)
            if name in self.expected:
                continue
            if phase != EXPAND:
                found[name] = f"a {phase} migration: the release before cannot live with it"
            elif name in self.irreversible:
                found[name] = f"cannot be taken back: {'; '.join(self.irreversible[name])}"
        return found

    @property
    def lacks(self) -> tuple[str, ...]:
        """What the release of `then` needs and is not applied: without its running again a rollback must not go there."""
        return tuple(name for name in self.forward if name not in self.late)

    @property
    def stays(self) -> dict[str, str]:
        """Those that cannot be taken back, each with why: then only a restore point brings the schema back."""
        strange = dict.fromkeys(self.strange, "no release that is here has it, so no code can take it back")
        return {name: why for name in self.back if (why := strange.get(name) or "; ".join(self.irreversible.get(name, ())))}


def between(said: Json, live: int, then: int) -> Between:
    """What must be taken back so that the schema is as generation `then` left it.

    The code of `live` does it, or, where that lacks one of them because somebody has gone back already, the newest generation that has all.
    """
    left: Mapping[str, Any] = said.get("generations") or {}
    target, now = left.get(str(then)), [str(name) for name in said.get("applied", ())]
    if target is None:
        return _since_the_first(now, left, live)
    was = [str(name) for name in target["applied"]]
    back = _to_take_back(now, set(was), left, then)
    forward = tuple(name for name in was if name not in set(now))
    code = next((number for number in [live, *sorted(map(int, left), reverse=True)] if set(back) <= _has(left, number)), live)
    why: Mapping[str, Any] = (left.get(str(code)) or {}).get("irreversible") or {}
    return Between(
        code,
        back=back,
        forward=forward,
        phases={name: _phase(name, left) for name in (*back, *forward)},
        irreversible={name: tuple(map(str, why[name])) for name in back if name in why},
        strange=tuple(name for name in back if name not in _has(left, code)),
        expected=tuple(name for name in back if name in _has(left, then)),
        late=tuple(name for name in forward if _ran_behind(name, left, then)),
    )


def _since_the_first(now: Sequence[str], left: Mapping[str, Any], live: int) -> Between:
    """What `then` left is not known: most likely it is older than the first that said it, and what came since is new to it at least."""
    first = set(left[min(left, key=int)]["applied"]) if left else set(now)
    since = tuple(name for name in reversed(now) if name not in first)
    why = {str(name): tuple(map(str, words)) for one in left.values() for name, words in (one.get("irreversible") or {}).items()}
    return Between(
        live,
        phases={name: _phase(name, left) for name in since},
        irreversible={name: why[name] for name in since if name in why},
        since=since,
        known=False,
    )


def _to_take_back(now: Sequence[str], was: Set[str], left: Mapping[str, Any], then: int) -> tuple[str, ...]:
    """What came since, newest first. A contract migration of the release of `then` stays: it waited, and that release is made for it.

    It goes where one goes that was applied before it, for some tools take the last one back only; unless nothing takes it back.
    """
    since = [name for name in now if name not in was]
    own = {name for name in since if _said(left, then).get(name) == CONTRACT}
    lowest = next((place for place, name in enumerate(since) if name not in own), len(since))
    stuck = {name for one in left.values() for name in one.get("irreversible") or ()}
    return tuple(name for place, name in reversed([*enumerate(since)]) if name not in own or (place > lowest and name not in stuck))


def _has(left: Mapping[str, Any], number: int) -> set[str]:
    """The migrations of a generation's release."""
    return set(_said(left, number))


def _said(left: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """Their phases, as that release has them."""
    return (left.get(str(number)) or {}).get("known") or {}


def _ran_behind(name: str, left: Mapping[str, Any], number: int) -> bool:
    """Whether a generation went live before this contract migration ran: it brought it. What an earlier one had brought was overdue."""
    brought = not any(name in _has(left, earlier) for earlier in map(int, left) if earlier < number)
    return brought and _said(left, number).get(name) == CONTRACT


def _phase(name: str, left: Mapping[str, Any]) -> str:
    """What it was when it came: a contract migration that is overdue is expand in a later release, and breaks an early one as ever."""
    phases = [str(one["known"][name]) for one in left.values() if name in (one.get("known") or {})]
    return next((phase for phase in phases if phase != EXPAND), EXPAND)
