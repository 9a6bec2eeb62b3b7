"""Every message of validation, each with the smallest file that earns it. This list is the manual of what a file may not say."""

from __future__ import annotations

import pytest

from shipway.config.load import load
from shipway.config.resolve import resolve
from shipway.model.errors import WrongInput

NAME = "a name of lower-case letters, digits and dashes, at most 63 long"
COMMAND = "a command: a string for /bin/sh, or a list of strings to run without a shell"
PATH = "a path inside the shipped directory, such as public/build"
ADDRESS = '"local", or what ssh understands: an alias, user@host or ssh://user@host:port, of letters, digits and . _ - : @ / [ ] +'
VALUE = 'a string (put numbers and true or false in quotes), or { command = "…" } or { env = "NAME" } for one that nobody may see'
REFERENCE = '{ command = "…" }, with timeout_seconds where 30 are not enough, or { env = "NAME" }'
WEB = '[process.web]\nrun = "serve"\n'
APP = 'app = "shop"\n'
HOST = 'hosts = ["a"]\n'


def environment(line: str) -> str:
    """A file whose line 5 is `line`, in an environment that is otherwise valid."""
    return f"{APP}{WEB}[environment.production]\n{line}\n{'' if line.startswith('hosts') else HOST}"


def hosts(*items: str) -> str:
    """A file whose hosts stand on line 5."""
    return environment(f"hosts = [{', '.join(items)}]")


def job(*lines: str) -> str:
    """A file whose line 7 begins these keys of a task."""
    return f"{APP}{WEB}[[task]]\nname = 'x'\nrun = 'x'\n" + "\n".join(lines)


N = "environment.production.notify[0]"


def notify(lines: str) -> str:
    """A file whose line 7 begins a notification of the environment."""
    return environment(f"{HOST}[[environment.production.notify]]\n{lines}").replace(f"\n{HOST}{HOST}", f"\n{HOST}")


def mailed(to: str = "a@b.example", server: str = "smtp://h", password: str = "") -> str:
    """The same with a mail."""
    last = f", password = {password}" if password else ""
    return notify(f'email = {{ to = ["{to}"], sender = "c@d.example", server = "{server}"{last} }}')


