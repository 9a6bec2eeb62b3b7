"""Nothing in, the one declaration of shipway.toml out: validation, JSON Schema, reference page and template are made from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shipway.config import forms


def _table_of(key: str) -> Callable[[Any], Any]:
    """A bare string stands for a table with only this key."""
    return lambda value: {key: value} if isinstance(value, str) else value


class Table(BaseModel):
    """A table of the file: only known keys, never changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Table):
    """A page to ask for, and what a good answer is."""

    path: forms.PagePath = Field(description="What to ask for, with its query.", examples=["/up"])
    status: forms.Status = Field(
        default=(200,), description="The status, or the list of those, that a good answer has.", examples=[[200, 204]]
    )
    contains: forms.Text | None = Field(default=None, description="Text that a good answer's body holds.", examples=["ok"])
    timeout_seconds: forms.Timeout = Field(default=5.0, description="An answer that takes longer is a bad one.", examples=[2])


class Health(Page):
    """When a new process counts as healthy: its page answers well, at the very address that the proxy will dial."""

    within_seconds: forms.SomeSeconds = Field(
        default=60.0, description="A process that is not healthy this long after its start has failed.", examples=[20]
    )


Env: TypeAlias = dict[forms.EnvName, forms.EnvValue]
PlainEnv: TypeAlias = dict[forms.EnvName, forms.PlainValue]
PageText: TypeAlias = Annotated[Page, BeforeValidator(_table_of("path"), json_schema_input_type=forms.PagePath | Page)]
HealthText: TypeAlias = Annotated[Health, BeforeValidator(_table_of("path"), json_schema_input_type=forms.PagePath | Health)]


class Build(Table):
    """Commands that run once per release, in a clean checkout of the commit outside your own; what they make joins the release.

    They see PATH, HOME, the language, proxy and package registry settings of your own environment, and `env`; nothing else.
    """

    run: list[forms.Command] = Field(
        default=[], description="The commands, in order, in the shipped directory.", examples=[["npm ci", "npm run build"]]
    )
    outputs: list[forms.RelativePath] = Field(
        default=[], description="What they make: files or directories that join the release.", examples=[["public/build"]]
    )
    on: forms.Address = Field(
        default="local",
        description='Where they run: "local" is the machine where you type; else the address of a build host, as ssh understands it.',
        examples=["ci@10.0.0.9"],
    )
    env: PlainEnv = Field(
        default={},
        description="Their environment, beside the names above. Strings only: a secret would lie in what is built.",
        examples=[{"NODE_ENV": "production"}],
    )
    timeout_seconds: forms.SomeSeconds = Field(
        default=1800.0, description="A command that takes longer is stopped, and the build has failed.", examples=[600]
    )


class Tool(Table):
    """A language's programs. A string is the version."""

    version: forms.ToolVersion = Field(
        description="The version: all of it, or its first numbers for the newest of those, as it is when it is deployed.", examples=["22"]
    )
    mirror: forms.Mirror | None = Field(
        default=None,
        description="Where its archives are, as at nodejs.org/dist for node, and at the releases of python-build-standalone for python.",
        examples=["https://mirror.example.org/dist"],
    )


def _tool(value: Any) -> Any:
    """A number too is meant as a version: the fault is that it has no quotes, for 3.10 is no number."""
    return {"version": value} if isinstance(value, str | int | float) else value


ToolText: TypeAlias = Annotated[Tool, BeforeValidator(_tool, json_schema_input_type=forms.ToolVersion | Tool)]


class Toolchain(Table):
    """Programs that travel with the application: hosts need not have them, and it is the same ones everywhere.

    Your machine fetches them, verifies them, and sends each host what it lacks. They come first in the PATH of processes, tasks and builds.
    """

    node: ToolText | None = Field(default=None, description="Node.js, with npm.", examples=["22"])
    python: ToolText | None = Field(default=None, description="CPython, with pip.", examples=["3.12"])


