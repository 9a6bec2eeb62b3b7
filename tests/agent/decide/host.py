"""What is said to one host in, what it answers by `decide.handle` out; it has a record and a boot clock."""

from __future__ import annotations

from typing import Any

from shipway_agent import decide
from shipway_agent.decide import Member

LEASE_SECONDS = 30.0
CONFIRM_SECONDS = 60.0


class Host:
    """One host's record and its boot clock. `lead` names the host whose record holds the decision."""

    def __init__(self, name: str = "a", lead: str = "a") -> None:
        self.member = Member(name)
        self.lead = lead
        self.now = 1000.0

    def say(self, do: str, number: int | None = 1, **more: Any) -> dict[str, Any]:
        own = {} if number is None else {"deployment": f"d{number}", "fence": number}
        before = self.member
        self.member, reply = decide.handle(self.member, {"do": do, **own, **more}, self.now)
        if not reply["ok"]:
            assert self.member == before, "a refused message changes nothing"
        return reply

    def lease(self, number: int = 1, **more: Any) -> dict[str, Any]:
        return self.say(
            "lease",
            number,
            **{
                "owner": "ann@laptop",
                "seconds": LEASE_SECONDS,
                "lead": self.lead,
                "members": ["a", "b"],
                "confirm_seconds": CONFIRM_SECONDS,
                **more,
            },
        )

    def go(self, to: str, number: int = 1) -> Host:
        """Through the stages of a deployment, up to `to`."""
        path = ["lease", "vote", "start", "ready", "arm", "switched"]
        for do in path[: path.index(to) + 1]:
            reply = self.lease(number) if do == "lease" else self.say(do, number)
            assert reply["ok"], reply
        return self

    def stage(self, number: int = 1) -> str:
        attempt = self.member.attempt(f"d{number}")
        assert attempt is not None
        return attempt.stage

    def serves(self) -> int | None:
        return self.member.current

    def at(self, seconds: float) -> Host:
        self.now += seconds
        return self