CASES: list[tuple[str, str]] = [
    # ------------------------------------------------------------------- the file
    ("", f"1: app: is missing; should be {NAME}"),
    (f"{WEB}", f"1: app: is missing; should be {NAME}"),
    (f"{APP}", "1: process: is missing; should be a table for each command to run, or static should name files to serve"),
    (f"{APP}{WEB}app = ", "4: is not TOML: "),
    (f"{APP}x y\n", "2: is not TOML: "),
    (f"{APP}{APP}{WEB}", "2: app: is written twice; first on line 1"),
    (f"{APP}{WEB}{WEB}", "4: process.web: is written twice; first on line 2"),
    (f"{APP}[process]\nweb.run = 'x'\nweb.run = 'y'", "4: process.web.run: is written twice; first on line 3"),
    (f"{APP}{WEB}[deep]\nx = {'[' * 40}{']' * 40}", "5: nests deeper than 32 levels"),
    (f"{APP}{WEB}# \0", "4: holds a NUL byte; is it a text file?"),
    (f"\ufeff{APP}{WEB}", "1: starts with a byte order mark; save it as UTF-8 without one"),
    (f"{APP}x = {'9' * 5000}", "1: is not TOML: "),
    # --------------------------------------------------------------- unknown keys
    (f"{APP}drain_secnds = 3\n{WEB}", "2: drain_secnds: is not a known key; the nearest is drain_seconds in process.NAME"),
    (f"{APP}domains = []\n{WEB}", "2: domains: is not a known key here; it belongs in environment.NAME"),
    (f"{APP}{WEB}instance = 2", "4: process.web.instance: is not a known key; the nearest is instances"),
    (f"{APP}{WEB}Drain_Seconds = 2", "4: process.web.Drain_Seconds: is not a known key; the nearest is drain_seconds"),
    (f"{APP}[environments.x]\n{WEB}", "2: environments: is not a known key; the nearest is environment"),
    (f"{APP}[processes.web]\nrun = 'x'\n", "2: processes: is not a known key; the nearest is process"),
    (f"{APP}[[tasks]]\nname = 'x'\n{WEB}", "2: tasks: is not a known key; the nearest is task"),
    (
        f"{APP}{WEB}command = 'x'",
        "4: process.web.command: is not a known key; known here: directory, drain_seconds, env, health, instances, overlap, roles, run, "
        "steady_seconds",
    ),
    (f'{APP}{WEB}"\\u001b[31m" = 1', '4: process.web."\\u001b[31m": is not a known key; known here: directory,'),
    (
        environment("requires = { branches = 'main' }"),
        "5: environment.production.requires.branches: is not a known key; the nearest is branch",
    ),
    (hosts("{ address = 'a', role = ['x'] }"), "5: environment.production.hosts[0].role: is not a known key; the nearest is roles"),
    # ---------------------------------------------------------------------- names
    (f"app = 'Shop'\n{WEB}", f'1: app: should be {NAME}, found "Shop"'),
    (f"app = 'shop\u0441'\n{WEB}", f'1: app: should be {NAME}, found "shop\\u0441"'),
    (f"app = '-shop'\n{WEB}", f'1: app: should be {NAME}, found "-shop"'),
    (f'app = "shop\\n"\n{WEB}', f'1: app: should be {NAME}, found "shop\\n"'),
    (f"app = '{'a' * 64}'\n{WEB}", f'1: app: should be {NAME}, found "{"a" * 57}..."'),
    (f"app = 3\n{WEB}", f"1: app: should be {NAME}, found 3"),
    (f"app = true\n{WEB}", f"1: app: should be {NAME}, found true"),
    (f"app = 2020-01-01\n{WEB}", f"1: app: should be {NAME}, found a date or time"),
    (f"app = {{}}\n{WEB}", f"1: app: should be {NAME}, found a table"),
    (f"{APP}[process.Web]\nrun = 'x'", f'2: process.Web: should be {NAME}, found "Web"'),
    (f"{APP}[process.'a;id']\nrun = 'x'", f'2: process."a;id": should be {NAME}, found "a;id"'),
    (f"{APP}{WEB}[environment.'../x']\n{HOST}", f'4: environment."../x": should be {NAME}, found "../x"'),
    (f"{APP}{WEB}[[task]]\nrun = 'x'\nname = 'a b'", f'6: task[0].name: should be {NAME}, found "a b"'),
    (f"{APP}{WEB}roles = ['Web']", f'4: process.web.roles[0]: should be {NAME}, found "Web"'),
    (f"{APP}{WEB}roles = 'web'", '4: process.web.roles: should be a list, found "web"'),
    # ---------------------------------------------------------------- environment
    (f"{APP}env = 3\n{WEB}", "2: env: should be a table, found 3"),
    (f"{APP}env = {{ '9X' = 'a' }}\n{WEB}", '2: env.9X: should be a variable\'s name of letters, digits and underscores, found "9X"'),
    (f"{APP}env = {{ 'A=B' = 'a' }}\n{WEB}", '2: env."A=B": should be a variable\'s name of letters, digits and underscores, found "A=B"'),
    (f"{APP}env = {{ PORT = '1' }}\n{WEB}", '2: env.PORT: may not be set here: Shipway sets it for every process, found "PORT"'),
    (f"{APP}{WEB}env = {{ SHIPWAY_X = '1' }}\n", "4: process.web.env.SHIPWAY_X: may not be set here: Shipway sets it for every process"),
    (f"{APP}env = {{ A = 1 }}\n{WEB}", f"2: env.A: should be {VALUE}, found a number"),
    (f"{APP}env = {{ A = true }}\n{WEB}", f"2: env.A: should be {VALUE}, found true"),
    (f"{APP}env = {{ A = {{ cmd = 'op read x' }} }}\n{WEB}", f"2: env.A: should be {REFERENCE}, found a table"),
    (f"{APP}env = {{ A = {{ command = 'a', env = 'B' }} }}\n{WEB}", f"2: env.A: should be {REFERENCE}, found a table"),
    (f"{APP}env = {{ A = {{ env = 'B', timeout_seconds = 3 }} }}\n{WEB}", f"2: env.A: should be {REFERENCE}, found a table"),
    (f"{APP}env = {{ A = {{}} }}\n{WEB}", f"2: env.A: should be {REFERENCE}, found a table"),
    (
        f"{APP}env = {{ A = {{ command = [] }} }}\n{WEB}",
        "2: env.A: should have a command that is a string for /bin/sh, or a list of strings, found a table",
    ),
    (
        f"{APP}env = {{ A = {{ command = 'a', timeout_seconds = 0 }} }}\n{WEB}",
        "2: env.A: should have timeout_seconds that are a number of seconds from 1 to 600, found a table",
    ),
    (f"{APP}env = {{ A = {{ env = 'not a name' }} }}\n{WEB}", "2: env.A: should name a variable of letters, digits and underscores"),
    (
        f"{APP}{WEB}[build]\nrun = ['make']\noutputs = ['out']\nenv = {{ A = {{ env = 'B' }} }}",
        "7: build.env.A: should be a string (put numbers and true or false in quotes), found a table",
    ),
    (
        f'{APP}env = {{ A = "secret\\u0000" }}\n{WEB}',
        "2: env.A: may not hold a NUL character: no process can receive one, found a string of 7",
    ),
    (
        f"{APP}env = {{ A = '{'x' * 100_001}' }}\n{WEB}",
        "2: env.A: may be at most 100,000 bytes long: the kernel takes no more in one variable",
    ),
    # ---------------------------------------------------------------------- paths
    (f"{APP}subdirectory = '../x'\n{WEB}", '2: subdirectory: may not leave the shipped directory with .., found "../x"'),
    (f"{APP}subdirectory = '/srv'\n{WEB}", '2: subdirectory: should be relative to the shipped directory, found "/srv"'),
    (f"{APP}subdirectory = ''\n{WEB}", '2: subdirectory: should be a directory inside the shipped one, or ".", found ""'),
    (f"{APP}static = '~/x'\n{WEB}", '2: static: should be relative to the shipped directory, found "~/x"'),
    (f"{APP}static = '.'\n{WEB}", f'2: static: should be {PATH}, found "."'),
    (f"{APP}static = 'a//b'\n{WEB}", f'2: static: should be {PATH}, found "a//b"'),
    (f"{APP}static = 'a/.GIT'\n{WEB}", f'2: static: should be {PATH}, found "a/.GIT"'),
    (f'{APP}static = "a\\nb"\n{WEB}', f'2: static: should be {PATH}, found "a\\nb"'),
    (f"{APP}shared = 'media'\n{WEB}", '2: shared: should be a list, found "media"'),
    (f"{APP}shared = ['a/../b']\n{WEB}", '2: shared[0]: may not leave the shipped directory with .., found "a/../b"'),
    (f"{APP}shared = ['a', 'a/']\n{WEB}", '2: shared[1]: is the same path as shared[0], "a"'),
    (f"{APP}shared = ['a/b', 'a']\n{WEB}", '2: shared[1]: may not nest with shared[0]: "a" and "a/b"'),
    (f"{APP}shared = ['a']\n{WEB}[[task]]\nname = 't'\nrun = 't'\noutputs = ['a/b']", "8: task[0].outputs[0]: may not nest with shared[0]"),
    (f"{APP}{WEB}directory = '..'", "4: process.web.directory: may not leave the shipped directory with .."),
    # ---------------------------------------------------------------------- build
    (f"{APP}{WEB}[build]\nrun = 'make'\noutputs = ['x']", '5: build.run: should be a list, found "make"'),
    (f"{APP}{WEB}[build]\nrun = ['make']", "4: build.outputs: is missing; nothing that the commands make would be shipped"),
    (f"{APP}{WEB}[build]\noutputs = ['x']", "4: build.run: is missing; nothing makes the outputs"),
    (
        f"{APP}{WEB}[build]\nrun = ['x']\noutputs = ['x']\non = '-oProxyCommand=x'",
        '7: build.on: may not start with a dash, nor may its host: ssh would read an option, found "-oProxyCommand=x"',
    ),
    (f"{APP}{WEB}[build]\ntimeout_seconds = 0", "5: build.timeout_seconds: should be a number of seconds from 1 to 86400, found 0"),
    # ------------------------------------------------------------------ processes
    (f"{APP}process = 'x'", '2: process: should be a table, found "x"'),
    (f"{APP}[process]\nweb = 'x'", '3: process.web: should be a table, found "x"'),
    (f"{APP}[process.web]", f"2: process.web.run: is missing; should be {COMMAND}"),
    (f"{APP}[process.web]\nrun = ' '", f'3: process.web.run: should be {COMMAND}, found " "'),
    (f"{APP}[process.web]\nrun = []", f"3: process.web.run: should be {COMMAND}, found an empty list"),
    (f"{APP}[process.web]\nrun = ['a', 1]", f"3: process.web.run: should be {COMMAND}, found a list"),
    (
        f"{APP}[process.web]\nrun = ['a', '${{PORT}}']",
        "3: process.web.run: runs without a shell when it is a list: write $PORT or $SOCKET without",
    ),
    (f"{APP}{WEB}instances = 0", "4: process.web.instances: should be a whole number from 1 to 100, found 0"),
    (f"{APP}{WEB}instances = 1.5", "4: process.web.instances: should be a whole number from 1 to 100, found 1.5"),
    (f"{APP}{WEB}instances = true", "4: process.web.instances: should be a whole number from 1 to 100, found true"),
    (f"{APP}{WEB}instances = 13", "4: process.web.instances: should be at most 12 for a process that listens, found 13"),
    (f"{APP}{WEB}overlap = 'no'", '4: process.web.overlap: should be true or false, found "no"'),
    (
        f"{APP}{WEB}overlap = false",
        "4: process.web.overlap: may be false only for a process that does not listen: requests would fail between",
    ),
    (
        f"{APP}{WEB}steady_seconds = 0.1",
        "4: process.web.steady_seconds: may be given only for a process that does not listen: one that does is asked",
    ),
    (f"{APP}{WEB}drain_seconds = -1", "4: process.web.drain_seconds: should be a number of seconds from 0 to 86400, found -1"),
    (f"{APP}{WEB}drain_seconds = nan", "4: process.web.drain_seconds: should be a number of seconds from 0 to 86400, found nan"),
    (f"{APP}{WEB}health = 'up'", '4: process.web.health.path: should be a path that starts with / and holds no white space, found "up"'),
    (f"{APP}{WEB}health = {{}}", "4: process.web.health.path: is missing; should be a path that starts with / and holds no white space"),
    (f"{APP}{WEB}health = 3", "4: process.web.health: should be a table, found 3"),
    (
        f"{APP}{WEB}health = {{ path = '/', status = 99 }}",
        "4: process.web.health.status: should be an HTTP status from 100 to 599, or a list of them, found 99",
    ),
    (
        f"{APP}{WEB}health = {{ path = '/', contains = '' }}",
        '4: process.web.health.contains: should be a string that is not empty, found ""',
    ),
    (
        f"{APP}[process.a]\nrun = 'a $PORT'\n[process.b]\nrun = 'b $SOCKET'",
        "2: process: should have one named web: the front door cannot tell which of a, b it leads to",
    ),
    # ---------------------------------------------------------------------- tasks
    (f"{APP}{WEB}[task]\nname = 'x'", "4: task: should be a list, found a table"),
    (f"{APP}{WEB}[[task]]\nrun = 'x'", f"4: task[0].name: is missing; should be {NAME}"),
    (f"{APP}{WEB}[[task]]\nname = 'x'", f"4: task[0].run: is missing; should be {COMMAND}"),
    (f"{APP}{WEB}[[task]]\nname = 'x'\nrun = 'x'\nphase = 'now'", '7: task[0].phase: should be "prepare" or "activate", found "now"'),
    (
        f"{APP}{WEB}[[task]]\nname = 'x'\nrun = 'x'\n[[task]]\nrun = 'y'\nname = 'x'",
        '9: task[1].name: is the same as task[0].name, "x"',
    ),
    (
        f"{APP}{WEB}[[task]]\nname = 'x'\nrun = 'x'\nonce = true\noutputs = ['o']",
        "8: task[0].outputs: may not be given with once = true: only one host would have them",
    ),
    # ------------------------------------------------------------------ toolchain
    (
        f"{APP}{WEB}[toolchain]\nnode = 22",
        '5: toolchain.node.version: should be a version in quotes, such as "22" for the newest 22, or "22.11.0" for exactly that, found 22',
    ),
    (
        f"{APP}{WEB}[toolchain]\nnode = 'lts'",
        '5: toolchain.node.version: should be a version in quotes, such as "22" for the newest 22, or "22.11.0" for exactly that, '
        'found "lts"',
    ),
    (f"{APP}{WEB}[toolchain]\nrubi = '3'", "5: toolchain.rubi: is not a known key; known here: node, python"),
    (
        f"{APP}{WEB}[toolchain]\nnode = {{ version = '22', mirror = 'http://mirror.example.org' }}",
        "5: toolchain.node.mirror: should begin with https://: whoever answers in its place would choose what runs",
    ),
    # ----------------------------------------------------------------------- jobs
    (job("schedule = 3"), "7: task[0].schedule: should be five fields as in a crontab, such as 0 3 * * *, or @daily, found 3"),
    (job("schedule = '0 3 * *'"), "7: task[0].schedule: should have five fields (minute, hour, day, month, weekday), found 4"),
    (job("schedule = '0 3 31 2 *'"), "7: task[0].schedule: is never true: no day 31 is in month 2"),
    (
        job("schedule = '60 24 * * mo'"),
        "7: task[0].schedule: the minute '60' is no number from 0 to 59; the hour '24' is no number from 0 to 23; "
        "the day of the week 'mo' is no number from 0 to 7, nor a name such as mon",
    ),
    (
        job("schedule = '@daily'", "timezone = 'Europe/Berlinn'"),
        "8: task[0].timezone: should be a time zone such as Europe/Berlin, found 'Europe/Berlinn'",
    ),
    (job("timezone = 'UTC'"), "7: task[0].timezone: may only be given with schedule"),
    (job("catch_up = true"), "7: task[0].catch_up: may only be given with schedule"),
    *(
        (job("schedule = '@daily'", line), f"8: task[0].{key}: may not be given with schedule: a periodic job is no step of a deployment")
        for key, line in (
            ("phase", "phase = 'prepare'"),
            ("once", "once = true"),
            ("check", "check = 'x'"),
            ("undo", "undo = 'x'"),
            ("outputs", "outputs = ['o']"),
        )
    ),
    # --------------------------------------------------------------- environments
    (f"{APP}{WEB}[environment.production]", "4: environment.production.hosts: is missing; should be a list; each: a string or a table"),
    (environment("hosts = []"), "5: environment.production.hosts: should be a list of at least one, found an empty list"),
    (environment("hosts = 'a'"), '5: environment.production.hosts: should be a list, found "a"'),
    (hosts("3"), "5: environment.production.hosts[0]: should be a table, found 3"),
    (hosts("{ name = 'a' }"), f"5: environment.production.hosts[0].address: is missing; should be {ADDRESS}"),
    (hosts("'a b'"), f'5: environment.production.hosts[0].address: should be {ADDRESS}, found "a b"'),
    (hosts("'%h'"), f'5: environment.production.hosts[0].address: should be {ADDRESS}, found "%h"'),
    (hosts("'$(id)'"), f'5: environment.production.hosts[0].address: should be {ADDRESS}, found "$(id)"'),
    (hosts("'a`id`'"), f'5: environment.production.hosts[0].address: should be {ADDRESS}, found "a`id`"'),
    (hosts('"a\\n"'), f'5: environment.production.hosts[0].address: should be {ADDRESS}, found "a\\n"'),
    (
        hosts("'-oProxyCommand=x'"),
        "5: environment.production.hosts[0].address: may not start with a dash, nor may its host: ssh would read an option, found",
    ),
    (hosts("'ssh://-oProxyCommand=x'"), "5: environment.production.hosts[0].address: may not start with a dash, nor may its host"),
    (hosts("'me@-oProxyCommand=x'"), "5: environment.production.hosts[0].address: may not start with a dash, nor may its host"),
    (hosts("'::1'"), '5: environment.production.hosts[0].name: is missing; the address "::1" holds none that could serve'),
    (hosts("'a'", "'a'"), '5: environment.production.hosts[1].address: is the same as environment.production.hosts[0].address, "a"'),
    (hosts("'a'", "'deploy@A'"), '5: environment.production.hosts[1].name: is the same as environment.production.hosts[0].name, "a"'),
    (
        hosts("{ address = 'local', root = '/r', listen = ':1' }", "{ address = 'local', root = '/s', listen = ':2' }"),
        '5: environment.production.hosts[1].name: is the same as environment.production.hosts[0].name, "local"',
    ),
    (
        hosts("{ address = 'local', name = 'a', root = '/r', listen = ':1' }", "{ address = 'local', root = '/r/', listen = ':2' }"),
        '5: environment.production.hosts[1].root: is the same as environment.production.hosts[0].root, "/r"',
    ),
    (
        hosts("{ address = 'local', name = 'a', root = '/r', listen = ':1' }", "{ address = 'local', root = '/r/s', listen = ':2' }"),
        '5: environment.production.hosts[1].root: may not nest with environment.production.hosts[0].root: "/r/s" and "/r"',
    ),
    (
        hosts("{ address = 'local', name = 'a', root = '/r', listen = ':1' }", "{ address = 'local', root = '/s', listen = ':1' }"),
        '5: environment.production.hosts[1].listen: is the same as environment.production.hosts[0].listen, ":1"',
    ),
    (
        f"{APP}{WEB}[environment.a]\nhosts = [{{ address = 'local', root = '/r', listen = ':1' }}]\n"
        "[environment.b]\nhosts = [{ address = 'local', root = '/r', listen = ':1' }]",
        '7: environment.b.hosts[0].root: is the same as environment.a.hosts[0].root, "/r"',
    ),
    (
        hosts("{ address = 'local', listen = ':1' }"),
        "5: environment.production.hosts[0].root: is missing; a host on this machine must have one",
    ),
    (
        hosts("{ address = 'local', root = '/r' }"),
        "5: environment.production.hosts[0].listen: is missing; a host on this machine must have one",
    ),
    (
        hosts("{ address = 'a', root = 'r' }"),
        '5: environment.production.hosts[0].root: should be a directory that starts with / or ~/, without . or .. in it, found "r"',
    ),
    (hosts("{ address = 'a', root = '/' }"), "5: environment.production.hosts[0].root: should be a directory that starts with / or ~/"),
    (
        hosts("{ address = 'a', root = '~/../x' }"),
        "5: environment.production.hosts[0].root: should be a directory that starts with / or ~/",
    ),
    (
        hosts("{ address = 'a', listen = 'a:b' }"),
        '5: environment.production.hosts[0].listen: should be an address and a port, such as 127.0.0.1:8081 or :8080, found "a:b"',
    ),
    (hosts("{ address = 'a', listen = '127.0.0.1:70000' }"), "5: environment.production.hosts[0].listen: should be an address and a port"),
    (hosts("{ address = 'a', listen = '300.0.0.1:80' }"), "5: environment.production.hosts[0].listen: should be an address and a port"),
    (
        hosts("{ address = 'a', peer = 'x y' }"),
        '5: environment.production.hosts[0].peer: should be an IP address or a host name, found "x y"',
    ),
    (
        environment("domains = ['Shop']"),
        "5: environment.production.domains[0]: should be a host name in lower case, such as shop.example.org "
        '(the xn-- form for other alphabets), found "Shop"',
    ),
    (environment("domains = ['a', 'a']"), '5: environment.production.domains[1]: is the same as environment.production.domains[0], "a"'),
    (environment("requires = { clean = 'yes' }"), '5: environment.production.requires.clean: should be true or false, found "yes"'),
    (
        environment("requires = { branch = '--upload-pack=x' }"),
        '5: environment.production.requires.branch: should be the name of a git branch, found "--upload-pack=x"',
    ),
    (environment("requires = { checks = 'x' }"), '5: environment.production.requires.checks: should be a list, found "x"'),
    (
        environment("key_pages = ['x']"),
        "5: environment.production.key_pages[0].path: should be a path that starts with / and holds no white space",
    ),
    (
        environment("confirm_seconds = 0"),
        "5: environment.production.confirm_seconds: should be a number of seconds from 1 to 86400, found 0",
    ),
    (
        environment("lease_seconds = '30'"),
        '5: environment.production.lease_seconds: should be a number of seconds from 1 to 86400, found "30"',
    ),
    (
        environment("watch_seconds = inf"),
        "5: environment.production.watch_seconds: should be a number of seconds from 0 to 86400, found inf",
    ),
    (environment("keep_releases = 0"), "5: environment.production.keep_releases: should be a whole number from 1 to 1000, found 0"),
    (
        environment("keep_warm_seconds = -1"),
        "5: environment.production.keep_warm_seconds: should be a number of seconds from 0 to 86400, found -1",
    ),
    (
        environment("strategy = 'roling'"),
        '5: environment.production.strategy: should be "together" or "rolling", found "roling"',
    ),
    (
        environment("strategy = 'rolling'"),
        "5: environment.production.strategy: leaves too few: batch_hosts (1) and floor_hosts (1) together may be at most the 1 host",
    ),
    (
        environment("hosts = ['a', 'b', 'c']\nstrategy = 'rolling'\nfloor_hosts = 3"),
        "7: environment.production.floor_hosts: leaves too few: batch_hosts (1) and floor_hosts (3) together may be at most the 3 hosts",
    ),
    (
        environment("hosts = ['a', 'b', 'c']\nstrategy = 'rolling'\nbatch_hosts = 0"),
        "7: environment.production.batch_hosts: should be a whole number from 1 to 1000, found 0",
    ),
    (
        environment("floor_hosts = 1"),
        '5: environment.production.floor_hosts: may only be given with strategy = "rolling": all hosts switch at once',
    ),
    (
        environment("batch_host = 1"),
        "5: environment.production.batch_host: is not a known key; the nearest is batch_hosts",
    ),
    # --------------------------------------------------------------- notifications
    (
        notify("webhook = 'http://chat.example/T0'"),
        f"7: {N}.webhook: should begin with https://: without it only the host itself may be told "
        "(http://127.0.0.1), found a string of 22 characters",
    ),
    (
        notify("webhook = 'https://169.254.169.254/T0'"),
        f"7: {N}.webhook: may not be a link-local address or one where a cloud answers a "
        "machine about itself, found a string of 26 characters",
    ),
    (
        notify("webhook = 'https://chat.example/\\r\\nX: y'".replace("'", '"')),
        f"7: {N}.webhook: should hold only printable ASCII characters, no white space and no backslash, found a string of 27 characters",
    ),
    (notify("webhook = 'file:///etc/passwd'"), f"7: {N}.webhook: should begin with https://, found a string of 18 characters"),
    (notify("webhook = { env = 'A-B' }"), f"7: {N}.webhook: should name a variable of letters, digits and underscores, found a table"),
    (notify("webhook = { variable = 'A' }"), f'7: {N}.webhook: should be {{ env = "NAME" }}, with no other key, found a table'),
    (
        notify("webhook = 7"),
        f'7: {N}.webhook: should be an https:// URL, or {{ env = "NAME" }} for the variable of your environment that holds '
        "it, found a number",
    ),
    (
        notify("webhook = { env = 'A' }\non = 'failed'"),
        f'8: {N}.on: should be "failure", "success" or "always", or a list of them, found "failed"',
    ),
    (notify("on = 'always'"), f"6: {N}: should have one of webhook, email and command"),
    (
        notify("command = ['page']\nwebhook = { env = 'A' }"),
        f"7: {N}.command: may not be given beside {N}.webhook: write another [[notify]] for it",
    ),
    (
        mailed(server="smtp://u:word@h"),
        f'7: {N}.email.server: may hold no password: write password = {{ env = "NAME" }} beside it, found a string of 15 characters',
    ),
    (mailed(server="h:25"), f"7: {N}.email.server: should begin with smtp:// (STARTTLS) or smtps://, found a string of 4 characters"),
    (
        mailed(to="a@b.example\\nBcc: c@d.example"),
        f"7: {N}.email.to[0]: should be an e-mail address such as ops@example.org, found a string of 28 characters",
    ),
    (
        mailed(password='"word"'),
        f'7: {N}.email.password: should be {{ env = "NAME" }}: a password has no place in a repository, found a string of 4 characters',
    ),
    (mailed(password="{ env = 'P' }"), f"7: {N}.email.server: names no user for the password: smtp://USER@HOST"),
    (mailed(server="smtp://u@h"), f"7: {N}.email.password: is missing; the server names a user"),
    (notify("webhok = 'x'"), f"7: {N}.webhok: is not a known key; the nearest is webhook"),
    # --------------------------------------------------------------------- assets
    (f"{APP}assets = ['public']\n{WEB}", "2: assets: may only be given with static: the proxy serves nothing else by its path"),
    (
        f"{APP}static = 'public'\nassets = ['build']\n{WEB}",
        '3: assets[0]: should be a directory inside static, "public", found "build"',
    ),
    (f"{APP}static = 'p'\nassets = ['p/a', 'p/a']\n{WEB}", '3: assets[1]: is the same as assets[0], "p/a"'),
    (f"{APP}static = 'p'\nassets = ['p', 'p/a']\n{WEB}", '3: assets[1]: may not nest with assets[0]: "p/a" and "p"'),
    # ------------------------------------------------------------------------ tls
    (
        environment("tls = 'lets-encrypt'"),
        '5: environment.production.tls.issuer: should be "acme" or "internal" or "off", found "lets-encrypt"',
    ),
    (
        environment("tls = { issuer = 'off', email = 'a@example.org' }"),
        '5: environment.production.tls.email: may only be given with issuer = "acme", found issuer = "off"',
    ),
    (
        environment("tls = { acme = 'http://ca.example.org/directory' }"),
        '5: environment.production.tls.acme: should be the https:// URL of an ACME directory, found "http://ca.example.org/directory"',
    ),
    (
        environment("domains = ['*.example.org']"),
        "5: environment.production.domains[0]: is a wildcard, and no authority is asked for those: write each name, or "
        'tls = "internal" or "off", found "*.example.org"',
    ),
    # ---------------------------------------------------------------------- roles
    (
        f"{APP}{WEB}roles = ['wbe']\n[environment.p]\nhosts = [{{ address = 'a', roles = ['web', 'db'] }}]",
        '4: process.web.roles[0]: should be a role that a host has (such as web), found "wbe"',
    ),
    (
        f"{APP}{WEB}[[task]]\nname = 'x'\nrun = 'x'\nroles = ['cron']\n[environment.p]\nhosts = [{{ address = 'a', roles = ['web'] }}]",
        '7: task[0].roles[0]: should be a role that a host has (such as web), found "cron"',
    ),
]