class Process(Table):
    """A long-running command of the app.

    It listens when its command names $SOCKET or $PORT; `web`, or one with `health`, gets PORT in any case.
    """

    run: forms.Command = Field(
        description="The command. A string is run by /bin/sh -c; a list runs without a shell, with $PORT and $SOCKET replaced.",
        examples=["gunicorn shop.wsgi --bind unix:$SOCKET"],
    )
    roles: list[forms.Name] = Field(
        default=[], description="Hosts with one of these roles run it; none means every host.", examples=[["web"]]
    )
    instances: forms.Instances = Field(
        default=1, description=f"Running copies per host; at most {forms.SLOTS} when it listens.", examples=[2]
    )
    health: HealthText | None = Field(
        default=None,
        description="The page that tells whether it is healthy; without it, accepting a connection is enough. A string is its path.",
        examples=[{"path": "/up", "contains": "ok"}],
    )
    drain_seconds: forms.Seconds = Field(
        default=30.0, description="How long an old process may go on with what it has begun.", examples=[1200]
    )
    overlap: forms.Flag = Field(
        default=True, description="false: the old one is stopped before the new one starts. Not for one that listens.", examples=[False]
    )
    steady_seconds: forms.Seconds = Field(
        default=1.0,
        description="How long one that does not listen must have run to count as up. 0: that it was started and lives is enough.",
        examples=[0.1],
    )
    directory: forms.Directory = Field(default=".", description="Where it runs, inside the shipped directory.", examples=["server"])
    env: Env = Field(default={}, description="Its own environment, over `env` of the app and the environment.", examples=[{"WORKERS": "2"}])


class Task(Table):
    """A command that ends. Prepare tasks run before users can see anything; activate tasks while the old release serves.

    One with a `schedule` is a periodic job.
    """

    name: forms.Name = Field(description="Its name in output, journal and report.", examples=["migrate"])
    run: forms.Command = Field(description="The command, as for a process.", examples=["python manage.py migrate --noinput"])
    phase: forms.Phase = Field(default="prepare", description="When it runs.", examples=["activate"])
    roles: list[forms.Name] = Field(
        default=[], description="Hosts with one of these roles run it; none means every host.", examples=[["db"]]
    )
    once: forms.Flag = Field(default=False, description="true: exactly one host of the environment runs it.", examples=[True])
    timeout_seconds: forms.SomeSeconds = Field(
        default=600.0, description="A task that takes longer is stopped, and has failed.", examples=[60]
    )
    directory: forms.Directory = Field(default=".", description="Where it runs, inside the shipped directory.", examples=["server"])
    env: Env = Field(
        default={},
        description="Its own environment, over `env` of the app and the environment.",
        examples=[{"PGOPTIONS": "-c lock_timeout=2s"}],
    )
    check: forms.Command | None = Field(
        default=None,
        description="A command that ends with 0 when the task has already been done, so that it is skipped.",
        examples=["python manage.py migrate --check"],
    )
    undo: forms.Command | None = Field(
        default=None, description="The command that takes it back when the deployment fails.", examples=["rm -f ready"]
    )
    schedule: forms.Schedule | None = Field(
        default=None,
        description="Five fields as in a crontab, or @daily and its like: it is a periodic job then, and no step of a deployment. It runs "
        "on one host, from what serves, and is ended at `timeout_seconds`. A run goes on across a deployment; one that is due while it "
        "still runs is left out.",
        examples=["0 3 * * *"],
    )
    timezone: forms.TimeZone = Field(default="UTC", description="Where the clock is that `schedule` means.", examples=["Europe/Berlin"])
    catch_up: forms.Flag = Field(
        default=False,
        description="true: one run makes up for what was due while its host was down, or for one that the host went down under. "
        "Only where twice does no harm.",
        examples=[True],
    )
    outputs: list[forms.RelativePath] = Field(
        default=[],
        description="Directories that it writes inside the release. On a host each is a link to a place beside the release; what wants "
        "a real directory finds it with readlink: `python3 -m venv $(readlink -f .venv)`.",
        examples=[[".venv"]],
    )


