"""A name in, a contestant out: all that bin/bench knows, in the order of its tables."""

from __future__ import annotations

from collections.abc import Mapping

from bench.side.contestant import Contestant
from bench.side.contestants.logins import Logins
from bench.side.contestants.peers import PEERS
from bench.side.contestants.script import Script
from bench.side.contestants.shipway import Shipway, ShipwayWarm, ShipwayWeb

CONTESTANTS: Mapping[str, Contestant] = {one.name: one for one in (Logins(), Shipway(), ShipwayWarm(), ShipwayWeb(), Script(), *PEERS)}
