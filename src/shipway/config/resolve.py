"""HEAD's shipway.toml, the shipped commit's and an environment's name in, the Intent out: which file counts is decided here."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from shipway.config import derive, schema
from shipway.config.faults import shown
from shipway.config.load import Loaded, load
from shipway.config.rules import Broken
from shipway.model import intent
from shipway.model.errors import Refused, WrongInput


def resolve(
    head: bytes | str,
    shipped: bytes | str,
    environment: str,
    *,
    directory: str = ".",
    name: str = "shipway.toml",
    commit: str = "",
    sealed: Mapping[str, str] = MappingProxyType({}),
) -> intent.Intent:
    """What is wanted of one environment.

    Hosts and settings come from `head`; processes, tasks, build, shared, static and env from `shipped`. `directory` is where
    the file lies in the repository, `name` and `commit` are for messages. `sealed` are the files of the environment's encrypted
    secrets, by variable: each is as if it was written in the environment's env. Raises WrongInput, and Refused when the two files are of
    different apps.
    """
    where = load(head, name)
    chosen = _choose(where, environment)
    what = where if shipped == head else load(shipped, f"{name} of {commit[:12] or 'the commit'}", ignore=("data", "environment"))
    if what.document.app != where.document.app:
        raise Refused(
            f"{what.name} is of the app {what.document.app}, {name} of HEAD of {where.document.app}",
            state="nothing was touched",
            hint=f"Ship a commit of {where.document.app} (shipway deploy --ref COMMIT), or go to a checkout of {what.document.app}.",
            code="other-app",
        )
    twice = [name for name in chosen.env if name in sealed]
    if twice:
        raise where.error(
            [Broken(("environment", environment, "env", one), f"is in {sealed[one]} as well: take it out of one of them") for one in twice]
        )
    broken = list(_idle(what.document, chosen, environment))
    if broken:
        raise what.error(broken)
    strange = list(_strange_data(what.document, where.document))
    if strange:
        raise what.error(strange)
    unknown = list(_unset(where.document, {*what.document.env, *chosen.env, *sealed}, environment))
    if unknown:
        raise where.error(unknown)
    return intent.Intent(
        app=where.document.app,
        subdirectory=posixpath.normpath(posixpath.join(directory, what.document.subdirectory)),
        environment=_environment(environment, chosen, where.document, what.document, sealed),
        shipment=_shipment(what.document, where.document),
    )


def _choose(where: Loaded, name: str) -> schema.Environment:
    known = where.document.environment
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    names = f"Known here: {', '.join(known)}." if known else f"{where.name} declares none: add [environment.NAME] with hosts."
    raise WrongInput(
        f"no environment is called {shown(name)}" + (f"; the nearest is {near[0]}" if near else ""),
        state="nothing was touched",
        hint=names,
        code="environment",
    )


def _idle(document: schema.Document, environment: schema.Environment, name: str) -> Iterable[Broken]:
    """Processes and tasks that no host of the environment would run."""
    if any(not host.roles for host in environment.hosts):
        return
    there = {role for host in environment.hosts for role in host.roles}
    for process, declared in document.process.items():
        if declared.roles and not there.intersection(declared.roles):
            yield Broken(("process", process, "roles"), _nowhere(declared.roles, there, name))
    for index, task in enumerate(document.task):
        if task.roles and not there.intersection(task.roles):
            yield Broken(("task", index, "roles"), _nowhere(task.roles, there, name))
    for one, data in document.data.items():
        if data.roles and not there.intersection(data.roles):
            yield Broken(("data", one, "roles"), _nowhere(data.roles, there, name))


def _nowhere(roles: list[str], there: set[str], name: str) -> str:
    return f"should name a role that a host of {name} has ({', '.join(sorted(there))}), found {', '.join(shown(role) for role in roles)}"


def _unset(document: schema.Document, variables: set[str], environment: str) -> Iterable[Broken]:
    """URLs of databases by variables that nobody sets."""
    for name, data in document.data.items():
        for key in ("url", "admin_url"):
            meant = derive.variable(data, key)
            if meant and meant not in variables and meant not in data.env:
                path = ("data", name, key) if getattr(data, key) is not None else ("data", name)
                sentence = f"should name a variable that is set: nothing gives {meant} to the application in {environment}"
                yield Broken(path, f"{sentence}; give it in env, or in data.{name}.env")


def _strange_data(what: schema.Document, where: schema.Document) -> Iterable[Broken]:
    """Migrations of the shipped commit that change what HEAD does not declare as data."""
    if what.migrations is None:
        return
    named = derive.migrated(what.migrations, where)
    if named in where.data and where.data[named].driver != "files":
        return
    databases = ", ".join(derive.databases(where)) or "none is declared"
    if what.migrations.data is not None:
        yield Broken(("migrations", "data"), f"should name a database of [data.*] ({databases}), found {shown(named)}")
    else:
        yield Broken(("migrations",), f"should say whose they are: data names a database of [data.*] ({databases})")


def _data(name: str, data: schema.Data, environment: str) -> intent.Data:
    return intent.Data(
        name=name,
        driver=data.driver,
        url=derive.variable(data, "url"),
        admin_url=derive.variable(data, "admin_url"),
        path=data.path or "",
        roles=tuple(data.roles),
        env=dict(data.env),
        leave_out=tuple(data.leave_out),
        points=data.points,
        keep=data.keep,
        keep_days=data.keep_days,
        schedule=data.schedule,
        timezone=data.timezone,
        timeout_seconds=data.timeout_seconds,
        copies=tuple(intent.Copies(one.to, one.keep) for one in data.copies if environment in one.environments or not one.environments),
        mask=dict(data.mask),
    )


def _environment(
    name: str, written: schema.Environment, head: schema.Document, what: schema.Document, sealed: Mapping[str, str]
) -> intent.Environment:
    return intent.Environment(
        name=name,
        hosts=tuple(_host(host, _roles(what, head)) for host in written.hosts),
        domains=tuple(written.domains),
        tls=intent.Tls(written.tls.issuer, written.tls.acme or "", written.tls.ca or "", written.tls.email or ""),
        requires=intent.Requires(written.requires.clean, written.requires.branch, tuple(written.requires.checks)),
        env={**written.env, **{variable: intent.Reference(file=file) for variable, file in sealed.items()}},
        key_pages=tuple(_page(page) for page in written.key_pages),
        confirm_seconds=written.confirm_seconds,
        lease_seconds=written.lease_seconds,
        watch_seconds=written.watch_seconds,
        keep_releases=written.keep_releases,
        keep_warm_seconds=written.keep_warm_seconds,
        notify=tuple(_notify(notify) for notify in written.notify),
        strategy=written.strategy,
        batch_hosts=written.batch_hosts,
        floor_hosts=written.floor_hosts,
        data=tuple(_data(one, data, name) for one, data in head.data.items()),
    )


def _notify(notify: schema.Notify) -> intent.Notify:
    mail = notify.email
    email = intent.Email(tuple(mail.to), mail.sender, mail.server, mail.password) if mail is not None else None
    return intent.Notify(tuple(notify.on), notify.webhook, email, notify.command)


def _roles(document: schema.Document, head: schema.Document) -> tuple[str, ...]:
    """Every role that something asks for: what a host without roles has."""
    asked = [process.roles for process in document.process.values()] + [task.roles for task in document.task]
    asked += [data.roles for data in head.data.values()]
    return tuple(sorted({role for roles in asked for role in roles}))


def _host(host: schema.Host, every_role: tuple[str, ...]) -> intent.Host:
    name = derive.host_name(host)
    assert name is not None, "validation refuses a host without a name"
    return intent.Host(name, host.address, tuple(host.roles) or every_role, host.root, host.listen, host.peer)


def _shipment(document: schema.Document, head: schema.Document) -> intent.Shipment:
    return intent.Shipment(
        app=document.app,
        processes=tuple(_process(name, process) for name, process in document.process.items()),
        tasks=tuple(_task(task) for task in document.task if task.schedule is None),
        toolchain=tuple(
            intent.Tool(name, tool.version, tool.mirror)
            for name, tool in (("node", document.toolchain.node), ("python", document.toolchain.python))
            if tool is not None
        ),
        jobs=tuple(_job(task, task.schedule) for task in document.task if task.schedule is not None),
        build=intent.Build(
            tuple(document.build.run),
            tuple(document.build.outputs),
            dict(document.build.env),
            document.build.timeout_seconds,
            document.build.on,
        ),
        shared=tuple(document.shared),
        static=document.static,
        assets=tuple(document.assets),
        env=dict(document.env),
        migrations=_migrations(document.migrations, head) if document.migrations is not None else None,
    )


def _migrations(written: schema.Migrations, head: schema.Document) -> intent.Migrations:
    return intent.Migrations(
        adapter=written.adapter,
        data=derive.migrated(written, head),
        run=written.run or derive.RUNS.get(written.adapter),
        show=written.show,
        reverse=written.reverse,
        path=written.path or derive.PATHS.get(written.adapter, ""),
        directory=written.directory,
        held=written.held,
        hold_seconds=written.hold_seconds,
        lock_seconds=written.lock_seconds,
        refuse=tuple(written.refuse),
        timeout_seconds=written.timeout_seconds,
    )


def _process(name: str, process: schema.Process) -> intent.Process:
    return intent.Process(
        name=name,
        run=process.run,
        roles=tuple(process.roles),
        instances=process.instances,
        listens=derive.listens(name, process),
        health=intent.Health(_page(process.health), process.health.within_seconds) if process.health else None,
        drain_seconds=process.drain_seconds,
        overlap=process.overlap,
        steady_seconds=process.steady_seconds,
        directory=process.directory,
        env=dict(process.env),
    )


def _task(task: schema.Task) -> intent.Task:
    return intent.Task(
        name=task.name,
        run=task.run,
        phase=task.phase,
        roles=tuple(task.roles),
        once=task.once,
        timeout_seconds=task.timeout_seconds,
        directory=task.directory,
        env=dict(task.env),
        check=task.check,
        undo=task.undo,
        outputs=tuple(task.outputs),
    )


def _job(task: schema.Task, schedule: str) -> intent.Job:
    return intent.Job(
        name=task.name,
        run=task.run,
        schedule=schedule,
        timezone=task.timezone,
        catch_up=task.catch_up,
        roles=tuple(task.roles),
        timeout_seconds=task.timeout_seconds,
        directory=task.directory,
        env=dict(task.env),
    )


def _page(page: schema.Page) -> intent.Page:
    return intent.Page(page.path, page.status, page.contains, page.timeout_seconds)