class Host(Table):
    """A machine that ssh reaches, or a directory on this one (`local`). A string is its address."""

    address: forms.Address = Field(description='How to reach it: what ssh understands, or "local".', examples=["deploy@10.0.0.1"])
    name: forms.Name | None = Field(
        default=None, description="Its name in output and history. Default: the host part of the address.", examples=["a"]
    )
    roles: list[forms.Name] = Field(
        default=[], description="Which processes and tasks it runs; none means all of them.", examples=[["web", "db"]]
    )
    root: forms.Root | None = Field(
        default=None,
        description="The directory that holds everything of the app. Default: ~/.shipway/apps/APP-ENVIRONMENT. A local host must have one.",
        examples=["~/.shipway/a"],
    )
    listen: forms.Listen | None = Field(
        default=None, description="Where its proxy takes requests. A local host must have one.", examples=["127.0.0.1:8081"]
    )
    peer: forms.Peer | None = Field(
        default=None, description="Where other hosts reach it. Default: what they find.", examples=["192.168.1.5"]
    )


HostText: TypeAlias = Annotated[Host, BeforeValidator(_table_of("address"), json_schema_input_type=forms.Address | Host)]


class Requires(Table):
    """What must hold before a deployment begins; otherwise it is refused with every unmet requirement named."""

    clean: forms.Flag = Field(
        default=True,
        description="Nothing modified, staged or untracked in the shipped directory, unless --ref names the commit.",
        examples=[False],
    )
    branch: forms.Branch | None = Field(default=None, description="The commit must be on this branch.", examples=["main"])
    checks: list[forms.Command] = Field(
        default=[], description="Commands that must end with 0 in a clean checkout of the commit.", examples=[["pytest -q"]]
    )


class Email(Table):
    """A mail to people, through a server that the hosts reach. STARTTLS with a verified certificate, except to the host itself."""

    to: list[forms.Mailbox] = Field(description="Who gets it.", examples=[["ops@example.org"]], min_length=1)
    sender: forms.Mailbox = Field(description="Whose mail it is.", examples=["shipway@example.org"])
    server: forms.MailServer = Field(
        description="The server: smtp:// (587, STARTTLS) or smtps:// (465), with its user.",
        examples=["smtp://shipway@mail.example.org:587"],
    )
    password: forms.Password | None = Field(
        default=None, description="The password of the server's user.", examples=[{"env": "SMTP_PASSWORD"}]
    )


class Notify(Table):
    """Who is told how a deployment ended: one of `webhook`, `email` and `command`.

    The hosts tell it, not the machine where you type: the lead for all of them, another host for itself. They try for a day.
    """

    webhook: forms.Webhook | None = Field(
        default=None,
        description="A URL that gets JSON: `text` with the words, as Slack and those like it show them, and `shipway` with every fact.",
        examples=[{"env": "SLACK_URL"}],
    )
    email: Email | None = Field(
        default=None,
        description="A mail.",
        examples=[{"to": ["ops@example.org"], "sender": "shipway@example.org", "server": "smtp://mail.example.org"}],
    )
    command: forms.Command | None = Field(
        default=None, description="A command on the host; it reads the same JSON on its stdin.", examples=[["/usr/local/bin/page"]]
    )
    on: forms.Occasions = Field(
        default=("failure",),
        description="When it is told. What went live and left a host out is told on either occasion.",
        examples=[["failure", "success"]],
    )


class Tls(Table):
    """Who gives the certificates of the domains. A string is the issuer."""

    issuer: forms.Issuer = Field(
        default="acme",
        description='"acme": Let\'s Encrypt, or the authority at `acme`; the domains must reach ports 80 and 443 of the hosts. "internal": '
        'an authority of each host\'s own, which nobody trusts by itself. "off": none, for hosts behind what has them.',
        examples=["internal"],
    )
    acme: forms.AcmeUrl | None = Field(
        default=None,
        description="The directory of another authority than Let's Encrypt.",
        examples=["https://ca.example.org/acme/local/directory"],
    )
    ca: forms.RelativePath | None = Field(
        default=None,
        description="A file of the repository, beside shipway.toml, with the certificates by which the hosts know that authority (PEM). "
        "Default: whom they trust anyway.",
        examples=["deploy/ca.pem"],
    )
    email: forms.Mailbox | None = Field(
        default=None, description="Where the authority writes to when something is wrong.", examples=["ops@example.org"]
    )


