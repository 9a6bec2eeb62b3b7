"""Two files and a name in, one Intent out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.config.resolve import resolve
from shipway.model.errors import Refused, WrongInput
from shipway.model.intent import Build, Copies, Environment, Health, Host, Intent, Page, Process, Reference, Requires, Shipment, Task
from tests.config.strategies import documents, few, many, toml

EXAMPLE = (Path(__file__).parent / "example.toml").read_text()


def process(run: str, name: str = "worker", more: str = "") -> Process:
    text = f'app = "shop"\n[process.{name}]\nrun = {run}\n{more}\n[environment.p]\nhosts = ["a"]\n'
    return resolve(text, text, "p").shipment.processes[0]


def host(written: str) -> Host:
    text = f'app = "shop"\nstatic = "public"\n[environment.p]\nhosts = [{written}]\n'
    return resolve(text, text, "p").environment.hosts[0]


def read(env: dict[str, Any]) -> dict[str, str | Reference]:
    """Variables as an intent has them."""
    return {name: reference(value) if isinstance(value, dict) else value for name, value in env.items()}


def reference(written: dict[str, Any]) -> Reference:
    if "env" in written:
        return Reference(variable=written["env"])
    command = written["command"]
    return Reference(command if isinstance(command, str) else tuple(command), timeout_seconds=written.get("timeout_seconds", 30))


def test_the_example_of_the_design() -> None:
    assert resolve(EXAMPLE, EXAMPLE, "production") == Intent(
        app="shop",
        subdirectory="server",
        environment=Environment(
            name="production",
            hosts=(Host("a", "deploy@10.0.0.1", ("web", "db")), Host("b", "deploy@10.0.0.2", ("web",))),
            domains=("shop.example.org",),
            requires=Requires(clean=True, branch="main", checks=("pytest -q",)),
            confirm_seconds=60,
            lease_seconds=30,
            watch_seconds=5,
        ),
        shipment=Shipment(
            app="shop",
            processes=(
                Process(
                    "web",
                    "gunicorn shop.wsgi --bind unix:$SOCKET",
                    ("web",),
                    instances=2,
                    listens="socket",
                    health=Health(Page("/up", (200,), "ok")),
                    drain_seconds=30,
                ),
            ),
            tasks=(
                Task("install", "uv sync --frozen", "prepare"),
                Task("migrate", "python manage.py migrate --noinput", "activate", once=True),
            ),
            build=Build(("npm ci", "npm run build"), ("public/build",)),
            shared=("media",),
        ),
    )


@few
@given(documents())
def test_every_valid_document_has_an_intent_for_each_environment(document: dict[str, Any]) -> None:
    text = toml(document)
    for name in document["environment"]:
        intent = resolve(text, text, name)
        assert intent.environment.name == name
        names = [host.name for host in intent.environment.hosts]
        assert len(set(names)) == len(names)
        assert [one.name for one in intent.shipment.processes] == list(document["process"])
        assert intent.shipment.env == read(document.get("env", {}))
        assert [one.env for one in intent.shipment.processes] == [read(process.get("env", {})) for process in document["process"].values()]


# ---------------------------------------------------------- which file counts


def test_the_shipped_commit_says_how_to_run_and_head_says_where() -> None:
    old = (
        EXAMPLE.replace("10.0.0.1", "10.9.9.9")
        .replace("pytest -q", "true")
        .replace("instances = 2", "instances = 7")
        .replace('"media"', '"old"')
    )
    intent = resolve(EXAMPLE, old, "production")
    assert intent.environment == resolve(EXAMPLE, EXAMPLE, "production").environment
    assert intent.shipment.processes[0].instances == 7
    assert intent.shipment.shared == ("old",)


def test_an_environment_that_the_old_commit_did_not_have_is_known() -> None:
    old = EXAMPLE.partition("[environment.local]")[0]
    assert resolve(EXAMPLE, old, "local").environment.name == "local"
    with pytest.raises(WrongInput):
        resolve(old, EXAMPLE, "local")


def test_faults_in_the_old_commits_environments_do_not_count() -> None:
    old = EXAMPLE.replace("lease_seconds = 30", "lease_seconds = 'long'")
    assert resolve(EXAMPLE, old, "production").environment.lease_seconds == 30


def test_faults_elsewhere_in_the_old_commit_are_told_with_its_name() -> None:
    with pytest.raises(WrongInput) as raised:
        resolve(EXAMPLE, EXAMPLE.replace("instances = 2", "instances = 0"), "production", commit="1a2b3c4d5e6f7a8b9c0d")
    assert raised.value.details[0].startswith("shipway.toml of 1a2b3c4d5e6f:13: process.web.instances: should be")


def test_a_commit_of_another_app_is_refused() -> None:
    with pytest.raises(Refused) as raised:
        resolve(EXAMPLE, EXAMPLE.replace('"shop"', '"store"', 1), "production", commit="1a2b3c")
    assert raised.value.message == "shipway.toml of 1a2b3c is of the app store, shipway.toml of HEAD of shop"
    assert raised.value.exit_code == 3


@pytest.mark.parametrize(
    ("directory", "written", "expected"),
    [(".", ".", "."), (".", "server", "server"), ("services/shop", ".", "services/shop"), ("a", "b/c", "a/b/c")],
)
def test_the_subdirectory_is_relative_to_the_file(directory: str, written: str, expected: str) -> None:
    text = EXAMPLE.replace('"server"', f'"{written}"')
    assert resolve(text, text, "local", directory=directory).subdirectory == expected


# ------------------------------------------------------------ what is derived


@pytest.mark.parametrize(
    ("run", "name", "more", "expected"),
    [
        ("'serve --bind unix:$SOCKET'", "api", "", "socket"),
        ("'serve --bind unix:${SOCKET}'", "api", "", "socket"),
        ("'serve $SOCKET $PORT'", "api", "", "socket"),
        ("['serve', '$SOCKET']", "api", "", "socket"),
        ("['serve', '--port=$PORT']", "api", "", "port"),
        ("'serve ${PORT}'", "api", "", "port"),
        ("'serve'", "web", "", "port"),
        ("'serve'", "api", "health = '/up'", "port"),
        ("'serve'", "api", "", None),
        ("'work $PORTS $SOCKET_DIRECTORY'", "api", "", None),
        ("'work PORT'", "api", "", None),
    ],
)
def test_how_a_process_listens_follows_from_its_command(run: str, name: str, more: str, expected: str | None) -> None:
    assert process(run, name, more).listens == expected


def test_a_string_is_for_the_shell_and_a_list_is_not() -> None:
    assert process("'a | b'").run == "a | b"
    assert process("['a', '| b']").run == ("a", "| b")


def test_a_page_may_be_a_path() -> None:
    assert process("'x'", "web", "health = '/up?full'").health == Health(Page("/up?full"))
    text = (
        'app = "a"\nstatic = "p"\n[environment.p]\nhosts = ["h"]\nkey_pages = ["/", { path = "/x", status = [200, 302], contains = "y" }]\n'
    )
    assert resolve(text, text, "p").environment.key_pages == (Page("/"), Page("/x", (200, 302), "y"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"web-1"', Host("web-1", "web-1")),
        ('"deploy@10.0.0.1"', Host("10.0.0.1", "deploy@10.0.0.1")),
        ('"deploy@Shop.Example.org"', Host("shop.example.org", "deploy@Shop.Example.org")),
        ('"ssh://deploy@a.example.org:2222"', Host("a.example.org", "ssh://deploy@a.example.org:2222")),
        ('{ address = "deploy@::1", name = "six" }', Host("six", "deploy@::1")),
        (
            '{ address = "local", root = "~/x/", listen = "[::1]:80" }',
            Host("local", "local", root="~/x", listen="[::1]:80"),
        ),
    ],
)
def test_a_host_is_called_as_its_address_unless_it_has_a_name(written: str, expected: Host) -> None:
    assert host(written) == expected


@many
@given(st.text(max_size=30))
def test_an_address_never_holds_what_a_shell_or_ssh_would_interpret(address: str) -> None:
    try:
        found = host(f"{{ name = 'a', address = {_quoted(address)} }}").address
    except WrongInput:
        return
    assert found == address
    assert not address.startswith("-")
    assert not set(address) & set(" \t\r\n%$`\"'\\;|&<>(){}*?!#~")
    assert address.isascii() and address.isprintable()


def test_a_host_without_roles_has_every_role() -> None:
    text = 'app = "a"\n[process.web]\nrun = "x"\nroles = ["front"]\n[[task]]\nname = "t"\nrun = "t"\nroles = ["db", "front"]\n'
    text += '[environment.p]\nhosts = ["a"]\n'
    assert resolve(text, text, "p").environment.hosts[0].roles == ("db", "front")


def test_copies_go_where_their_environment_is_meant() -> None:
    text = 'app = "a"\n[process.web]\nrun = "x"\n[environment.p]\nhosts = ["a"]\nenv = { DATABASE_URL = "x" }\n'
    text += text[text.index("[environment.p]") :].replace("environment.p", "environment.staging")
    text += '[data.main]\ndriver = "postgres"\ncopies = ["/mnt/backup", { to = "s3://bucket/x", keep = 90, environments = ["p"] }]\n'
    both = (Copies("/mnt/backup", 30), Copies("s3://bucket/x", 90))
    assert [resolve(text, text, name).environment.data[0].copies for name in ("p", "staging")] == [both, both[:1]]


@pytest.mark.parametrize(
    ("copies", "says"),
    [
        ('["/mnt", "s3://bucket", "/mnt"]', "data.main.copies[2]: has copies already: data.main.copies[0]"),
        ('["backup"]', "should be /DIRECTORY, USER@HOST:/DIRECTORY, ssh://USER@HOST:PORT/DIRECTORY or s3://BUCKET/PREFIX"),
        ('["ssh://u:secret@h/x"]', "may not hold a password"),
        ('[{ to = "/mnt", environments = ["q"] }]', 'environments[0]: should be an environment (p), found "q"'),
    ],
)
def test_a_place_for_copies_that_is_none_is_refused(copies: str, says: str) -> None:
    text = 'app = "a"\n[process.web]\nrun = "x"\n[environment.p]\nhosts = ["a"]\nenv = { DATABASE_URL = "x" }\n'
    text += f'[data.main]\ndriver = "postgres"\ncopies = {copies}\n'
    with pytest.raises(WrongInput) as caught:
        resolve(text, text, "p")
    (fault,) = caught.value.details
    assert says in fault


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'
