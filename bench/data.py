"""Rows in; out, what a restore point and a restore take beside the plain programs that do no more than copy, in one run on one machine.

python -m bench.data [--rows 100000,1000000] [--times 3] [--json FILE] [--write]: a table on stdout, with --write in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.side import machine
from bench.side.write import write
from shipway_agent.data import points
from shipway_agent.data.declared import Copies, Declared
from shipway_agent.data.elsewhere.send import send
from shipway_agent.data.postgres import Postgres
from shipway_agent.record import replace
from tests.agent.data.kept import Kept, kept, of
from tests.databases import Server, postgres_is_there

PAGE = machine.ROOT / "docs/performance.md"
FILE_ROWS = 100
"""So many rows of a database are one file, in the same run."""

FILE_BYTES = 10_000


@dataclass(frozen=True)
class Measured:
    """One line: what was done to how much, by us and by a plain program; seconds are the least of all times."""

    what: str
    rows: int
    bytes: int
    shipway_seconds: float
    plain: str
    plain_seconds: float


def main(words: Sequence[str]) -> int:
    """Exit code 3 where there is no PostgreSQL to measure with."""
    parser = argparse.ArgumentParser(prog="bin/bench --data", description="Restore points beside plain copies.")
    parser.add_argument("--rows", type=lambda text: [int(one) for one in text.split(",")], default=[100_000, 1_000_000])
    parser.add_argument("--times", type=int, default=3, help="each is done so often, by turns, and the least is told")
    parser.add_argument("--json", type=Path, help="write every figure there")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(machine.ROOT)}")
    wanted = parser.parse_args(words)
    reason = postgres_is_there()
    if reason:
        print(f"bin/bench: {reason}. Nothing was changed.", file=sys.stderr)
        return 3
    about = {**machine.about(), "load before": f"{machine.load():.1f}"}
    found = [one for rows in wanted.rows for one in measured(rows, wanted.times)]
    about["load after"] = f"{machine.load():.1f}"
    lines = list(table(found, about))
    if wanted.json:
        wanted.json.write_text(json.dumps({"about": about, "lines": [asdict(one) for one in found]}, indent=1) + "\n", encoding="utf-8")
    if wanted.write:
        write(PAGE, {"data": ["", *lines, ""]})
    print("\n".join(lines))
    return 0


def measured(rows: int, times: int) -> Iterator[Measured]:
    """All lines of one size."""
    for part in (of_postgres, of_sqlite, of_files):
        with tempfile.TemporaryDirectory(prefix="bench-data-") as place, kept(Path(place)) as home:
            for one in part(home, rows, times):
                print(f"{one.what}, {rows:,} rows: {one.shipway_seconds:.2f} s, {one.plain}: {one.plain_seconds:.2f} s", file=sys.stderr)
                yield one


def of_postgres(home: Kept, rows: int, times: int) -> Iterator[Measured]:
    """A dump, and a database that is made of it."""
    with Server() as server:
        fill = f"INSERT INTO items SELECT n, 'item ' || n, n * 1.5, now(), md5(n::text) FROM generate_series(1, {rows}) n"  # noqa: S608  # a number
        server.database("shop", "CREATE TABLE items (id bigint PRIMARY KEY, name text, price numeric, at timestamptz, code text)", fill)
        server.sql("shop", "VACUUM ANALYZE")
        data = of("postgres", url=server.url("shop"))
        dump = home.path / "plain.dump"
        where = ["-h", str(server.place), "-U", "postgres"]
        ours, plain = by_turns(
            times,
            lambda: home.take(data),
            lambda: run("pg_dump", *where, "-Fc", "-f", str(dump), "shop"),
            before=lambda: dump.unlink(missing_ok=True),
        )
        point = home.names(data)[-1]
        size = int(points.listed(home.root, "main")[-1]["bytes"])
        yield Measured("PostgreSQL: a restore point", rows, size, ours, "pg_dump -Fc", plain)

        def restore() -> None:
            with points.opened(home.root, point) as folder:
                database = Postgres(data, home.work(3600.0))
                database.restore(folder, points.about(folder), "ours", home.said.append)

        def plain_restore() -> None:
            run("createdb", *where, "plain")
            run("pg_restore", *where, f"--jobs={os.cpu_count()}", "-d", "plain", str(dump))

        def again() -> None:
            for name in ("ours", "plain"):
                run("dropdb", *where, "--if-exists", name)

        ours, plain = by_turns(times, restore, plain_restore, before=again)
        yield Measured("PostgreSQL: restored beside it, every row compared", rows, size, ours, "pg_restore -j", plain)
        again()
        yield from of_copies(home, data, rows, times)


def of_sqlite(home: Kept, rows: int, times: int) -> Iterator[Measured]:
    """A file, and the same written over."""
    path = home.path / "shared" / "shop.sqlite3"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, code TEXT)")
        made.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", ((n, f"item {n}", n * 1.5, f"{n:032x}") for n in range(rows)))
        made.commit()
    data = of("sqlite", path="shop.sqlite3")
    aside = home.path / "plain.sqlite3"
    backup = "import sqlite3, sys; a, b = map(sqlite3.connect, sys.argv[1:]); a.backup(b); b.close()"
    ours, plain = by_turns(
        times,
        lambda: home.take(data),
        lambda: run(sys.executable, "-c", backup, str(path), str(aside)),
        before=lambda: aside.unlink(missing_ok=True),
    )
    yield Measured("SQLite: a restore point", rows, path.stat().st_size, ours, "its backup interface", plain)
    point = home.names(data)[-1]

    def forget() -> None:
        for left in path.parent.glob("*.before-*"):
            left.unlink()

    ours, plain = by_turns(
        times,
        lambda: home.put_back(data, point),
        lambda: run(sys.executable, "-c", backup, str(aside), str(path)),
        before=forget,
    )
    yield Measured("SQLite: put back, what was there kept", rows, path.stat().st_size, ours, "its backup interface", plain)


def of_files(home: Kept, rows: int, times: int) -> Iterator[Measured]:
    """A directory; then one file in a hundred has changed."""
    media = home.path / "shared" / "media"
    count = rows // FILE_ROWS
    for number in range(count):
        file = media / f"{number % 100:02}" / f"{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(FILE_BYTES))
    data, aside = replace(of("files", path="media"), keep=1), home.path / "plain"

    def nothing() -> None:
        shutil.rmtree(home.path / "data", ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)

    plain_copy: Callable[[], None] = lambda: run("cp", "-a", str(media), str(aside))  # noqa: E731  # it is timed twice
    size = count * FILE_BYTES
    ours, plain = by_turns(times, lambda: home.take(data), plain_copy, before=nothing)
    yield Measured(f"{count:,} files: the first restore point", rows, size, ours, "cp -a", plain)

    def change() -> None:
        shutil.rmtree(aside, ignore_errors=True)
        for number in range(0, count, 100):
            (media / f"{number % 100:02}" / f"{number}.bin").write_bytes(os.urandom(FILE_BYTES))

    home.take(data)
    ours, plain = by_turns(times, lambda: home.take(data), plain_copy, before=change)
    yield Measured(f"{count:,} files: the next, 1 % changed", rows, size, ours, "cp -a", plain)


def of_copies(home: Kept, data: Declared, rows: int, times: int) -> Iterator[Measured]:
    """A copy in another directory, read back there."""
    there, name = home.path / "there", home.names(data)[-1]
    there.mkdir()
    away = replace(data, folder="shop/production/main", copies=[Copies(str(there), 1)])

    def again() -> None:
        shutil.rmtree(there)
        there.mkdir()

    dump = home.path / "data" / "main" / name / "dump"
    ours, plain = by_turns(times, lambda: send(home.context(), away), lambda: run("cp", str(dump), str(there / "plain")), before=again)
    yield Measured("a copy of it in another directory, read back", rows, dump.stat().st_size, ours, "cp", plain)


def by_turns(times: int, ours: Callable[[], object], plain: Callable[[], object], *, before: Callable[[], object]) -> tuple[float, float]:
    """The least seconds of each. What a plain program wrote counts once it is on disk, as ours does by itself."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        before()
        os.sync()
        for which, do in enumerate((ours, plain)):
            began = time.monotonic()
            do()
            if which == 1:
                os.sync()
            seconds[which].append(time.monotonic() - began)
    return min(seconds[0]), min(seconds[1])


def table(found: Sequence[Measured], about: Mapping[str, str]) -> Iterator[str]:
    """In Markdown, with the machine it was measured on."""
    where = f"Measured {about['began']} on {about['machine']}, Shipway {about['commit']}"
    yield f"{where}; other programs beside it, load {about['load before']} to {about['load after']}."
    yield ""
    yield "| | rows | MB | Shipway | the plain program | |"
    yield "|---|---:|---:|---:|---|---:|"
    for one in found:
        figures = f"{one.rows:,} | {one.bytes / 1e6:,.1f} | {one.shipway_seconds:.2f} s | {one.plain} | {one.plain_seconds:.2f} s"
        yield f"| {one.what} | {figures} |"


def run(*argv: str) -> None:
    """To its end. Raises CalledProcessError."""
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