TlsText: TypeAlias = Annotated[Tls, BeforeValidator(_table_of("issuer"), json_schema_input_type=forms.Issuer | Tls)]


class Copies(Table):
    """Another place that gets a copy of each restore point: sent by the host itself behind the verdict, read back there, tried for a day.

    Below it they are `APP/ENVIRONMENT/NAME/POINT.tar`. Keys of S3 are variables that the data or the application has:
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL.
    """

    to: forms.Destination = Field(
        description="A directory that is mounted on the host, another host that its user may log in to, or a bucket of S3.",
        examples=["backup@10.0.0.9:/srv/backup"],
    )
    keep: forms.Releases = Field(default=30, description="How many copies stay there.", examples=[90])
    environments: list[forms.Name] = Field(
        default=[], description="Only points of these environments go there; none means all.", examples=[["production"]]
    )


CopiesText: TypeAlias = Annotated[Copies, BeforeValidator(_table_of("to"), json_schema_input_type=forms.Destination | Copies)]


class Data(Table):
    """What must not be lost: a database, or files. Restore points of it are taken by one host, and kept there."""

    driver: forms.Driver = Field(description="What it is: postgres, sqlite or files.", examples=["postgres"])
    url: forms.Variable | None = Field(
        default=None,
        description="postgres: the variable that holds its URL, of the application's `env` or of `env` here. Default: $DATABASE_URL.",
        examples=["$DATABASE_URL"],
    )
    admin_url: forms.Variable | None = Field(
        default=None,
        description="postgres: the same of a user who may make and rename databases, where that of the application may not.",
        examples=["$ADMIN_URL"],
    )
    path: forms.RelativePath | None = Field(
        default=None, description="sqlite and files: where it is, at or below a path of `shared`.", examples=["var/db.sqlite3"]
    )
    roles: list[forms.Name] = Field(
        default=[], description="The first host with one of these roles takes the points; none means the first host.", examples=[["db"]]
    )
    env: Env = Field(
        default={},
        description="Variables that only its copies and restores see, on that one host.",
        examples=[{"ADMIN_URL": {"command": ["op", "read", "op://shop/database/admin"]}}],
    )
    leave_out: list[forms.Text] = Field(
        default=[],
        description="What copies go without: rows of tables (postgres), paths below `path` (files).",
        examples=[["public.sessions"]],
    )
    points: forms.Occasion = Field(
        default="changes",
        description='When a deployment takes one: "changes" before activate tasks, "always" before any switch, "never".',
        examples=["always"],
    )
    keep: forms.Releases = Field(default=5, description="How many restore points stay.", examples=[10])
    keep_days: forms.Days | None = Field(
        default=None,
        description="Older ones go, as well as those that are more than `keep`. The newest stays, and what a release here may go back to.",
        examples=[30],
    )
    schedule: forms.Schedule | None = Field(
        default=None, description="Five fields as in a crontab, or @daily and its like: points are taken then too.", examples=["0 3 * * *"]
    )
    timezone: forms.TimeZone = Field(default="UTC", description="Where the clock is that `schedule` means.", examples=["Europe/Berlin"])
    timeout_seconds: forms.SomeSeconds = Field(
        default=3600.0, description="A copy that takes longer is ended, and has failed.", examples=[600]
    )
    copies: list[CopiesText] = Field(
        default=[],
        description="Other places that get a copy of each point.",
        examples=[["/mnt/backup", {"to": "s3://bucket/prefix", "keep": 90}]],
    )
    mask: dict[forms.Column, forms.Expression] = Field(
        default={},
        description="postgres and sqlite: what `shipway data export` writes in place of a column's values, an expression of SQL.",
        examples=[{"public.users.email": "'user' || id || '@example.invalid'", "public.users.phone": "null"}],
    )


