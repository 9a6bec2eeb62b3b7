"""A checkout in, the same with secrets of several people out: set, merged by git, opened, given to others and taken from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from shipway.cli.typed import typed
from shipway.config.secrets import identities
from shipway.config.secrets.identities import VARIABLE
from shipway.execute.telling import Tell
from shipway.flows.config import config
from shipway.flows.project import open_project
from shipway.flows.secrets_list import secrets_list
from shipway.flows.secrets_recipients_add import secrets_recipients_add
from shipway.flows.secrets_recipients_rm import secrets_recipients_rm
from shipway.flows.secrets_rm import secrets_rm
from shipway.flows.secrets_set import secrets_set
from shipway.flows.want import filled, make, want
from shipway.flows.words import (
    ConfigWords,
    SecretsListWords,
    SecretsRecipientsAddWords,
    SecretsRecipientsRmWords,
    SecretsRmWords,
    SecretsSetWords,
    Words,
)
from shipway.model.errors import Refused, WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.plan.documents import env_document
from shipway.release.dirt import dirt
from shipway.release.release import make_release
from tests.apps import Repository

SETTINGS = """\
app = "shop"
[process.web]
run = "serve"
[environment.production]
hosts = ["a.example"]
[environment.production.env]
WRITTEN = "plain"
"""
FOLDER = ".shipway-secrets/production"


class People:
    """Keys of people; one of them types."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.monkeypatch = monkeypatch
        self.recipients: dict[str, str] = {}

    def types(self, name: str) -> None:
        path = self.home / f"{name}.key"
        if name not in self.recipients:
            self.recipients[name] = identities.make(path)
        self.monkeypatch.setenv(VARIABLE, str(path))


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    found = People(tmp_path, monkeypatch)
    found.types("bob")
    found.types("ann")
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "shop")
    repository.write("shipway.toml", SETTINGS)
    repository.commit("Version 1")
    return repository


def run(flow: Callable[[Any, Callable[[Event], None]], Coroutine[Any, Any, Verdict]], words: Words) -> Verdict:
    return asyncio.run(flow(words, lambda event: None))


def put(checkout: Repository, name: str, value: str) -> Verdict:
    words = SecretsSetWords(project=checkout.directory, name=name, value=value.encode() + b"\n")
    return run(secrets_set, words)


def shipped(checkout: Repository) -> dict[str, str]:
    """What everything would get if HEAD was deployed."""
    project = open_project(checkout.directory)
    wanted = asyncio.run(filled(project, want(project, None, None), Tell(lambda event: None, lambda: 0.0)))
    common: dict[str, str] = env_document(wanted.intent, wanted.intent.environment.hosts[0])["common"]
    return common


def test_what_is_committed_is_shipped_and_what_is_only_set_is_dirt(checkout: Repository, people: People) -> None:
    said = put(checkout, "TOKEN", "s3cret")
    assert "1 recipient" in said.message and "s3cret" not in repr(said)
    assert shipped(checkout) == {"WRITTEN": "plain"}
    assert [one.path for one in dirt(open_project(checkout.directory).repository, (FOLDER,))] == [
        f"{FOLDER}/TOKEN.age",
        f"{FOLDER}/recipients",
    ]
    checkout.commit("Set it")
    assert shipped(checkout) == {"WRITTEN": "plain", "TOKEN": "s3cret"}
    assert "has this value already" in put(checkout, "TOKEN", "s3cret").message
    assert dirt(open_project(checkout.directory).repository, (FOLDER,)) == ()
    assert "s3cret" not in "".join(path.read_text() for path in (checkout.directory / FOLDER).iterdir())


def test_a_secret_is_no_part_of_a_release(checkout: Repository, people: People, tmp_path: Path) -> None:
    def digest() -> str:
        project = open_project(checkout.directory)
        wanted = want(project, None, None)
        release = make_release(project.repository, wanted.source, wanted.intent, lambda line: None, cache=tmp_path / "cache").release
        assert [entry.path for entry in release.entries] == ["shipway.toml"]
        return release.digest

    before = digest()
    put(checkout, "TOKEN", "s3cret")
    checkout.commit("Set it")
    assert digest() == before


def test_set_again_a_value_is_for_all_who_are_listed_also_where_git_merged_it_with_a_new_recipient(
    checkout: Repository, people: People
) -> None:
    put(checkout, "FIRST", "1")
    checkout.commit("Set one")
    checkout.git("checkout", "--quiet", "-b", "other")
    run(secrets_recipients_add, SecretsRecipientsAddWords(project=checkout.directory, recipient=people.recipients["bob"]))
    checkout.commit("Bob too")
    checkout.git("checkout", "--quiet", "main")
    put(checkout, "SECOND", "2")
    checkout.commit("Set another")
    checkout.git("merge", "--quiet", "other")
    assert "2 recipients" in put(checkout, "SECOND", "2").message
    assert "has this value already" in put(checkout, "SECOND", "2").message
    checkout.commit("For both")
    people.types("bob")
    assert shipped(checkout) == {"WRITTEN": "plain", "FIRST": "1", "SECOND": "2"}


