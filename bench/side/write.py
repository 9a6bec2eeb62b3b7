"""Results of bin/bench in, the tables of README.md and docs/performance.md out, between their markers; nothing there is written by hand.

python -m bench.side.write FILE.json … [PROFILE.md]: the cells of all files together, and what `bin/bench --profile` printed. A table of
which there is nothing in them stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.side.goals import judged
from bench.side.machine import ROOT
from bench.side.result import Cell, Result, read
from bench.side.tables import goal_table, growth_table, tables

BEGIN, END = "<!-- bin/bench: {} -->", "<!-- bin/bench: end -->"


def main(words: Sequence[str]) -> int:
    """Write both pages. Raises ValueError where a page has no marker of a name."""
    result = together([read(Path(word)) for word in words if word.endswith(".json")])
    profiles = "".join(Path(word).read_text(encoding="utf-8") for word in words if word.endswith(".md"))
    parts = measured(result, profiles)
    write(ROOT / "README.md", {name: lines for name, lines in parts.items() if name == "short"})
    write(ROOT / "docs/performance.md", {name: lines for name, lines in parts.items() if name != "short"})
    return 0


def measured(result: Result, profiles: str) -> dict[str, list[str]]:
    """The lines of each part that there are figures for."""
    parts: dict[str, list[str]] = {}
    if any(not cell.growth for cell in result.cells):
        about = ["", _about(result), ""]
        parts |= {"short": ["", *short_table(result), *about], "about": about}
        parts |= {"goals": ["", *goal_table(judged(result)), ""], "all": [*tables(result), ""]}
    if any(cell.growth for cell in result.cells):
        parts["growth"] = [*growth_table(result), ""]
    if profiles:
        parts["profile"] = list(hottest(profiles))
    return parts


HOTTEST = (("first", "operator"), ("small", "serve"), ("status", "operator"))
"""Step and program of the three paths where most time goes."""


def hottest(profiles: str) -> Iterator[str]:
    """Their tables, of what `bin/bench --profile` printed for these steps."""
    for step, program in HOTTEST:
        of_step = profiles.partition(f"### {step}\n")[2].partition("\n### ")[0]
        of_program = of_step.partition(f"#### {program}")[2].partition("\n#### ")[0]
        yield f"\n### `{step}`: {program}{of_program.rstrip()}"


def together(results: Sequence[Result]) -> Result:
    """The cells of all, with what the first one says of the machine."""
    loads = [str(result.about.get(key, "")) for result in results for key in ("load before", "load after")]
    began = sorted(str(result.about.get("began", "")) for result in results)
    about = {**results[0].about, "began": began[0], "load": f"{min(loads, key=float)} to {max(loads, key=float)}"}
    cells = [cell for result in results for cell in result.cells]
    return Result(about, results[0].packed_bytes, cells, {name: why for result in results for name, why in result.missing.items()})


def write(page: Path, parts: Mapping[str, Sequence[str]]) -> None:
    """Each part between its markers. Raises ValueError where one is missing."""
    text = page.read_text(encoding="utf-8")
    for name, lines in parts.items():
        before, begin, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"{page} has no {BEGIN.format(name)} … {END}")
        text = f"{before}{begin}\n" + "\n".join(lines).strip("\n") + f"\n{end}{after}"
    page.write_text(text, encoding="utf-8")


Figure = Callable[[Cell], float | None]
SHORT: Sequence[tuple[str, str, int, str, Figure, str]] = (
    ("small change, 1 host", "lan", 1, "small", lambda cell: cell.overhead_seconds, "{:.1f} s"),
    ("16 hosts", "lan", 16, "small", lambda cell: cell.overhead_seconds, "{:.1f} s"),
    ("1 host, 40 ms away", "rtt40", 1, "small", lambda cell: cell.overhead_seconds, "{:.1f} s"),
    ("no change, 16 hosts", "lan", 16, "none", lambda cell: cell.wall_seconds, "{:.1f} s"),
    ("rollback, 16 hosts", "lan", 16, "rollback", lambda cell: cell.wall_seconds, "{:.1f} s"),
    ("sent, first deployment to 16", "lan", 16, "first", lambda cell: cell.sent_bytes / 1e6, "{:.1f} MB"),
    ("sent, small change, 16", "lan", 16, "small", lambda cell: cell.sent_bytes / 1e6, "{:.2f} MB"),
    ("operator's memory, 16", "lan", 16, "small", lambda cell: cell.operator_bytes / 1e6, "{:.0f} MB"),
)


APART = frozenset({"logins", "shipway-warm"})
"""Not tools of their own: what is compared with, and Shipway once more."""


def short_table(result: Result) -> Iterator[str]:
    """One row a contestant; the first three columns are wall time less the time that its tasks sleep."""
    yield f"| | {' | '.join(name for name, *_ in SHORT)} |"
    yield f"|---|{'---:|' * len(SHORT)}"
    names = dict.fromkeys(cell.contestant for cell in result.cells if cell.contestant not in APART and not cell.growth)
    for contestant in sorted(names, key=lambda name: name != "shipway"):
        found = [(result.figure(of, contestant, line, hosts, step), form) for _, line, hosts, step, of, form in SHORT]
        yield f"| {contestant} | {' | '.join('–' if figure is None else form.format(figure) for figure, form in found)} |"
    for name, why in result.missing.items():
        yield f"| {name} | {why} |{' |' * (len(SHORT) - 1)}"


def _about(result: Result) -> str:
    about = result.about
    load = about.get("load", f"{about.get('load before', '?')} to {about.get('load after', '?')}")
    where = f"Measured {about['began']} on {about['machine']}, {about['ssh']}, Shipway {about['commit']}"
    return f"{where}; other programs beside it, load {load}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