class Migrations(Table):
    """How the schema of a database changes with a release: once, by the host that keeps its restore points, under a lock in that database.

    A comment `shipway: contract` in a migration's file has it run once the old release is gone, `shipway: held` while requests wait.
    """

    adapter: forms.Adapter = Field(
        description='What they are written for: "django", "alembic", "sql" for numbered files of SQL, "commands" for anything else.',
        examples=["django"],
    )
    data: forms.Name | None = Field(
        default=None, description="The [data.NAME] that they change. Default: the only database there.", examples=["main"]
    )
    run: forms.Command | None = Field(
        default=None,
        description="django: what runs its management commands, by default `python manage.py`. alembic: by default `alembic`. "
        "commands: what applies the migration $MIGRATION.",
        examples=[".venv/bin/python manage.py"],
    )
    show: forms.Command | None = Field(
        default=None,
        description="commands: prints every migration of the release, a line each and in order; those that are applied begin with "
        "`applied `. A line may go on with `irreversible`, `destructive`, `contract`.",
        examples=["bin/migrations"],
    )
    reverse: forms.Command | None = Field(
        default=None, description="commands: takes the migration $MIGRATION back.", examples=["bin/migrate-back"]
    )
    path: forms.RelativePath | None = Field(
        default=None,
        description="sql: the directory of NUMBER_name.sql, each with its NUMBER_name.down.sql where it can be taken back; by default "
        "`migrations`. alembic: the directory of its versions, by default what alembic.ini says.",
        examples=["db/migrations"],
    )
    directory: forms.Directory = Field(default=".", description="Where they run, inside the shipped directory.", examples=["server"])
    held: forms.Flag = Field(
        default=False,
        description="true: all of them run while requests wait at the front door, so that a failure brings back every row as it was.",
        examples=[True],
    )
    hold_seconds: forms.HoldSeconds = Field(
        default=60, description="How long a request waits for held ones at most; then it gets a page that says so.", examples=[120]
    )
    lock_seconds: forms.SomeSeconds = Field(
        default=10.0,
        description="How long a statement waits for a lock that the running application has; then it has failed. PostgreSQL only.",
        examples=[2],
    )
    refuse: list[forms.Objection] = Field(
        default=[],
        description='Pending ones that are not deployed: "breaking" (the release that serves cannot live with them), "destructive", '
        '"irreversible".',
        examples=[["breaking", "irreversible"]],
    )
    timeout_seconds: forms.SomeSeconds = Field(
        default=600.0,
        description="Migrations of one phase that take longer together are stopped, and have failed.",
        examples=[3600],
    )