def test_two_people_set_different_secrets_and_git_merges_them(checkout: Repository, people: People) -> None:
    put(checkout, "M", "middle")
    checkout.commit("Set one")
    checkout.git("checkout", "--quiet", "-b", "other")
    put(checkout, "K", "of the branch")
    checkout.commit("Set K")
    checkout.git("checkout", "--quiet", "main")
    put(checkout, "L", "of main")
    put(checkout, "M", "middle, rotated")
    checkout.commit("Set L, rotate M")
    checkout.git("merge", "--quiet", "other")
    assert shipped(checkout) == {"WRITTEN": "plain", "K": "of the branch", "L": "of main", "M": "middle, rotated"}


def test_two_people_who_set_the_same_one_read_which_and_what_to_do(checkout: Repository, people: People) -> None:
    put(checkout, "TOKEN", "one")
    checkout.commit("Set it")
    checkout.git("checkout", "--quiet", "-b", "other")
    put(checkout, "TOKEN", "two")
    checkout.commit("Rotate it")
    checkout.git("checkout", "--quiet", "main")
    put(checkout, "TOKEN", "three")
    checkout.commit("Rotate it here")
    with pytest.raises(RuntimeError):
        checkout.git("merge", "--quiet", "other")
    listed = run(secrets_list, SecretsListWords(project=checkout.directory))
    assert listed.exit_code == 1
    assert f"{FOLDER}/TOKEN.age has conflict markers of git on line" in "\n".join(listed.data["lines"])
    checkout.commit("Merged without a look")
    with pytest.raises(WrongInput) as raised:
        shipped(checkout)
    assert "has conflict markers of git" in raised.value.details[0] and "--ours or --theirs" in raised.value.details[0]
    put(checkout, "TOKEN", "four")
    checkout.commit("Set it again")
    assert shipped(checkout)["TOKEN"] == "four"


def test_one_more_recipient_opens_everything_and_one_fewer_nothing_new(checkout: Repository, people: People) -> None:
    put(checkout, "A", "first")
    put(checkout, "B", "second")
    checkout.commit("Set both")
    bob = people.recipients["bob"]
    run(secrets_recipients_add, SecretsRecipientsAddWords(project=checkout.directory, recipient=bob, label="bob"))
    checkout.commit("Bob too")
    people.types("bob")
    assert shipped(checkout) == {"WRITTEN": "plain", "A": "first", "B": "second"}
    said = run(secrets_recipients_rm, SecretsRecipientsRmWords(project=checkout.directory, recipient=people.recipients["ann"]))
    assert "rotate A, B" in said.message
    checkout.commit("Ann left")
    assert shipped(checkout)["A"] == "first"
    people.types("ann")
    with pytest.raises(WrongInput) as raised:
        shipped(checkout)
    assert [line.split(" is ")[0] for line in raised.value.details] == [f"A: {FOLDER}/A.age", f"B: {FOLDER}/B.age"]
    with pytest.raises(WrongInput, match="2 of the secrets cannot be opened here"):
        run(secrets_recipients_add, SecretsRecipientsAddWords(project=checkout.directory, recipient=people.recipients["ann"]))
    people.types("bob")
    with pytest.raises(WrongInput, match="is the only one who can open them"):
        run(secrets_recipients_rm, SecretsRecipientsRmWords(project=checkout.directory, recipient="bob"))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ann@example.org", "ann@example.org: is no recipient: age1… (X25519), ssh-ed25519 … or ssh-rsa …"),
        ("age1cut", "age1cut: is damaged: a recipient must be copied whole"),
        ("<<<<<<< HEAD", "has conflict markers of git on line 2: keep the recipients of both sides, then git add it"),
    ],
)
def test_a_list_of_recipients_that_cannot_be_used_encrypts_nothing(line: str, fault: str, checkout: Repository, people: People) -> None:
    checkout.write(f"{FOLDER}/recipients", f"{people.recipients['ann']}\n{line}\n")
    with pytest.raises(WrongInput) as raised:
        put(checkout, "A", "first")
    assert raised.value.details == (fault,)
    assert not (checkout.directory / FOLDER / "A.age").exists()


def test_who_cannot_open_them_can_still_set_one(checkout: Repository, people: People) -> None:
    put(checkout, "A", "first")
    checkout.commit("Set it")
    people.types("carol")
    put(checkout, "A", "of carol")
    checkout.commit("Rotate it")
    people.types("ann")
    assert shipped(checkout)["A"] == "of carol"


