"""A result in, Markdown out: a table a line and number of hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.side.goals import Judged, judged
from bench.side.result import Cell, Result


def tables(result: Result) -> Iterator[str]:
    """Lines of Markdown."""
    yield "; ".join(f"{name}: {text}" for name, text in result.about.items())
    yield from ("", *goal_table(judged(result)))
    yield from growth_table(result)
    for line, hosts in dict.fromkeys((cell.line, cell.hosts) for cell in result.cells if not cell.growth):
        yield from ("", f"### {line}, {hosts} host{'' if hosts == 1 else 's'}", "")
        yield from _table([cell for cell in result.cells if (cell.line, cell.hosts, cell.growth) == (line, hosts, "")], result)


COLUMNS = (
    "contestant", "step", "wall s", "overhead s", "operator CPU s", "its ssh CPU s", "operator MB", "hosts CPU s", "sent kB", "received kB",
    "packets sent", "logins", "first to last switch ms",
)  # fmt: skip


def goal_table(goals: Sequence[Judged]) -> Iterator[str]:
    """What this run measured of the goals, met or not."""
    if all(one.met is None for one in goals):
        return
    yield "| what | goal | bound | Shipway | |"
    yield "|---|---|---:|---:|---|"
    for one in goals:
        if one.figure is not None and one.bound is not None:
            digits = 2 if one.unit in ("s", "MB") else 0
            bound, figure = (f"{number:,.{digits}f} {one.unit}".strip() for number in (one.bound, one.figure))
            yield f"| {one.what} | {one.goal} | {bound} | {figure} | {'met' if one.met else '**not met**'} |"


GROWTH_STEPS = ("first", "small", "none", "rollback", "status", "history")


def growth_table(result: Result) -> Iterator[str]:
    """How each step grows: wall seconds, CPU seconds of the operator and of one host, memory of the operator, and what it sent."""
    rows = dict.fromkeys(cell.growth for cell in result.cells if cell.growth)
    if not rows:
        return
    yield from ("", "Each: wall s / operator's CPU s / CPU s a host / operator's MB of memory / MB that it sent", "")
    yield f"| | {' | '.join(GROWTH_STEPS)} |"
    yield f"|---|{'---:|' * len(GROWTH_STEPS)}"
    for row in rows:
        cells = [cell for cell in result.cells if cell.growth == row]
        yield f"| {row} | {' | '.join(_grown([cell for cell in cells if cell.step == step]) for step in GROWTH_STEPS)} |"


def _grown(cells: list[Cell]) -> str:
    if not cells:
        return "–"
    good = [cell for cell in cells if not cell.wrong]
    if not good:
        return "**wrong**"
    wall, own, hosts, memory, sent = (
        min(figures)
        for figures in zip(
            *((c.wall_seconds, c.own_cpu_seconds, c.hosts_cpu_seconds / c.hosts, c.operator_bytes / 1e6, c.sent_bytes / 1e6) for c in good)
        )
    )
    return f"{wall:.1f} / {own:.2f} / {hosts:.2f} / {memory:.0f} / {sent:.2f}"


def _table(cells: list[Cell], result: Result) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * 2}{'---:|' * (len(COLUMNS) - 2)}"
    for contestant, step in dict.fromkeys((cell.contestant, cell.step) for cell in cells):
        yield _row([cell for cell in cells if (cell.contestant, cell.step) == (contestant, step)], result)


def _row(cells: list[Cell], result: Result) -> str:
    one = cells[0]
    wrong = [cell.wrong for cell in cells if cell.wrong]
    if len(wrong) == len(cells):
        return f"| {one.contestant} | {one.step} | **wrong**: {wrong[0].splitlines()[0][:120]} |{' |' * (len(COLUMNS) - 3)}"

    def figure(what: str, scale: float = 1.0, digits: int = 2) -> str:
        found = result.figure(lambda cell: getattr(cell, what), one.contestant, one.line, one.hosts, one.step)
        return "–" if found is None else f"{found * scale:,.{digits}f}"

    row = [figure("wall_seconds"), figure("overhead_seconds"), figure("own_cpu_seconds"), figure("ssh_cpu_seconds")]
    row += [figure("operator_bytes", 1e-6, 0), figure("hosts_cpu_seconds"), figure("sent_bytes", 1e-3, 1)]
    row += [figure("received_bytes", 1e-3, 1), figure("sent_packets", 1, 0), figure("logins", 1, 0), figure("activation_seconds", 1e3, 0)]
    return f"| {one.contestant} | {one.step}{f' ({len(wrong)} wrong)' if wrong else ''} | {' | '.join(row)} |"
