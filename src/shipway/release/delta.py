"""Two contents in, how the second is made from the first out: what is copied and what is new. Pure.

Whoever ships has both, so no signature travels and nothing is guessed: the first is indexed at every few bytes, the second is walked, and
each match is extended in both directions to its last byte.
"""

from __future__ import annotations

from shipway_agent.parcel import ORDER, Part

KEY_BYTES = 16
"""What must be the same for a match to be looked at."""

LEAST_BYTES = 2 * ORDER.size
"""A shorter match is not worth its order."""

MOST_KEYS = 1 << 16
"""Places of the first content that are indexed: the larger it is, the further they are apart."""

SHORT_BYTES = 1 << 16
"""Where less than that is between what is alike, only what was in its place is indexed: a match elsewhere could save no more than this."""

MOST_STEPS = 1 << 20
"""Bytes of the second content that are looked up one by one, which takes 0.4 s; what is behind them is new."""

FIRST_BYTES = 64
FURTHER_BYTES = 1 << 18


def delta(old: bytes, new: bytes) -> list[Part]:
    """Parts whose sum is `new`: bytes, or (offset, length) of `old`."""
    head = _alike(old, 0, new, 0)
    tail = _alike_before(old, len(old), new, len(new), min(len(old), len(new)) - head)
    end = len(new) - tail
    parts: list[Part] = [(0, head)] if head else []
    if end > head:
        was = range(head, len(old) - tail)
        parts += _middle(old, new, head, end, was if max(end - head, len(was)) <= SHORT_BYTES else range(len(old)))
    if tail:
        parts.append((len(old) - tail, tail))
    return parts


def added_bytes(parts: list[Part]) -> int:
    """Bytes that a delta brings, its orders included."""
    return sum(len(part) if isinstance(part, bytes) else ORDER.size for part in parts)


def _middle(old: bytes, new: bytes, start: int, end: int, where: range) -> list[Part]:
    """What is between the common beginning and the common end, with matches in this part of the first content."""
    apart = max(KEY_BYTES, -(-len(where) // MOST_KEYS))
    places = {old[at : at + KEY_BYTES]: at for at in reversed(range(where.start, where.stop - KEY_BYTES + 1, apart))}
    parts: list[Part] = []
    fresh = at = start
    steps = 0
    while at + KEY_BYTES <= end and steps < MOST_STEPS:
        place = places.get(new[at : at + KEY_BYTES])
        steps += 1
        if place is None:
            at += 1
            continue
        back = _alike_before(old, place, new, at, at - fresh)
        length = back + min(_alike(old, place, new, at), end - at)
        if length < LEAST_BYTES:
            at += 1
            continue
        if at - back > fresh:
            parts.append(new[fresh : at - back])
        parts.append((place - back, length))
        fresh = at = at - back + length
    if fresh < end:
        parts.append(new[fresh:end])
    return parts


def _alike(old: bytes, at: int, new: bytes, to: int) -> int:
    """How many bytes from these places on are the same."""
    most = min(len(old) - at, len(new) - to)
    found, look = 0, FIRST_BYTES
    while found < most:
        look = min(look, most - found)
        if old[at + found : at + found + look] == new[to + found : to + found + look]:
            found, look = found + look, min(2 * look, FURTHER_BYTES)
        elif look == 1:
            break
        else:
            look //= 2
            most = min(most, found + 2 * look + 1)
    return found


def _alike_before(old: bytes, at: int, new: bytes, to: int, most: int) -> int:
    """How many bytes right before these places are the same, of `most`."""
    most = min(most, at, to)
    found, look = 0, FIRST_BYTES
    while found < most:
        look = min(look, most - found)
        if old[at - found - look : at - found] == new[to - found - look : to - found]:
            found, look = found + look, min(2 * look, FURTHER_BYTES)
        elif look == 1:
            break
        else:
            look //= 2
            most = min(most, found + 2 * look + 1)
    return found