def test_the_list_says_who_committed_what_and_what_is_not_committed(checkout: Repository, people: People) -> None:
    for name, value in (("SAME", "x"), ("ALSO", "x"), ("CHANGED", "y"), ("GONE", "z")):
        put(checkout, name, value)
    checkout.commit("Set four")
    put(checkout, "CHANGED", "new")
    put(checkout, "NEW", "new")
    run(secrets_rm, SecretsRmWords(project=checkout.directory, name="GONE"))
    listed = run(secrets_list, SecretsListWords(project=checkout.directory)).data["secrets"]
    assert {one["name"]: one["state"] for one in listed} == {
        "ALSO": "committed",
        "CHANGED": "changed here, not committed",
        "GONE": "removed here, not committed",
        "NEW": "set here, not committed",
        "SAME": "committed",
    }
    file = checkout.directory / FOLDER / "SAME.age"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    again = run(secrets_list, SecretsListWords(project=checkout.directory)).data["secrets"]
    assert again == listed, "line ends of another system are no change"
    prints = {one["name"]: one["fingerprint"] for one in listed}
    assert prints["ALSO"] == prints["SAME"] != prints["CHANGED"] == prints["NEW"]
    assert {one["who"] for one in listed if one["name"] != "NEW"} == {checkout.git("log", "-1", "--format=%an")}


def test_config_names_the_file_and_shows_no_value(checkout: Repository, people: People) -> None:
    put(checkout, "TOKEN", "s3cret")
    checkout.commit("Set it")
    said = run(config, ConfigWords(project=checkout.directory, name="TOKEN"))
    (setting,) = said.data["config"]["settings"]
    assert setting["source"] == f"{FOLDER}/TOKEN.age" and setting["fingerprint"] and setting["value"] is None
    assert "s3cret" not in repr(said) and said.hint == ""
    put(checkout, "ALSO", "x")
    put(checkout, "TOKEN", "y")
    said = run(config, ConfigWords(project=checkout.directory))
    assert said.hint == "commit ALSO, TOKEN, which the checkout has otherwise: git add .shipway-secrets/production && git commit"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WRITTEN", "x", r"WRITTEN is in \[environment.production.env\] of shipway.toml"),
        ("RELEASE", "x", "what was typed as the name may not be set here: Shipway sets it for every process"),
        ("1ST", "x", "what was typed as the name is no name of a variable"),
        ("TOKEN", "", "the value of TOKEN is empty"),
        ("TOKEN", "a\0b", "the value of TOKEN holds a NUL byte"),
        ("TOKEN", "x" * 100_001, "the value of TOKEN is longer than 100,000 bytes"),
    ],
)
def test_what_cannot_be_set(name: str, value: str, message: str, checkout: Repository, people: People) -> None:
    with pytest.raises(WrongInput, match=message):
        put(checkout, name, value)
    assert not (checkout.directory / FOLDER).exists()


def test_a_name_in_both_places_and_a_file_that_is_no_secret_are_refused(checkout: Repository, people: People) -> None:
    put(checkout, "TOKEN", "x")
    checkout.write("shipway.toml", SETTINGS + 'TOKEN = "plain"\n')
    checkout.commit("Both")
    with pytest.raises(WrongInput) as raised:
        shipped(checkout)
    assert raised.value.details == (
        f"shipway.toml:8: environment.production.env.TOKEN: is in {FOLDER}/TOKEN.age as well: take it out of one of them",
    )
    checkout.write("shipway.toml", SETTINGS)
    checkout.write(f"{FOLDER}/notes.txt", "x")
    checkout.write(f"{FOLDER}/PORT.age", "x")
    checkout.commit("Odd files")
    with pytest.raises(WrongInput) as raised:
        shipped(checkout)
    assert [line.split(": ", 1)[0] for line in raised.value.details] == [f"{FOLDER}/PORT.age", f"{FOLDER}/notes.txt"]
    checkout.git("rm", "--quiet", "-r", FOLDER)
    checkout.write(f"{FOLDER}/LARGE.age", "x" * 1_000_001)
    checkout.commit("A large file")
    with pytest.raises(WrongInput) as raised:
        shipped(checkout)
    assert raised.value.details == (f"{FOLDER}/LARGE.age: is larger than any secret may be, 1,000,001 bytes",)
    checkout.git("rm", "--quiet", "-r", FOLDER)
    (checkout.directory / FOLDER).parent.mkdir(exist_ok=True)
    (checkout.directory / FOLDER).symlink_to("/etc")
    checkout.commit("A link")
    with pytest.raises(WrongInput) as raised:
        shipped(checkout)
    assert raised.value.details == (f"{FOLDER}: is no directory",)


def test_uncommitted_secrets_hold_a_deployment_up_as_other_changes_do(checkout: Repository, people: People) -> None:
    checkout.write("server/app.py", "")
    checkout.write("shipway.toml", SETTINGS.replace('app = "shop"', 'app = "shop"\nsubdirectory = "server"'))
    checkout.commit("In a subdirectory")
    put(checkout, "TOKEN", "x")
    project = open_project(checkout.directory)
    wanted = want(project, None, None)
    with pytest.raises(Refused) as raised:
        asyncio.run(make(project, wanted, Tell(lambda event: None, lambda: 0.0)))
    assert any(FOLDER in line for line in raised.value.details)


def test_what_is_typed_again_has_no_value(checkout: Repository) -> None:
    words = SecretsSetWords(project=Path(), environment="production", name="TOKEN", value=b"s3cret")
    assert typed("secrets set", words) == "shipway secrets set production TOKEN" and "s3cret" not in repr(words)