class Environment(Table):
    """A named set of hosts and settings. It is read from HEAD, whichever commit is shipped."""

    hosts: list[HostText] = Field(
        description="Its hosts: tables, or addresses.", examples=[["deploy@10.0.0.1", "deploy@10.0.0.2"]], min_length=1
    )
    domains: list[forms.Domain] = Field(
        default=[],
        description="The names that the proxy answers to; none means any name. Where they are given, the proxy takes requests at :443 with "
        "certificates that it gets and renews by itself, and sends who comes to :80 there; unless a host says `listen`, or `tls` is off.",
        examples=[["shop.example.org"]],
    )
    tls: TlsText = Field(
        default=Tls(), description="Who gives the certificates of the domains. A string is the issuer.", examples=["internal", "off"]
    )
    requires: Requires = Field(default=Requires(), description="What must hold before a deployment begins.", examples=[{"branch": "main"}])
    env: Env = Field(
        default={},
        description="Environment of every process and task here, over the app's `env`. A value that nobody may see is a table instead of a "
        "string: `command` prints it (a string for /bin/sh, or a list; on your machine, in the directory of shipway.toml, with your "
        "environment and no terminal, within `timeout_seconds`), or `env` names the variable of your own environment that holds it.",
        examples=[{"DEBUG": "0", "DATABASE_URL": {"command": ["op", "read", "op://shop/database/url"]}}],
    )
    key_pages: list[PageText] = Field(
        default=[],
        description="Pages that the front door must answer well before a release is called live. A string is a path.",
        examples=[["/", {"path": "/login", "status": 200, "contains": "Sign in"}]],
    )
    confirm_seconds: forms.SomeSeconds = Field(
        default=60.0, description="The hosts undo a switch by themselves when nobody confirms it for this long.", examples=[60]
    )
    lease_seconds: forms.SomeSeconds = Field(
        default=30.0, description="How long a silent operator keeps others from deploying.", examples=[30]
    )
    watch_seconds: forms.Seconds = Field(default=5.0, description="The new release is watched this long before the decision.", examples=[5])
    keep_releases: forms.Releases = Field(default=5, description="How many proved releases stay on the hosts.", examples=[5])
    keep_warm_seconds: forms.Seconds = Field(
        default=0.0,
        description="How long the old processes that listen stay after a deployment: a rollback within that time starts nothing.",
        examples=[600],
    )
    notify: list[Notify] = Field(
        default=[], description="Who is told how a deployment ended.", examples=[[{"webhook": {"env": "SLACK_URL"}, "on": ["failure"]}]]
    )
    strategy: forms.Strategy = Field(
        default="together",
        description='"together": all hosts switch at once. "rolling": batch by batch, each proved before the next begins; one decision '
        "at the end, and a batch that fails undoes them all. A rollback always goes together.",
        examples=["rolling"],
    )
    batch_hosts: forms.BatchHosts = Field(default=1, description="Rolling: how many hosts switch at a time.", examples=[2])
    floor_hosts: forms.FloorHosts = Field(
        default=1,
        description="Rolling: how many hosts outside a batch must be proved to serve right before it begins; else all is undone.",
        examples=[2],
    )


class Document(Table):
    """One app: what is shipped, how it is built and run, and where."""

    app: forms.Name = Field(description="The app's name.", examples=["shop"])
    subdirectory: forms.Directory = Field(
        default=".", description="What is shipped, relative to the directory of this file.", examples=["server"]
    )
    shared: list[forms.RelativePath] = Field(default=[], description="Directories that outlive releases.", examples=[["media"]])
    static: forms.RelativePath | None = Field(
        default=None,
        description="A directory whose files the proxy itself serves, compressed, before the application is asked. Browsers may keep a "
        "file with a hash of its content in its name (app.8f3a2b1c.js) for a year; for any other they ask each time whether it changed.",
        examples=["public"],
    )
    assets: list[forms.RelativePath] = Field(
        default=[],
        description="Directories inside `static` whose files stay reachable for as long as their release is on the hosts, so that a page "
        "that is open finds its own. Every name in them must change with the content: browsers may keep them all for a year.",
        examples=[["public/assets"]],
    )
    env: Env = Field(
        default={}, description="Environment of every process and task.", examples=[{"DJANGO_SETTINGS_MODULE": "shop.settings"}]
    )
    build: Build = Field(
        default=Build(), description="What runs once, before anything is sent.", examples=[{"run": ["make"], "outputs": ["dist"]}]
    )
    toolchain: Toolchain = Field(
        default=Toolchain(), description="Programs that travel with the application, by name.", examples=[{"node": "22"}]
    )
    process: dict[forms.Name, Process] = Field(
        default={},
        description="The long-running commands, by name. The front door leads to `web`, or to the only one that listens.",
        examples=[],
    )
    task: list[Task] = Field(default=[], description="The commands that end, in the order in which they run.", examples=[])
    migrations: Migrations | None = Field(
        default=None, description="How the schema of a database changes with a release.", examples=[{"adapter": "sql"}]
    )
    data: dict[forms.Name, Data] = Field(default={}, description="What must not be lost, by name. It is read from HEAD.", examples=[])
    environment: dict[forms.Name, Environment] = Field(default={}, description="Where it runs, by name.", examples=[])
