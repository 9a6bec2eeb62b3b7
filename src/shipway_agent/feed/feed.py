"""The call `feed`: the keys of this deployment, and parcels as they are named, in; all of them kept, and where each came from, out.

It lasts until the operator ends its body. Meanwhile this host listens for the others, takes from them and from the operator at once, and
tells in events what the operator must know: `listening`, `taken` (of what it sent itself, and of what a build host made of its own),
`stocked` (no more is made), `wants` (nobody brings these), `whole`.
Whatever dies, nothing listens afterwards: the listener is a thread of this session and ends with the call, with stdin, or with its time.
"""

from __future__ import annotations

import os
import threading
import time

from shipway_agent.call import Call
from shipway_agent.errors import AgentError
from shipway_agent.feed import orders
from shipway_agent.feed.shelf import OPERATOR, Shelf
from shipway_agent.feed.stock import OWN, Stocker
from shipway_agent.feed.store import Parcels
from shipway_agent.feed.unpack import Unpacker
from shipway_agent.record import dataclass, field
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, Optional, Tuple

if TYPE_CHECKING:
    from shipway_agent.feed.give import Giver
    from shipway_agent.feed.take import Taker

PATIENCE_SECONDS = 3.0
"""When nothing has moved for so long, the operator is asked for what lacks; and again each time it has lasted so long once more."""

NOBODY_SECONDS = 60.0
"""A listener that no other host talks to, and to which no operator says a word, closes."""

LOOK_SECONDS = 0.1

MOST_ASKED = 4
"""Parcels that the operator is asked for at once, while there are peers: when these move again, little was sent twice."""

FEW = 8
"""Callers beyond two for each peer: those that dial again."""


def feed(call: Call) -> Dict[str, Any]:
    """Answer the call: with `count` and `size`, of the blobs in all parcels, these are unpacked as they come.

    Raises AgentError: cut, disk-full and what else keeps a parcel or a blob from being written, feed.
    """
    shelf = Shelf(Parcels(call.root))
    unpacker = Unpacker(call.root, shelf, int(call.args.get("count", 0)), int(call.args.get("size", 0)))
    stocker = Stocker(
        call.root,
        shelf,
        lambda parcel: call.emit({"event": "taken", "parcel": parcel}),
        lambda: call.emit({"event": "stocked"}),
    )
    feeding = _Feeding(call, shelf, unpacker, stocker)
    watching = threading.Thread(target=feeding.watch, name="feed watch", daemon=True)
    try:
        feeding.open()
        if unpacker.count:
            unpacker.begin()
        watching.start()
        for order in orders.read(call.body):
            feeding.obey(order)
    finally:
        feeding.close()
        if watching.is_alive():
            watching.join()
        unpacker.end()
        stocker.end()
    feeding.fault = feeding.fault or unpacker.fault
    if feeding.fault is not None:
        raise feeding.fault
    return feeding.told()


@dataclass
class _Feeding:
    call: Call
    shelf: Shelf
    unpacker: Unpacker
    stocker: Stocker
    fault: Optional[AgentError] = None
    _giver: Optional[Giver] = None
    _takers: Dict[str, Taker] = field(default_factory=dict)
    _heard: float = field(default_factory=time.monotonic)
    _asked: float = 0.0
    _introduced: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        """Listen, where this host can, and say where."""
        port, why = None, ""
        try:
            port = self._listen()
        except (ImportError, OSError, AgentError) as error:
            why = error.message if isinstance(error, AgentError) else str(error)
        seen = os.environ.get("SSH_CONNECTION", "").split()
        self.call.emit({"event": "listening", "port": port, "why": why, "seen": seen[2] if len(seen) == 4 else ""})

    def obey(self, order: orders.Order) -> None:
        """Keep what the operator sent, or begin to take from the hosts that it names. Raises AgentError."""
        self._heard = time.monotonic()
        if isinstance(order, orders.Want):
            self.shelf.want(order.parcels, last=order.last)
        elif isinstance(order, orders.Content):
            self.shelf.put(order.digest, order.data, OPERATOR)
            self.call.emit({"event": "taken", "parcel": order.digest})
        elif isinstance(order, orders.Stock):
            self.stocker.begin(order.blobs)
        else:
            self.shelf.move()
            for number, addresses in order.addresses:
                self._take_from(number, addresses)
            self._introduced = True  # only now: whoever watches would take us for alone

    def watch(self) -> None:
        """Until the end: tell when everything is here, ask for what nobody brings, and stop listening when nobody is there."""
        told = False
        while not self._ended.is_set():
            faults = [self.unpacker.fault, *(taker.fault for taker in list(self._takers.values()))]
            fault = next((found for found in faults if found is not None), None)
            if fault is not None and self.fault is None:
                self.fault = fault
                self.call.emit({"event": "fault"})
            if self.shelf.whole and not told:
                self.call.emit({"event": "whole"})
                told = True
                continue
            if not told and self._introduced:
                self._ask()
            if self._giver is not None and time.monotonic() - max(self._heard, self._giver.heard) > NOBODY_SECONDS:
                self._giver.close()
            if told:
                self._ended.wait(1.0)
            else:
                self.shelf.wait_for_change(LOOK_SECONDS)

    def close(self) -> None:
        """Nothing listens and nothing comes any more."""
        self._ended.set()
        self.shelf.close()
        if self._giver is not None:
            self._giver.close()
        for taker in list(self._takers.values()):
            taker.cut()

    def told(self) -> Dict[str, Any]:
        """Bytes by where they came from, who lied or was never reached, by number, and what was unpacked of it all."""
        came = dict(self.shelf.came)
        came.pop(OWN, None)
        return {
            "operator": came.pop(OPERATOR, 0),
            "peers": came,
            "lied": sorted(number for number, taker in self._takers.items() if taker.lied),
            "unreached": sorted(number for number, taker in self._takers.items() if not taker.reached),
            "whole": self.shelf.whole,
            "unpacked": self.unpacker.answer,
        }

    def _listen(self) -> Optional[int]:
        credentials = self.call.args.get("credentials")
        if not isinstance(credentials, dict):
            return None
        from shipway_agent.feed.credentials import Credentials, giving, taking  # needs ssl, which some builds of Python lack
        from shipway_agent.feed.give import Giver

        mine = Credentials.read(credentials)
        self._context = taking(mine, self.call.root)
        peers = int(self.call.args["peers"])
        giver = Giver(self.shelf, giving(mine, self.call.root), 2 * peers + FEW, 2 * (peers + 1))
        port = giver.listen("")
        self._giver = giver
        return port

    def _take_from(self, number: str, addresses: Tuple[str, ...]) -> None:
        if self._giver is None or number in self._takers:
            return
        from shipway_agent.feed.take import Taker

        self._takers[number] = Taker(number, addresses, self.shelf, self._context)
        self._takers[number].begin()

    def _ask(self) -> None:
        takers = list(self._takers.values())
        lacking, alone = self.shelf.lacking(), all(taker.ended for taker in takers)
        now = time.monotonic()
        if not lacking or now - self._asked < PATIENCE_SECONDS or (not alone and self.shelf.still_seconds() < PATIENCE_SECONDS):
            return
        self._asked = now
        self.call.emit({"event": "wants", "parcels": lacking[: None if alone else MOST_ASKED], "alone": alone})
