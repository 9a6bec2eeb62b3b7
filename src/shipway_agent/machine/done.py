"""One thing of a machine in, how it stands out: what `setup` says of it, in the words that a person reads."""

from __future__ import annotations

from typing import Dict

from shipway_agent.record import dataclass

THERE = "there"  # as it should be
MADE = "made"  # was not, and is now
WANTED = "wanted"  # is not, and would be made
NOTE = "note"  # to be known; nothing stands in the way
WRONG = "wrong"  # stands in the way, and is a person's to mend

STATES = (THERE, MADE, WANTED, NOTE, WRONG)


@dataclass(frozen=True)
class Done:
    """`thing` names what was looked at, the same in every run; `says` is a sentence about it, `next` what mends it where it is wrong."""

    thing: str
    state: str
    says: str
    next: str = ""

    def to_json(self) -> Dict[str, str]:
        return {"thing": self.thing, "state": self.state, "says": self.says, "next": self.next}


def changed(thing: str, apply: bool, says: str) -> Done:
    """What was not as it should be: made, or only to be made where nothing is applied."""
    return Done(thing, MADE if apply else WANTED, says)
