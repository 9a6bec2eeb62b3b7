"""A shipment, an environment and what was assumed in, the text of a commented shipway.toml out: load reads back just these."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from shipway.config import answers, derive, schema
from shipway.model.found import Assumption
from shipway.model.intent import Command, Environment, Health, Host, Job, Process, Reference, Shipment, Task

WIDTH = 118

_EXAMPLE = "deploy@203.0.113.10"


def template(shipment: Shipment, environment: Environment, kind: str = "", assumptions: Sequence[Assumption] = ()) -> str:
    """The text. Of the environment its name, hosts, domains and env are written; each assumption stands above what it explains."""
    parts = [
        _head(shipment, kind, [one for one in assumptions if one.about not in _tables(shipment)]),
        *_build(shipment, assumptions),
        *_toolchain(shipment),
        *(_task(task, assumptions) for task in shipment.tasks),
        *(_job(job) for job in shipment.jobs),
        *(_process(process, assumptions) for process in shipment.processes),
        _environment(environment),
        *_next_environment(environment),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def value(written: Any) -> str:
    """One value as TOML: a text in the quotes that need no escapes, a number as short as it can be, tables and lists inline."""
    match written:
        case bool():
            return "true" if written else "false"
        case str():
            return _text(written)
        case float() if written.is_integer():
            return str(int(written))
        case int() | float():
            return repr(written)
        case Reference():
            return value(_reference(written))
        case Mapping():
            return "{ " + ", ".join(f"{key(name)} = {value(one)}" for name, one in written.items()) + " }" if written else "{}"
        case _:
            return "[" + ", ".join(value(one) for one in written) + "]"


def block(text: str) -> str:
    """A text as TOML, over several lines where it has them and they need no escapes."""
    lines = text.split("\n")
    if len(lines) > 1 and "'''" not in text and not text.endswith("'") and all(line.isprintable() for line in lines):
        return f"'''\n{text}'''"
    return value(text)


def key(name: str) -> str:
    """A key as TOML: bare where it may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def comment(text: str) -> list[str]:
    """Lines of a comment, wrapped; nothing in the text can end it."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return textwrap.wrap(plain, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False) or ["#"]


def _text(text: str) -> str:
    if ('"' in text or "\\" in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + "".join(char if char.isprintable() and char not in '"\\' else _escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def _tables(shipment: Shipment) -> set[str]:
    """What a comment can stand above, but for the top of the file."""
    names = [*(f"process.{one.name}" for one in shipment.processes), *(f"task.{one.name}" for one in shipment.tasks)]
    return {*names, *(["build"] if shipment.build.run else [])}


def _head(shipment: Shipment, kind: str, assumptions: Sequence[Assumption]) -> list[str]:
    lines = (
        comment(f"Written by `shipway init` for {kind}. What each line rests on stands above it; change what is not so.") if kind else []
    )
    lines += comment("All keys: docs/reference/configuration.md. What counts is what is committed.")
    lines += _why(assumptions)
    pairs: list[tuple[str, Any]] = [("app", shipment.app)]
    pairs += [("shared", shipment.shared)] if shipment.shared else []
    pairs += [("static", shipment.static)] if shipment.static is not None else []
    pairs += [("assets", shipment.assets)] if shipment.assets else []
    pairs += [("env", shipment.env)] if shipment.env else []
    return [*lines, "", *_pairs(pairs)]


def _build(shipment: Shipment, assumptions: Sequence[Assumption]) -> Iterator[list[str]]:
    build = shipment.build
    if not build.run:
        return
    pairs: list[tuple[str, Any]] = [("run", _commands(build.run)), ("outputs", build.outputs)]
    pairs += [("on", build.on)] if build.on != _default(schema.Build, "on") else []
    pairs += [("env", build.env)] if build.env else []
    pairs += [("timeout_seconds", build.timeout_seconds)] if build.timeout_seconds != _default(schema.Build, "timeout_seconds") else []
    yield [*_why(_about(assumptions, "build")), "[build]", *_pairs(pairs)]


def _task(task: Task, assumptions: Sequence[Assumption]) -> list[str]:
    pairs: list[tuple[str, Any]] = [("name", task.name)]
    pairs += _changed(schema.Task, task, ("phase", "once"))
    pairs += [("run", _command(task.run))]
    pairs += _changed(schema.Task, task, ("check", "undo", "outputs", "roles", "directory", "env", "timeout_seconds"))
    return [*_why(_about(assumptions, f"task.{task.name}")), "[[task]]", *_pairs(pairs)]


def _job(job: Job) -> list[str]:
    pairs: list[tuple[str, Any]] = [("name", job.name), ("schedule", job.schedule)]
    pairs += _changed(schema.Task, job, ("timezone", "catch_up"))
    pairs += [("run", _command(job.run))]
    return ["[[task]]", *_pairs([*pairs, *_changed(schema.Task, job, ("roles", "directory", "env", "timeout_seconds"))])]


def _toolchain(shipment: Shipment) -> Iterator[list[str]]:
    if shipment.toolchain:
        tools = [(t.name, t.version if t.mirror is None else {"version": t.version, "mirror": t.mirror}) for t in shipment.toolchain]
        yield ["[toolchain]", *_pairs(tools)]


def _process(process: Process, assumptions: Sequence[Assumption]) -> list[str]:
    pairs: list[tuple[str, Any]] = [("run", _command(process.run))]
    pairs += [("health", _health(process.health))] if process.health else []
    pairs += _changed(schema.Process, process, ("roles", "instances", "drain_seconds", "overlap", "steady_seconds", "directory", "env"))
    return [*_why(_about(assumptions, f"process.{process.name}")), f"[process.{key(process.name)}]", *_pairs(pairs)]


def _health(health: Health) -> dict[str, Any]:
    page = health.page
    status = page.status[0] if len(page.status) == 1 else page.status
    written = {"path": page.path, "status": status, "contains": page.contains, "timeout_seconds": page.timeout_seconds}
    written |= {"within_seconds": health.within_seconds}
    usual = {"status": 200, "contains": None} | {name: _default(schema.Health, name) for name in ("timeout_seconds", "within_seconds")}
    return {name: one for name, one in written.items() if name not in usual or one != usual[name]}


def _environment(environment: Environment) -> list[str]:
    lines = comment(_WHERE if any(host.address == "local" for host in environment.hosts) else _SERVER)
    lines += [f"[environment.{key(environment.name)}]", "hosts = ["]
    lines += [f"    {value(_host(host))}," for host in environment.hosts]
    lines += ["]"]
    lines += _pairs([("domains", environment.domains)] if environment.domains else [])
    lines += _pairs([("env", environment.env)] if environment.env else [])
    left = [name for name in ("domains", "keep_warm_seconds", "key_pages") if name != "domains" or not environment.domains]
    return [*lines, *(f"# {_offer(schema.Environment, name)}" for name in left)]


_WHERE = (
    "This machine: the application with a proxy of its own below `root`, to try everything in earnest before it goes to a server. "
    "`shipway remove` takes it away again."
)
_SERVER = (
    "Each host needs sshd and python3 (3.9 or newer), and you its key; no root. The proxy takes requests on port 8080, or for `domains` at "
    "443 with certificates, once `shipway setup` has opened it."
)


def _next_environment(environment: Environment) -> Iterator[list[str]]:
    """The other environment that people have, to be filled in: a server behind a trial, a trial beside servers."""
    if not any(host.address == "local" for host in environment.hosts):
        return
    name = "production" if environment.name != "production" else "servers"
    lines = [f"[environment.{name}]", f'hosts = ["{_EXAMPLE}"]', _offer(schema.Environment, "domains")]
    yield [*comment(f"Then a server, as ssh knows it: `shipway deploy {name}`."), *(f"# {line}" for line in lines)]


def _offer(of: type[schema.Table], name: str) -> str:
    """A key with its example and what the schema says of it."""
    field = of.model_fields[name]
    return f"{name} = {value((field.examples or [''])[0])}   # {field.description}"


def _host(host: Host) -> Any:
    """A string where the address says it all."""
    written = {name: getattr(host, name) for name in ("name", "address", "roles", "root", "listen", "peer")}
    if derive.host_name(schema.Host(address=host.address)) == host.name and host.address != answers.LOCAL:
        del written["name"]
    kept = {name: one for name, one in written.items() if one not in (None, ())}
    return host.address if list(kept) == ["address"] else kept


def _changed(of: type[schema.Table], table: Process | Task | Job, names: Iterable[str]) -> list[tuple[str, Any]]:
    """What is not as it would be without saying."""
    pairs = [(name, getattr(table, name)) for name in names]
    return [(name, _command(one) if name in ("check", "undo") else one) for name, one in pairs if one != _default(of, name) and one != ()]


def _reference(where: Reference) -> dict[str, Any]:
    """How a value that nobody may see is written: by what prints it, or by the variable that holds it."""
    if where.command is None:
        return {"env": where.variable}
    usual = where.timeout_seconds == Reference().timeout_seconds
    return {"command": _command(where.command)} | ({} if usual else {"timeout_seconds": where.timeout_seconds})


def _default(of: type[schema.Table], name: str) -> Any:
    return of.model_fields[name].default


def _command(command: Command) -> str | list[str]:
    return command if isinstance(command, str) else list(command)


def _commands(commands: Sequence[Command]) -> list[str | list[str]]:
    return [_command(command) for command in commands]


def _pairs(pairs: Iterable[tuple[str, Any]]) -> list[str]:
    """A table that does not fit a line has a line for each of its keys."""
    lines = []
    for name, one in pairs:
        if isinstance(one, Mapping) and len(value(one)) > WIDTH:
            lines += [f"{name}.{key(inner)} = {value(text)}" for inner, text in one.items()]
        else:
            lines.append(f"{name} = {_long(one)}")
    return lines


def _long(one: Any) -> str:
    """A list of texts that does not fit a line has one on each."""
    if isinstance(one, str):
        return block(one)
    flat = value(one)
    if isinstance(one, Mapping) or len(flat) < WIDTH or not isinstance(one, Sequence) or not one:
        return flat
    return "[\n" + "".join(f"    {value(item)},\n" for item in one) + "]"


def _why(assumptions: Iterable[Assumption]) -> list[str]:
    return [line for one in assumptions for line in comment(one.sentence)]


def _about(assumptions: Iterable[Assumption], about: str) -> list[Assumption]:
    return [one for one in assumptions if one.about == about]
