"""HEAD's shipway.toml, the shipped commit's and an environment's name in, the line out that says what each variable is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shipway.config.lines import Path
from shipway.config.load import Loaded, load


def sources(head: bytes | str, shipped: bytes | str, environment: str, *, name: str = "shipway.toml") -> Mapping[str, str]:
    """`shipway.toml:12` by place: `NAME` for all, `process.web.NAME`, `task.migrate.NAME`, `data.main.NAME`.

    Both files were resolved, so they are valid.
    """
    where = load(head, name)
    what = where if shipped == head else load(shipped, name, ignore=("data", "environment"))
    found = dict(_written(what))
    for variable in where.document.environment[environment].env:
        found[variable] = _line(where, ("environment", environment, "env", variable))
    for data, table in where.document.data.items():
        for variable in table.env:
            found[f"data.{data}.{variable}"] = _line(where, ("data", data, "env", variable))
    return found


def _written(what: Loaded) -> Iterator[tuple[str, str]]:
    for variable in what.document.env:
        yield variable, _line(what, ("env", variable))
    for process, table in what.document.process.items():
        for variable in table.env:
            yield f"process.{process}.{variable}", _line(what, ("process", process, "env", variable))
    for index, task in enumerate(what.document.task):
        for variable in task.env:
            yield f"task.{task.name}.{variable}", _line(what, ("task", index, "env", variable))


def _line(loaded: Loaded, path: Path) -> str:
    return f"{loaded.name}:{loaded.lines.of(path)}"
