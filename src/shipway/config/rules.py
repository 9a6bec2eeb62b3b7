"""A document in, what is wrong between its values out: what no single value can tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import combinations
from typing import NamedTuple

from shipway.config import derive, forms
from shipway.config.faults import shown
from shipway.config.lines import Path
from shipway.config.schema import Document, Environment, Host
from shipway_agent.notifications import targets

_IN_A_DEPLOYMENT = ("phase", "once", "check", "undo", "outputs")
_OF_A_SCHEDULE = ("timezone", "catch_up")


class Broken(NamedTuple):
    """A rule that does not hold at `path`; `{other}` in the sentence stands for the other path that it is about."""

    path: Path
    sentence: str
    other: Path = ()


def clashes(document: Document) -> list[Broken]:
    """What is wrong with what is there. True of any part of a document as well."""
    found = [
        *_data(document),
        *_places(document),
        *_copies(document),
        *_migrations(document),
        *_tasks(document),
        *_processes(document),
        *_build(document),
        *_paths(document),
        *_assets(document),
        *_local_roots(document),
    ]
    for name, environment in document.environment.items():
        found += [*_hosts(environment, ("environment", name, "hosts")), *_domains(environment, ("environment", name, "domains"))]
        found += _notify(environment, ("environment", name, "notify"))
        found += _batches(environment, ("environment", name))
        found += _tls(environment, ("environment", name))
    return found


def gaps(document: Document) -> list[Broken]:
    """What is wrong because something else is not there. True of whole documents only."""
    return [
        *_nothing_to_serve(document),
        *_assets_alone(document),
        *_no_front(document),
        *_unknown_roles(document),
        *_nobody_to_notify(document),
        *_no_schedule(document),
        *_no_data(document),
        *_no_commands(document),
        *_unknown_environments(document),
    ]


def _tasks(document: Document) -> Iterator[Broken]:
    yield from _repeats((("task", index, "name"), task.name) for index, task in enumerate(document.task))
    for index, task in enumerate(document.task):
        if task.once and task.outputs:
            yield Broken(("task", index, "outputs"), "may not be given with once = true: only one host would have them")
        for key in _IN_A_DEPLOYMENT if task.schedule is not None else ():
            if key in task.model_fields_set:
                yield Broken(("task", index, key), "may not be given with schedule: a periodic job is no step of a deployment")


def _processes(document: Document) -> Iterator[Broken]:
    for name, process in document.process.items():
        if derive.listens(name, process) is None:
            continue
        if process.instances > forms.SLOTS:
            yield Broken(
                ("process", name, "instances"), f"should be at most {forms.SLOTS} for a process that listens, found {process.instances}"
            )
        if not process.overlap:
            yield Broken(
                ("process", name, "overlap"), "may be false only for a process that does not listen: requests would fail between the two"
            )
        if "steady_seconds" in process.model_fields_set:
            yield Broken(
                ("process", name, "steady_seconds"), "may be given only for a process that does not listen: one that does is asked"
            )


def _build(document: Document) -> Iterator[Broken]:
    build = document.build
    if build.run and not build.outputs:
        yield Broken(("build", "outputs"), "is missing; nothing that the commands make would be shipped")
    if build.outputs and not build.run:
        yield Broken(("build", "run"), "is missing; nothing makes the outputs")


def _paths(document: Document) -> Iterator[Broken]:
    """What a release links or replaces must not overlap."""
    written: list[tuple[Path, str]] = [(("shared", index), path) for index, path in enumerate(document.shared)]
    written += [(("build", "outputs", index), path) for index, path in enumerate(document.build.outputs)]
    written += [(("task", t, "outputs", index), path) for t, task in enumerate(document.task) for index, path in enumerate(task.outputs)]
    for (first, one), (second, other) in combinations(written, 2):
        if one == other:
            yield Broken(second, f"is the same path as {{other}}, {shown(one)}", first)
        elif _within(one, other) or _within(other, one):
            yield Broken(second, f"may not nest with {{other}}: {shown(other)} and {shown(one)}", first)


def _assets(document: Document) -> Iterator[Broken]:
    """A path of a visitor is known only below `static`; and no file is an asset twice."""
    yield from _repeats((("assets", index), path) for index, path in enumerate(document.assets))
    for (first, one), (second, other) in combinations(enumerate(document.assets), 2):
        if _within(one, other) or _within(other, one):
            yield Broken(("assets", second), f"may not nest with {{other}}: {shown(other)} and {shown(one)}", ("assets", first))
    for index, path in enumerate(document.assets):
        if document.static is not None and path != document.static and not _within(path, document.static):
            yield Broken(("assets", index), f"should be a directory inside static, {shown(document.static)}, found {shown(path)}")


def _assets_alone(document: Document) -> Iterator[Broken]:
    if document.assets and document.static is None:
        yield Broken(("assets",), "may only be given with static: the proxy serves nothing else by its path")


def _hosts(environment: Environment, at: Path) -> Iterator[Broken]:
    for index, host in enumerate(environment.hosts):
        if derive.host_name(host) is None:
            yield Broken((*at, index, "name"), f"is missing; the address {shown(host.address)} holds none that could serve")
        if host.address == "local":
            for key in ("root", "listen"):
                if getattr(host, key) is None:
                    yield Broken((*at, index, key), "is missing; a host on this machine must have one")
    hosts = list(enumerate(environment.hosts))
    addresses = list(_repeats(((*at, index, "address"), host.address) for index, host in hosts if host.address != "local"))
    yield from addresses
    again = {one.path[-2] for one in addresses}
    yield from _repeats(((*at, index, "name"), derive.host_name(host)) for index, host in hosts if index not in again)
    yield from _repeats(((*at, index, "listen"), host.listen) for index, host in hosts if host.address == "local")


def _local_roots(document: Document) -> Iterator[Broken]:
    """One root holds one app of one environment, so roots on this machine differ in the whole file."""
    hosts: list[tuple[Path, Host]] = [
        (("environment", name, "hosts", index, "root"), host)
        for name, environment in document.environment.items()
        for index, host in enumerate(environment.hosts)
    ]
    roots = [(path, host.root) for path, host in hosts if host.address == "local" and host.root is not None]
    yield from _repeats(roots)
    for (first, one), (second, other) in combinations(roots, 2):
        if _within(one, other) or _within(other, one):
            yield Broken(second, f"may not nest with {{other}}: {shown(other)} and {shown(one)}", first)


def _domains(environment: Environment, at: Path) -> Iterator[Broken]:
    yield from _repeats(((*at, index), domain) for index, domain in enumerate(environment.domains))


def _tls(environment: Environment, at: Path) -> Iterator[Broken]:
    """Settings that nothing would read, and names for which no certificate can be had."""
    tls = environment.tls
    for key in ("acme", "ca", "email"):
        if tls.issuer != "acme" and getattr(tls, key) is not None:
            yield Broken((*at, "tls", key), f'may only be given with issuer = "acme", found issuer = "{tls.issuer}"')
    given = "tls" in environment.model_fields_set and tls.issuer != "off"
    for index, host in enumerate(environment.hosts):
        if given and host.listen is not None and not host.listen.endswith(":443"):
            yield Broken(
                (*at, "hosts", index, "listen"), f"should have port 443 where there is {{other}}, found {shown(host.listen)}", (*at, "tls")
            )
    secure = any(host.listen is None or host.listen.endswith(":443") for host in environment.hosts)
    for index, domain in enumerate(environment.domains):
        if tls.issuer == "acme" and secure and domain.startswith("*."):
            sentence = 'is a wildcard, and no authority is asked for those: write each name, or tls = "internal" or "off"'
            yield Broken((*at, "domains", index), f"{sentence}, found {shown(domain)}")


def _notify(environment: Environment, at: Path) -> Iterator[Broken]:
    for index, notify in enumerate(environment.notify):
        named = [kind for kind in ("webhook", "email", "command") if getattr(notify, kind) is not None]
        for kind in named[1:]:
            yield Broken((*at, index, kind), "may not be given beside {other}: write another [[notify]] for it", (*at, index, named[0]))
        if notify.email is not None and notify.email.password is not None and not targets.server(notify.email.server).user:
            yield Broken((*at, index, "email", "server"), "names no user for the password: smtp://USER@HOST")


def _data(document: Document) -> Iterator[Broken]:
    """Keys of one kind of data that another has no use for."""
    for name, data in document.data.items():
        for key in ("url", "admin_url") if data.driver != "postgres" else ("path",):
            if getattr(data, key) is not None:
                yield Broken(("data", name, key), f"may not be given for {data.driver}")
        if data.driver == "sqlite" and data.leave_out:
            yield Broken(("data", name, "leave_out"), "may not be given for sqlite: its copies are whole")
        if data.driver == "files" and data.mask:
            yield Broken(("data", name, "mask"), "may not be given for files: there are no columns in them")
        if "timezone" in data.model_fields_set and data.schedule is None:
            yield Broken(("data", name, "timezone"), "may only be given with schedule")
        for index, path in enumerate(data.leave_out) if data.driver == "files" else ():
            if not _is_plain(path):
                yield Broken(("data", name, "leave_out", index), f"should be a path below {data.path or 'path'}, found {shown(path)}")


def _places(document: Document) -> Iterator[Broken]:
    """One place twice."""
    for name, data in document.data.items():
        seen: dict[str, int] = {}
        for index, one in enumerate(data.copies):
            if seen.setdefault(one.to, index) != index:
                yield Broken(("data", name, "copies", index), "has copies already: {other}", ("data", name, "copies", seen[one.to]))


def _unknown_environments(document: Document) -> Iterator[Broken]:
    known = ", ".join(document.environment) or "none is declared"
    for name, data in document.data.items():
        for index, one in enumerate(data.copies):
            for place, environment in enumerate(one.environments):
                if environment not in document.environment:
                    path = ("data", name, "copies", index, "environments", place)
                    yield Broken(path, f"should be an environment ({known}), found {shown(environment)}")


def _migrations(document: Document) -> Iterator[Broken]:
    """Keys of one adapter that another has no use for."""
    written = document.migrations
    if written is None:
        return
    idle = {"django": ("show", "reverse", "path"), "alembic": ("show", "reverse"), "sql": ("run", "show", "reverse"), "commands": ("path",)}
    for key in idle[written.adapter]:
        if getattr(written, key) is not None:
            yield Broken(("migrations", key), f"may not be given for {written.adapter}")
    if written.adapter == "commands" and written.held:
        yield Broken(("migrations", "held"), "may not be true for commands: only these know what is pending, and a hold is planned")


def _no_commands(document: Document) -> Iterator[Broken]:
    written = document.migrations
    for key in ("run", "show") if written is not None and written.adapter == "commands" else ():
        if getattr(written, key) is None:
            yield Broken(("migrations", key), "is missing; commands must have it")


def _copies(document: Document) -> Iterator[Broken]:
    """Points by the clock are jobs, whose names must differ from those of tasks."""
    for index, task in enumerate(document.task):
        name = task.name.removeprefix("restore-point-")
        if name != task.name and name in document.data and document.data[name].schedule is not None:
            yield Broken(("task", index, "name"), "is the name of the job that takes the points of {other}", ("data", name))


def _no_data(document: Document) -> Iterator[Broken]:
    """Data that is nowhere, or that the next release would not find."""
    for name, data in document.data.items():
        if data.driver == "postgres":
            continue
        if data.path is None:
            yield Broken(("data", name, "path"), f"is missing; {data.driver} must have one, at or below a path of shared")
        elif not any(data.path == shared or _within(data.path, shared) for shared in document.shared):
            at = ", ".join(document.shared) or "none is declared"
            yield Broken(("data", name, "path"), f"should be at or below a path of shared ({at}), found {shown(data.path)}")


def _is_plain(path: str) -> bool:
    try:
        return forms.read_path(path) == path
    except ValueError:
        return False


def _nobody_to_notify(document: Document) -> Iterator[Broken]:
    for name, environment in document.environment.items():
        for index, notify in enumerate(environment.notify):
            path: Path = ("environment", name, "notify", index)
            if notify.webhook is None and notify.email is None and notify.command is None:
                yield Broken(path, "should have one of webhook, email and command")
            if notify.email is not None and notify.email.password is None and targets.server(notify.email.server).user:
                yield Broken((*path, "email", "password"), "is missing; the server names a user")


def _batches(environment: Environment, at: Path) -> Iterator[Broken]:
    """Batches that could never begin, and settings that nothing would read."""
    given = [key for key in ("batch_hosts", "floor_hosts") if key in environment.model_fields_set]
    if environment.strategy != "rolling":
        for key in given:
            yield Broken((*at, key), 'may only be given with strategy = "rolling": all hosts switch at once')
        return
    count, batch, floor = len(environment.hosts), environment.batch_hosts, environment.floor_hosts
    if batch + floor > count:
        hosts = "1 host" if count == 1 else f"{count} hosts"
        sentence = f"leaves too few: batch_hosts ({batch}) and floor_hosts ({floor}) together may be at most the {hosts}"
        yield Broken((*at, given[-1] if given else "strategy"), sentence)


def _nothing_to_serve(document: Document) -> Iterator[Broken]:
    if not document.process and document.static is None:
        yield Broken(("process",), "is missing; should be a table for each command to run, or static should name files to serve")


def _no_front(document: Document) -> Iterator[Broken]:
    listening = [name for name, process in document.process.items() if derive.listens(name, process)]
    if len(listening) > 1 and "web" not in listening:
        yield Broken(("process",), f"should have one named web: the front door cannot tell which of {', '.join(listening)} it leads to")


def _unknown_roles(document: Document) -> Iterator[Broken]:
    """A role that no host has would silently run nowhere. Hosts without roles have every role, so they decide nothing."""
    known = {role for environment in document.environment.values() for host in environment.hosts for role in host.roles}
    users: list[tuple[Path, list[str]]] = [(("process", name, "roles"), process.roles) for name, process in document.process.items()]
    users += [(("task", index, "roles"), task.roles) for index, task in enumerate(document.task)]
    users += [(("data", name, "roles"), data.roles) for name, data in document.data.items()]
    for path, roles in users:
        for index, role in enumerate(roles):
            if known and role not in known:
                near = get_close_matches(role, sorted(known), n=1) or sorted(known)
                yield Broken((*path, index), f"should be a role that a host has (such as {near[0]}), found {shown(role)}")


def _no_schedule(document: Document) -> Iterator[Broken]:
    for index, task in enumerate(document.task):
        for key in _OF_A_SCHEDULE if task.schedule is None else ():
            if key in task.model_fields_set:
                yield Broken(("task", index, key), "may only be given with schedule")


def _repeats(values: Iterable[tuple[Path, str | None]]) -> Iterator[Broken]:
    seen: dict[str, Path] = {}
    for path, value in values:
        if value is not None and value in seen:
            yield Broken(path, f"is the same as {{other}}, {shown(value)}", seen[value])
        elif value is not None:
            seen[value] = path


def _within(inner: str, outer: str) -> bool:
    return inner.startswith(outer + "/")
