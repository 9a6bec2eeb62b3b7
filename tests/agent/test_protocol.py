"""The frames in which operator and agent speak."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.protocol import (
    ANSWER,
    BODY,
    HEAD,
    MAX_BODY_BYTES,
    MAX_JSON_BYTES,
    PACKED,
    REQUEST,
    Frame,
    Packing,
    ProtocolError,
    Unpacking,
    load,
    pack,
    pack_json,
    read_frame,
)

NUMBER = st.integers(0, 2**32 - 1)
FRAME = st.builds(Frame, st.integers(1, 5), NUMBER, st.binary(max_size=100))


class Dribble(io.BytesIO):
    """A stream that gives one byte at a time, as a network may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size or 0))


@given(st.lists(FRAME, max_size=5))
def test_what_is_packed_is_read_however_it_is_cut(frames: list[Frame]) -> None:
    stream = Dribble(b"".join(pack(*frame) for frame in frames))
    found = [read_frame(stream) for _ in frames]
    assert found == frames
    assert read_frame(stream) is None


@given(FRAME, st.data())
def test_an_end_inside_a_frame_is_an_error(frame: Frame, data: st.DataObject) -> None:
    whole = pack(*frame)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ProtocolError, match="ended inside a frame"):
        read_frame(io.BytesIO(whole[:cut]))


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=10)
JSON = st.recursive(LEAF, lambda value: st.lists(value, max_size=3) | st.dictionaries(st.text(max_size=5), value, max_size=3), max_leaves=5)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_json_survives(value: dict[str, object]) -> None:
    frame = read_frame(io.BytesIO(pack_json(ANSWER, 1, value)))
    assert frame is not None
    assert load(frame.payload) == value


@given(st.lists(FRAME, max_size=8))
def test_what_is_packed_on_one_side_is_what_it_was_on_the_other(frames: list[Frame]) -> None:
    packing, unpacking = Packing(), Unpacking()
    travels = b"".join(packing.frame(pack(*frame)) for frame in frames)
    stream = io.BytesIO(travels)
    assert [unpacking.frame(found) for found in iter(lambda: read_frame(stream), None)] == frames


def test_what_was_said_before_is_short_and_a_body_goes_as_it_is() -> None:
    packing = Packing()
    question = pack_json(REQUEST, 1, {"call": "look", "args": {"verify": False}})
    assert len(packing.frame(question)) < 25, "both ends know how a question is put"
    renewal = pack_json(REQUEST, 2, {"call": "decide", "args": {"do": "renew", "deployment": "7-5e1f09", "owner": "ann@laptop.example"}})
    first, second = len(packing.frame(renewal)), len(packing.frame(renewal))
    assert second < 25 < first
    body = pack(BODY, 1, b"x" * 5000)
    assert packing.frame(body) == body


def test_a_packed_frame_that_is_damaged_or_endless_is_an_error() -> None:
    good = read_frame(io.BytesIO(Packing().frame(pack_json(ANSWER, 1, {"ok": True}))))
    assert good is not None and good.kind == ANSWER | PACKED
    for payload in (b"\xff" * 20, bytes([good.payload[0] ^ 6]) + good.payload[1:]):
        with pytest.raises(ProtocolError):
            load(Unpacking().frame(Frame(good.kind, 1, payload)).payload)
    bomb = read_frame(io.BytesIO(Packing().frame(pack(ANSWER, 1, b" " * MAX_JSON_BYTES))))
    assert bomb is not None and len(bomb.payload) < 100_000
    unpacking = Unpacking()
    assert len(unpacking.frame(bomb).payload) == MAX_JSON_BYTES
    packing = zlib.compressobj(6, zlib.DEFLATED, -14)
    endless = packing.compress(b" " * (MAX_JSON_BYTES + 1)) + packing.flush(zlib.Z_SYNC_FLUSH)[:-4]
    with pytest.raises(ProtocolError, match="unpacks to more"):
        Unpacking().frame(Frame(ANSWER | PACKED, 1, endless))
    with pytest.raises(ProtocolError, match="unknown kind"):
        read_frame(io.BytesIO(HEAD.pack(1, BODY | PACKED, 1)))


@pytest.mark.parametrize(("kind", "bound"), [(REQUEST, MAX_JSON_BYTES), (BODY, MAX_BODY_BYTES)])
def test_a_frame_beyond_its_bound_is_neither_sent_nor_read(kind: int, bound: int) -> None:
    with pytest.raises(ProtocolError, match=f"{bound + 1:,} bytes, where at most {bound:,}"):
        pack(kind, 1, b"x" * (bound + 1))
    with pytest.raises(ProtocolError, match="at most"):
        read_frame(io.BytesIO(HEAD.pack(bound + 1, kind, 1)))


@given(st.binary(max_size=60))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    stream = io.BytesIO(data)
    try:
        while read_frame(stream) is not None:
            pass
    except ProtocolError:
        pass


@given(st.binary(max_size=60))
def test_any_payload_is_an_object_or_an_error(data: bytes) -> None:
    try:
        assert isinstance(load(data), dict)
    except ProtocolError:
        pass
