"""A result in; out, each goal of speed with the figure that it is about, what it is compared with, and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.side.result import Cell, Result

TOOLS = ("capistrano", "ansible", "mitogen", "fabric", "pyinfra")
US, WARM, SCRIPT = "shipway", "shipway-warm", "sh"


@dataclass(frozen=True)
class Judged:
    """`figure` at most `bound` meets the goal; None where this run did not measure one of them. Both in `unit`."""

    what: str
    goal: str
    figure: float | None
    bound: float | None
    unit: str

    @property
    def met(self) -> bool | None:
        return None if self.figure is None or self.bound is None else self.figure <= self.bound


def judged(result: Result) -> list[Judged]:
    """All goals that a run side by side can tell of, in the order of the issue."""
    return [*_overheads(result), *_nothing(result), *_rollback(result), *_bytes(result), *_uplink(result), *_memory(result)]


def _overheads(result: Result) -> Iterator[Judged]:
    for hosts, line, of_script, of_tools in ((1, "lan", 1.0, 1 / 3), (16, "lan", 1 / 2, 1 / 4), (1, "rtt40", 1 / 2, None)):
        where = f"overhead of a small change, {_hosts(hosts)}{' at 40 ms' if line == 'rtt40' else ''}"
        mine = result.figure(_overhead, US, line, hosts, "small")
        script = result.figure(_overhead, SCRIPT, line, hosts, "small")
        yield Judged(where, f"at most {_part(of_script)} the script's", mine, _times(script, of_script), "s")
        if of_tools is not None:
            yield Judged(where, f"at most {_part(of_tools)} any tool's", mine, _times(_best(result, line, hosts), of_tools), "s")
    trips, login = _trips(result, US, "small"), _trips(result, "logins", "logins")
    alone = "" if login is None else f" (a bare login: {login:.0f})"
    yield Judged("round trips of a small change, 1 host: what 40 ms more each cost", f"at most 15{alone}", trips, 15.0, "")


def _trips(result: Result, contestant: str, step: str) -> float | None:
    near, far = (result.figure(_overhead, contestant, line, 1, step) for line in ("lan", "rtt40"))
    # Where the near one took longer, the machine was busier then, and the difference tells nothing.
    return None if near is None or far is None or far < near else (far - near) / 0.04


def _nothing(result: Result) -> Iterator[Judged]:
    for hosts in (1, 16):
        mine, status = (result.figure(_wall, US, "lan", hosts, step) for step in ("none", "status"))
        yield Judged(f"a deployment that changes nothing, {_hosts(hosts)}", "1.2 × `status`", mine, _times(status, 1.2), "s")
    login = result.figure(_wall, "logins", "lan", 16, "logins")
    yield Judged(
        "`status`, 16 hosts", "1.3 × the bare logins + 0.3 s", result.figure(_wall, US, "lan", 16, "status"), _times(login, 1.3, 0.3), "s"
    )


def _rollback(result: Result) -> Iterator[Judged]:
    login = result.figure(_wall, "logins", "lan", 16, "logins")
    mine = result.figure(_wall, US, "lan", 16, "rollback")
    yield Judged("rollback, 16 hosts, proved on each", "1.3 × the bare logins + 0.2 s", mine, _times(login, 1.3, 0.2), "s")
    warm = result.figure(_wall, WARM, "lan", 16, "rollback")
    yield Judged("the same over connections that an earlier command left open", "0.4 s", warm, 0.4, "s")


def _bytes(result: Result) -> Iterator[Judged]:
    packed = float(result.packed_bytes)
    yield Judged(
        "bytes that leave the operator, first deployment, 16 hosts",
        "1.05 × one compressed release",
        _scaled(result.figure(_sent, US, "lan", 16, "first"), 1e-6),
        packed * 1.05 / 1e6,
        "MB",
    )
    login = result.figure(_sent, "logins", "lan", 16, "logins")
    yield Judged(
        "the same, small change, 16 hosts",
        "the bare logins + 60 kB",
        _scaled(result.figure(_sent, US, "lan", 16, "small"), 1e-3),
        _scaled(_times(login, 1.0, 60e3), 1e-3),
        "kB",
    )
    yield Judged(
        "the same, small change (1 KB inside 20 MB), 1 host",
        "fewer than rsync's",
        _scaled(result.figure(_sent, US, "lan", 1, "small"), 1e-3),
        _scaled(result.figure(_sent, SCRIPT, "lan", 1, "small"), 1e-3),
        "kB",
    )


def _uplink(result: Result) -> Iterator[Judged]:
    one, many = (result.figure(_wall, US, "up50", hosts, "first") for hosts in (1, 16))
    yield Judged("first deployment through 50 Mbit/s, 16 hosts", "1.3 × one host's", many, _times(one, 1.3), "s")


def _memory(result: Result) -> Iterator[Judged]:
    one, many = (result.figure(lambda cell: cell.operator_bytes, US, "lan", hosts, "small") for hosts in (1, 64))
    more = None if one is None or many is None else (many - one) / 1e6
    yield Judged("operator's memory, 64 hosts, above one host's", "60 MB", more, 60.0, "MB")
    few, lots = (result.figure(lambda cell: cell.own_cpu_seconds, US, "lan", hosts, "small") for hosts in (1, 64))
    each = None if few is None or lots is None else (lots - few) / 63
    yield Judged("operator's CPU a host, 64 hosts", "0.04 s", each, 0.04, "s")
    apart = result.figure(lambda cell: cell.activation_seconds, US, "lan", 64, "small")
    yield Judged("first switch to last switch, 64 hosts (50 in the goal)", "a round trip + 20 ms", _scaled(apart, 1e3), 20.0, "ms")


def _best(result: Result, line: str, hosts: int) -> float | None:
    found = [figure for tool in TOOLS if (figure := result.figure(_overhead, tool, line, hosts, "small")) is not None]
    return min(found, default=None)


def _overhead(cell: Cell) -> float:
    return cell.overhead_seconds


def _wall(cell: Cell) -> float:
    return cell.wall_seconds


def _sent(cell: Cell) -> float:
    return cell.sent_bytes


def _times(figure: float | None, factor: float, more: float = 0.0) -> float | None:
    return None if figure is None else figure * factor + more


def _scaled(figure: float | None, scale: float) -> float | None:
    return None if figure is None else figure * scale


def _hosts(count: int) -> str:
    return f"{count} host{'' if count == 1 else 's'}"


def _part(part: float) -> str:
    return {1.0: "", 1 / 2: "half", 1 / 3: "a third of", 1 / 4: "a quarter of"}[part].strip() or "as much as"
