"""The operator's end of the wire: calls at once, each with its bound, and an agent that lies is found out."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from shipway.model.errors import HostError, HostRefused, LinkLost, Overdue
from shipway.transports.channel import FramedChannel
from shipway.transports.link import NOISE_BYTES
from shipway_agent.protocol import MAX_JSON_BYTES
from tests.transports.peer import HOST, channel_to

ECHO = """
while True:
    kind, number, payload = take()
    if kind == 1:
        answer(number, **json.loads(payload))
"""

SLEEP = "take()\ntime.sleep(600)\n"


def over(program: str, talk: Callable[[FramedChannel], Awaitable[Any]]) -> Any:
    """What `talk` returns over a channel to `program`."""

    async def run() -> Any:
        async with channel_to(program) as channel:
            return await talk(channel)

    return asyncio.run(run())


def error_of(program: str, timeout_seconds: float = 30.0) -> HostError:
    """The error that one call to `program` ends with."""

    async def talk(channel: FramedChannel) -> HostError:
        with pytest.raises(HostError) as caught:
            await channel.call("look", timeout_seconds=timeout_seconds)
        return caught.value

    found = over(program, talk)
    assert isinstance(found, HostError)
    assert found.host == HOST.name
    return found


def test_a_call_brings_its_answer() -> None:
    answer = over(ECHO, lambda channel: channel.call("look", {"verify": True}))
    assert answer == {"call": "look", "args": {"verify": True}}


def test_a_hundred_calls_in_flight_each_get_their_own_answer_though_answers_come_in_another_order() -> None:
    backwards = """
asked = [take() for _ in range(100)]
for kind, number, payload in reversed(asked):
    answer(number, **json.loads(payload)["args"])
take()
"""

    async def talk(channel: FramedChannel) -> list[dict[str, Any]]:
        return await asyncio.gather(*(channel.call("look", {"i": i}) for i in range(100)))

    assert over(backwards, talk) == [{"i": i} for i in range(100)]


def test_events_reach_whoever_asked_before_the_answer() -> None:
    program = """
kind, number, payload = take()
event(number, event="output", line="one")
event(number, event="output", line="two")
answer(number)
take()
"""
    seen: list[Any] = []
    over(program, lambda channel: channel.call("run", on_event=seen.append))
    assert [event["line"] for event in seen] == ["one", "two"]


def test_a_body_follows_its_request_in_frames_and_ends_with_an_empty_one() -> None:
    program = """
kind, number, payload = take()
sizes, total = [], 0
while True:
    kind, of, part = take()
    assert (kind, of) == (5, number)
    sizes.append(len(part))
    total += len(part)
    if not part:
        break
answer(number, total=total, largest=max(sizes), ended=sizes[-1])
take()
"""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1_000_000

    async def talk(channel: FramedChannel) -> dict[str, Any]:
        before = channel.bytes_sent
        answer = await channel.call("put", body=body())
        assert channel.bytes_sent - before > 3_000_000
        return answer

    answer = over(program, talk)
    assert answer["total"] == 3_000_000
    assert answer["ended"] == 0
    assert answer["largest"] <= 1 << 20


def test_a_refusal_in_the_middle_of_a_body_ends_the_sending() -> None:
    program = """
kind, number, payload = take()
take()
refuse(number, code="disk-full", message="/srv: no space is left")
while take()[2]:
    pass
kind, number, payload = take()
answer(number, still="here")
take()
"""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000
            await asyncio.sleep(0)

    async def talk(channel: FramedChannel) -> dict[str, Any]:
        with pytest.raises(HostRefused) as caught:
            await channel.call("put", body=endless())
        assert caught.value.code == "disk-full"
        return await channel.call("look")

    assert over(program, talk) == {"still": "here"}


@pytest.mark.alone
def test_a_hanging_call_ends_within_its_bound_and_the_channel_lives_on() -> None:
    program = """