@pytest.mark.parametrize(("text", "message"), CASES, ids=[message[:80].encode("ascii", "replace").decode() for _, message in CASES])
def test_message(text: str, message: str) -> None:
    with pytest.raises(WrongInput) as raised:
        load(text)
    assert len(raised.value.details) == 1
    assert raised.value.details[0].startswith(f"shipway.toml:{message}")
    assert raised.value.exit_code == 2
    assert raised.value.code == "config"
    assert raised.value.state == "nothing was touched"
    assert raised.value.hint


def test_all_faults_are_listed_at_once_in_the_order_of_the_file() -> None:
    text = """\
app = "Shop"
process.web.run = "serve"
process.web.instances = 99

[environment.production]
hosts = ["-x", "deploy@a", { address = "root@a", rols = [] }, "local"]
domains = ["ok", "no no", "ok"]
"""
    with pytest.raises(WrongInput) as raised:
        load(text)
    assert [detail.split(":")[1:3] for detail in raised.value.details] == [
        ["1", " app"],
        ["3", " process.web.instances"],
        ["6", " environment.production.hosts[0].address"],
        ["6", " environment.production.hosts[2].name"],
        ["6", " environment.production.hosts[2].rols"],
        ["6", " environment.production.hosts[3].listen"],
        ["6", " environment.production.hosts[3].root"],
        ["7", " environment.production.domains[1]"],
        ["7", " environment.production.domains[2]"],
    ]
    assert raised.value.message == "shipway.toml has 9 faults"
    assert raised.value.details[-1].endswith('is the same as environment.production.domains[0], "ok"')


