"""What a rule of `decide` is: an exploration must see that one is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shipway_agent.decide import Member, Outcome

Rule = Callable[[Member, Mapping[str, Any], float], Outcome]