first = take()
second = take()
answer(first[1], late=True)
answer(second[1], late=False)
take()
"""

    async def talk(channel: FramedChannel) -> dict[str, Any]:
        began = time.monotonic()
        with pytest.raises(Overdue, match=r"no answer to 'look' within 0.3 s"):
            await channel.call("look", timeout_seconds=0.3)
        assert time.monotonic() - began < 1.3
        return await channel.call("look")

    assert over(program, talk) == {"late": False}


@pytest.mark.alone
def test_a_host_that_takes_nothing_more_ends_an_upload_within_its_bound() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000

    async def talk(channel: FramedChannel) -> float:
        began = time.monotonic()
        with pytest.raises(Overdue):
            await channel.call("put", body=endless(), timeout_seconds=0.3)
        return time.monotonic() - began

    assert over(SLEEP, talk) < 1.3


def test_a_cancelled_call_leaves_the_channel_whole() -> None:
    async def talk(channel: FramedChannel) -> dict[str, Any]:
        program_waits = asyncio.ensure_future(channel.call("look", {"n": 1}))
        await asyncio.sleep(0)
        program_waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await program_waits
        return await channel.call("look", {"n": 2})

    assert over(ECHO, talk)["args"] == {"n": 2}


def test_an_agent_that_dies_in_the_middle_of_a_call_is_a_lost_link_with_its_last_words() -> None:
    error = error_of("take()\nsys.stderr.write('out of memory\\n')\nsys.exit(1)")
    assert isinstance(error, LinkLost)
    assert error.code == "lost"
    assert "out of memory" in error.message


def test_a_link_cut_in_the_middle_of_a_frame_is_lost_and_says_so() -> None:
    error = error_of("take()\nraw(struct.pack('>IBI', 1000, 3, 1) + b'{\"half')")
    assert isinstance(error, LinkLost)
    assert "in the middle of an answer" in error.message


def test_every_call_under_way_ends_when_the_link_breaks_and_so_does_every_later_one() -> None:
    async def talk(channel: FramedChannel) -> None:
        calls = [channel.call("look") for _ in range(10)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(end, LinkLost) for end in ends)
        with pytest.raises(LinkLost):
            await channel.call("look")

    over("for _ in range(10): take()\nsys.exit(3)", talk)


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        ("raw(struct.pack('>IBI', 1 << 30, 3, 1) + b'x' * 100)", r"1,073,741,824 bytes"),
        ("answer(7)", r"request 7, which was never sent"),
        ("frame(3, 1, b'no json')", r"should hold JSON"),
        ("frame(3, 1, b'[1]')", r"holds a list"),
        ("frame(3, 1, b'[' * 100000)", r"should hold JSON"),
        ("frame(3, 1, b'{\"a\": NaN}')", r"NaN"),
        ("frame(9, 1, b'{}')", r"unknown kind 9"),
        ("frame(1, 1, b'{}')", r"never sends frames of kind 1"),
        ("refuse(1, code='x')", r"refusal without code and message"),
        ("raw(b'Welcome to a!\\r\\n' * 10)", r"broke the protocol"),
    ],
)
def test_an_agent_that_breaks_the_protocol_is_cut_off_with_a_reason(lie: str, says: str) -> None:
    error = error_of(f"take()\n{lie}\ntime.sleep(600)")
    assert isinstance(error, LinkLost)
    assert error.code == "protocol"
    assert "the agent broke the protocol" in error.message
    with pytest.raises(HostError, match=says):
        raise error


def test_an_agent_that_never_stops_talking_does_not_stop_our_clock() -> None:
    babble = "kind, number, payload = take()\nwhile True: event(number, event='output', line='x')"
    began = time.monotonic()
    assert isinstance(error_of(babble, timeout_seconds=0.5), Overdue)
    assert time.monotonic() - began < 10


def test_complaints_without_end_do_not_stop_our_clock_and_are_not_kept() -> None:
    program = "take()\nwhile True: os.write(2, b'no room is left\\n' * 4096)"

    async def talk(channel: FramedChannel) -> list[str]:
        with pytest.raises(Overdue):
            await channel.call("look", timeout_seconds=1.0)
        assert len(channel._link._said) <= NOISE_BYTES
        return channel._link.complaints(3)[1:2]  # the last may be cut

    assert over(program, talk) == ["no room is left"]


def test_an_answer_that_comes_byte_by_byte_has_no_more_time_than_another() -> None:
    """Each byte is a sign of life, and the bound counts all the same."""
    program = "take()\nraw(struct.pack('>IBI', 1 << 20, 3, 1))\nwhile True: raw(b'x'); time.sleep(0.01)"
    assert isinstance(error_of(program, timeout_seconds=0.5), Overdue)


def test_what_is_announced_and_never_ends_takes_no_memory_before_it_is_there() -> None:
    """The longest frame is read as far as it comes; one byte more is refused by its head alone."""
    longest = f"take()\nraw(struct.pack('>IBI', {MAX_JSON_BYTES}, 3, 1) + b'x' * 1000)\ntime.sleep(600)"

    async def talk(channel: FramedChannel) -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(Overdue):
            await channel.call("look", timeout_seconds=0.5)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert over(longest, talk) < MAX_JSON_BYTES / 1024 / 2
    error = error_of(f"take()\nraw(struct.pack('>IBI', {MAX_JSON_BYTES + 1}, 3, 1))\ntime.sleep(600)")
    assert error.code == "protocol"


def test_a_gigabyte_in_place_of_an_answer_is_not_read() -> None:
    """A line without an end, as a shell would send that took us for a person: nine bytes are enough to know."""
    program = "take()\nfor _ in range(1000): raw(b'x' * 1000000)\ntime.sleep(600)"

    async def talk(channel: FramedChannel) -> HostError:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(LinkLost) as caught:
            await channel.call("look")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
        return caught.value

    error = over(program, talk)
    assert error.code == "protocol"
    assert error.host == HOST.name


def test_rubbish_of_sixteen_megabytes_holds_nobody_up() -> None:
    """Unended escape sequences in one text, as long as a frame may be."""
    program = "take()\nanswer(1, text='\\x9d' * 2700000)\ntime.sleep(600)"
    assert over(program, lambda channel: channel.call("look", timeout_seconds=60.0)) == {"text": ""}


def test_escape_sequences_of_an_agent_reach_nobody() -> None:
    program = r"""