def test_one_fault_is_not_told_twice() -> None:
    """A local host whose root is wrong is not also told that its root is missing."""
    with pytest.raises(WrongInput) as raised:
        load(hosts("{ address = 'local', root = 'x', listen = ':1' }"))
    assert len(raised.value.details) == 1


def test_more_faults_than_anybody_reads_are_counted() -> None:
    text = APP + WEB + "\n".join(f"x{number} = 1" for number in range(1000))
    with pytest.raises(WrongInput) as raised:
        load(text)
    assert len(raised.value.details) == 51
    assert raised.value.details[-1] == "shipway.toml: and 950 more"


@pytest.mark.parametrize("value", ["hunter2\\u0000", "x" * 100_001])
def test_no_message_shows_the_value_of_a_variable(value: str) -> None:
    with pytest.raises(WrongInput) as raised:
        load(f'{APP}env = {{ PASSWORD = "{value}" }}\n{WEB}')
    assert value[:7] not in "".join(raised.value.details)


def test_an_environment_that_is_not_there() -> None:
    text = APP + WEB + f"[environment.production]\n{HOST}[environment.staging]\n{HOST}"
    with pytest.raises(WrongInput) as raised:
        resolve(text, text, "prodction")
    assert raised.value.message == 'no environment is called "prodction"; the nearest is production'
    assert raised.value.hint == "Known here: production, staging."
    with pytest.raises(WrongInput) as raised:
        resolve(APP + WEB, APP + WEB, "production")
    assert raised.value.message == 'no environment is called "production"'
    assert raised.value.hint == "shipway.toml declares none: add [environment.NAME] with hosts."


def test_a_role_that_this_environment_lacks() -> None:
    text = (
        f"{APP}[process.mail]\nrun = 'mail'\nroles = ['mailer']\n"
        "[environment.production]\nhosts = [{ address = 'a', roles = ['mailer'] }]\n"
        "[environment.staging]\nhosts = [{ address = 'b', roles = ['db', 'web'] }]\n"
    )
    assert resolve(text, text, "production").shipment.processes
    with pytest.raises(WrongInput) as raised:
        resolve(text, text, "staging")
    assert raised.value.details == (
        'shipway.toml:4: process.mail.roles: should name a role that a host of staging has (db, web), found "mailer"',
    )
