"""A link to an agent in, answers out: many calls at once over one stream of frames, each with a bound, and no trust in what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from shipway.model.errors import HostRefused, LinkLost, Overdue
from shipway.model.intent import Host
from shipway.transports.base import Json
from shipway.transports.link import Link
from shipway_agent.protocol import (
    ANSWER,
    BODY,
    EVENT,
    HEAD,
    REFUSAL,
    REQUEST,
    Frame,
    Packing,
    ProtocolError,
    Unpacking,
    head,
    load,
    pack,
    pack_json,
)
from shipway_agent.record import dataclass
from shipway_agent.text import clean_json, is_plain

PART_BYTES = 128 * 1024
"""Largest part of a body in one frame: what is behind it (a renewal) waits no longer than this takes."""

BREATH = 64
"""Frames read in one go before others get their turn: an agent that never stops talking must not stop our clocks."""


@dataclass
class _Pending:
    answer: asyncio.Future[dict[str, Any]]
    on_event: Callable[[Json], None] | None


class FramedChannel:
    """An open channel to the agent behind a link (a Channel). It takes over the link and closes it."""

    def __init__(self, host: Host, link: Link) -> None:
        self.host = host
        self._link = link
        self.took_login = True
        self._pending: dict[int, _Pending] = {}
        self._numbers = 0
        self._broken: LinkLost | None = None
        self._closing = False
        self._packing, self._unpacking = Packing(), Unpacking()
        self._reading = asyncio.ensure_future(self._read())

    @property
    def bytes_sent(self) -> int:
        return self._link.bytes_sent

    async def call(
        self,
        name: str,
        args: Json | None = None,
        *,
        body: AsyncIterator[bytes] | None = None,
        on_event: Callable[[Json], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> dict[str, Any]:
        if self._broken is not None:
            raise self._lost(name)
        self._numbers += 1
        number = self._numbers
        pending = _Pending(asyncio.get_running_loop().create_future(), on_event)
        bound = asyncio.timeout(timeout_seconds)
        self._pending[number] = pending
        try:
            async with bound:
                return await self._exchange(number, pending.answer, {"call": name, "args": dict(args or {})}, body)
        except TimeoutError:
            if not bound.expired():
                raise
            raise overdue(self.host.name, name, timeout_seconds) from None
        except OSError as error:
            await self._break("lost", f"the link broke while {name!r} was sent: {error.strerror or error}")
            raise self._lost(name) from None
        except LinkLost:
            raise self._lost(name) from None
        finally:
            del self._pending[number]
            if not pending.answer.done():
                pending.answer.cancel()
            elif not pending.answer.cancelled():
                pending.answer.exception()  # read once, so that the loop does not complain of an error nobody waits for

    async def close(self) -> None:
        """End the channel. Never raises, never waits longer than 2 s; calls under way end with LinkLost."""
        if self._closing:
            return
        self._closing = True
        self._fail("closed", "the channel was closed")
        await self._link.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _exchange(
        self, number: int, answer: asyncio.Future[dict[str, Any]], request: dict[str, Any], body: AsyncIterator[bytes] | None
    ) -> dict[str, Any]:
        await self._link.send(self._packing.frame(pack_json(REQUEST, number, request)))
        if body is None:
            return await answer
        sending = asyncio.ensure_future(self._send_body(number, body))
        try:
            await asyncio.wait((sending, answer), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            return await answer
        finally:
            if not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _send_body(self, number: int, body: AsyncIterator[bytes]) -> None:
        try:
            async for part in body:
                for start in range(0, len(part), PART_BYTES):
                    await self._link.send(pack(BODY, number, part[start : start + PART_BYTES]))
                    await asyncio.sleep(0)  # room in the pipe is no reason to keep a renewal waiting
        finally:
            if self._broken is None and not self._closing:
                self._link.post(pack(BODY, number, b""))  # also a body that was cut ends: the agent waits for its end, not for ever

    async def _read(self) -> None:
        reader, count = self._link.reader, 0
        try:
            while True:
                announced = head(await reader.readexactly(HEAD.size))
                payload = await reader.readexactly(announced.length)
                self._take(*self._unpacking.frame(Frame(announced.kind, announced.number, payload)))
                count += 1
                if count % BREATH == 0:
                    await asyncio.sleep(0)
        except ProtocolError as error:
            await self._break("protocol", f"the agent broke the protocol: {error}")
        except asyncio.IncompleteReadError as error:
            await self._break("lost", "the link broke in the middle of an answer" if error.partial else "the link broke")
        except OSError as error:
            await self._break("lost", f"the link broke: {error.strerror or error}")

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind not in (EVENT, ANSWER, REFUSAL):
            raise ProtocolError(f"an agent never sends frames of kind {kind}")
        if not 0 < number <= self._numbers:
            raise ProtocolError(f"an answer to request {number}, which was never sent")
        value = load(payload) if is_plain(payload) else clean_json(load(payload))
        pending = self._pending.get(number)
        if pending is None or pending.answer.done():
            return  # it comes too late: whoever asked has been told so
        if kind == ANSWER:
            pending.answer.set_result(value)
        elif kind == REFUSAL:
            pending.answer.set_exception(_refused(self.host.name, value))
        elif pending.on_event is not None:
            try:
                pending.on_event(value)
            except Exception as error:
                pending.answer.set_exception(error)  # ours, not the agent's: it belongs to the caller

    async def _break(self, code: str, message: str) -> None:
        """Nothing more comes on this channel. A lying agent is cut off at once; else the child's own words say why."""
        if code == "protocol":
            self._link.cut()
        else:
            await self._link.ended(1.0)
            said = self._link.complaints(3)
            message = f"{message}: {'; '.join(said)}" if said else message
        self._fail(code, message)

    def _fail(self, code: str, message: str) -> None:
        if self._broken is None:
            self._broken = LinkLost(self.host.name, code, message, lines=self._link.complaints())
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(self._broken)

    def _lost(self, name: str) -> LinkLost:
        """The reason, as an error of its own for each call."""
        broken = self._broken
        assert broken is not None
        return LinkLost(self.host.name, broken.code, f"{broken.message} (call {name!r})", lines=broken.lines)


def overdue(host: str, call: str, timeout_seconds: float) -> Overdue:
    """The error for a call that was not answered in time."""
    return Overdue(host, "overdue", f"no answer to {call!r} within {timeout_seconds:g} s; its outcome is unknown")


def _refused(host: str, value: dict[str, Any]) -> HostRefused:
    """The agent's no as an error. Raises ProtocolError for one without code and message."""
    code, message, lines, facts = value.get("code"), value.get("message"), value.get("lines", []), value.get("facts", {})
    if not isinstance(code, str) or not isinstance(message, str) or not isinstance(lines, list) or not isinstance(facts, dict):
        raise ProtocolError("a refusal without code and message")
    return HostRefused(host, code, message, lines=[str(line) for line in lines], facts=facts)