kind, number, payload = take()
evil = "\x1b]0;title\x07\x1b[31mred\x1b[0m\x9b2J\u202e\x00bell\x07"
event(number, event="output", line=evil)
refuse(number, code="x", message=evil, lines=[evil], facts={evil: [evil]})
take()
"""
    seen: list[Any] = []

    async def talk(channel: FramedChannel) -> HostRefused:
        with pytest.raises(HostRefused) as caught:
            await channel.call("run", on_event=seen.append)
        return caught.value

    error = over(program, talk)
    assert seen == [{"event": "output", "line": "redbell"}]
    assert error.message == "redbell"
    assert error.lines == ("redbell",)
    assert error.facts == {"redbell": ["redbell"]}


def test_an_error_of_whoever_hears_the_events_is_theirs() -> None:
    def hear(event: Any) -> None:
        raise ValueError("mine")

    async def talk(channel: FramedChannel) -> None:
        with pytest.raises(ValueError, match="mine"):
            await channel.call("run", on_event=hear)

    over("kind, number, payload = take()\nevent(number, event='output')\nanswer(number)\ntake()", talk)


@pytest.mark.alone
def test_closing_takes_two_seconds_at_most_and_ends_a_child_that_does_not_listen() -> None:
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntake()\nanswer(1)\ntime.sleep(600)"

    async def run() -> float:
        async with channel_to(deaf) as channel:
            await channel.call("look")
            began = time.monotonic()
            await channel.close()
            with pytest.raises(LinkLost, match="closed"):
                await channel.call("look")
            return time.monotonic() - began

    assert asyncio.run(run()) < 4  # 2 s, and what a busy machine adds
