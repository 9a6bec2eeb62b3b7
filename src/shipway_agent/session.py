"""Frames on stdin in, answers on stdout out, until stdin ends: one operator's channel to this host. Each request has a thread."""

from __future__ import annotations

import os
import select
import sys
import threading

from shipway_agent.body import Body
from shipway_agent.call import Call, Place, Spare
from shipway_agent.calls import call_named
from shipway_agent.errors import AgentError
from shipway_agent.faults import unforeseen
from shipway_agent.outbox import Outbox
from shipway_agent.protocol import (
    ANSWER,
    BODY,
    EVENT,
    REFUSAL,
    REQUEST,
    START,
    Frame,
    Packing,
    ProtocolError,
    Unpacking,
    load,
    pack_json,
    read_frame,
)
from shipway_agent.record import dataclass, field
from shipway_agent.signals import hear_hang_up
from shipway_agent.typed import Any, BinaryIO, Dict, Mapping, Tuple

MOST_CALLS = 256
"""Calls under way at once on one channel, each with a thread; more are refused."""

FLUSH_SECONDS = 5.0

SILENT_SECONDS = 900.0
"""A driver says something every few seconds, and one that comes back opens a new channel: without this, the agent of one whose network
went away would wait until the kernel gives the connection up, which takes hours."""


def serve(place: Place) -> int:
    """Answer on this process's stdin and stdout until stdin ends and what runs has ended. Returns the exit code.

    From here on nothing else in this process or its children can write to the channel or read from it.
    """
    hear_hang_up()
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    sys.stdout = sys.stderr
    os.write(sink, START + place.agent.encode() + b"\n")
    outbox = Outbox(sink, Packing().frame)
    with open(source, "rb", buffering=0) as stream:
        code = Session(place, stream, outbox).run()
    outbox.close(FLUSH_SECONDS)
    return code


@dataclass
class Session:
    """One channel. `run` returns when `stream` has ended and every call that was under way has too."""

    place: Place
    stream: BinaryIO
    outbox: Outbox
    _ended: threading.Event = field(default_factory=threading.Event)
    _calls: Dict[int, Tuple[Body, threading.Thread]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: int = 0
    _spare: Spare = field(default_factory=Spare)
    silent_seconds: float = SILENT_SECONDS

    def run(self) -> int:
        """Read requests until the end. 0, or 1 when the other end broke the protocol or the channel broke."""
        try:
            unpacking = Unpacking()
            while self._hears():
                frame = read_frame(self.stream)
                if frame is None:
                    break
                self._take(unpacking.frame(frame))
            return 0
        except ProtocolError as error:
            self._say(REFUSAL, self._last, AgentError("protocol", str(error)).to_json())
            return 1
        except OSError:
            return 1
        finally:
            self._ended.set()
            with self._lock:
                calls = list(self._calls.values())
            for body, _ in calls:
                body.cut()
            for _, thread in calls:
                thread.join()
            self._spare.close()

    def _hears(self) -> bool:
        """Wait for the next frame; False when none came for too long and nothing is under way that somebody may wait for."""
        while not select.select([self.stream], [], [], self.silent_seconds)[0]:
            with self._lock:
                if not self._calls:
                    return False
        return True

    def _take(self, frame: Frame) -> None:
        if frame.kind == REQUEST:
            self._begin(frame.number, load(frame.payload))
        elif frame.kind != BODY:
            raise ProtocolError(f"an operator never sends frames of kind {frame.kind}")
        elif not 0 < frame.number <= self._last:
            raise ProtocolError(f"a body for request {frame.number}, which was never made")
        else:
            with self._lock:
                call = self._calls.get(frame.number)
            if call is not None:
                call[0].feed(frame.payload)

    def _begin(self, number: int, request: Mapping[str, Any]) -> None:
        if number <= self._last:
            raise ProtocolError(f"request {number} after request {self._last}")
        name, args = request.get("call"), request.get("args", {})
        if not isinstance(name, str) or not isinstance(args, dict):
            raise ProtocolError("a request without call and args")
        self._last = number
        body = Body()
        thread = threading.Thread(target=self._answer, args=(number, name, args, body), name=f"call {number} {name}")
        with self._lock:
            crowded = len(self._calls) >= MOST_CALLS
            if not crowded:
                self._calls[number] = body, thread
        if crowded:
            self._say(REFUSAL, number, AgentError("crowded", f"{MOST_CALLS} calls are under way on this channel already").to_json())
        else:
            thread.start()

    def _answer(self, number: int, name: str, args: Dict[str, Any], body: Body) -> None:
        told = False

        def emit(event: Mapping[str, Any]) -> None:
            nonlocal told
            told = True
            self._emit(number, event)

        try:
            with Call(self.place, args, body, emit, self._ended, self._spare) as call:
                kind, answer = ANSWER, call_named(name)(call)
        except AgentError as error:
            kind, answer = REFUSAL, error.to_json()
        except Exception as error:
            kind, answer = REFUSAL, unforeseen(error).to_json()
        body.drop()
        with self._lock:
            del self._calls[number]
        # Its own events come before an answer; those of others need not.
        self._say(kind, number, answer, ahead=not told)

    def _say(self, kind: int, number: int, value: Mapping[str, Any], *, ahead: bool = False) -> None:
        try:
            frame = pack_json(kind, number, value)
        except ProtocolError as error:
            frame = pack_json(REFUSAL, number, AgentError("too-long", f"the answer does not fit into the channel: {error}").to_json())
        self.outbox.send(frame, ahead=ahead)

    def _emit(self, number: int, event: Mapping[str, Any]) -> None:
        try:
            frame = pack_json(EVENT, number, event)
        except (ProtocolError, TypeError, ValueError):
            return  # an event is told for comfort; the answer says what counts
        if event.get("event") == "output":
            self.outbox.offer(frame)
        else:
            self.outbox.send(frame, soon=event.get("event") == "step")
