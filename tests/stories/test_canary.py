"""A value that only the application may know is looked for everywhere else, while it travels and afterwards: nobody else ever has it."""

from __future__ import annotations

import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway.config.secrets.age import seal
from shipway.config.secrets.folder import Folder, Recipient, place_of
from shipway.config.secrets.identities import make
from tests.apps import Repository
from tests.hosts import Hosts
from tests.hosts.machine import UID
from tests.stories.project import SAMPLE, Project

pytestmark = [pytest.mark.hosts, pytest.mark.alone]

SETTINGS = """\
app = "shop"
subdirectory = "server"

[process.web]
run = "python3 app.py"
health = {{ path = "/up", contains = "ok", within_seconds = 30 }}

[[task]]
name = "migrate"
phase = "activate"
run = "python3 migrate.py"

[environment.live]
confirm_seconds = 12
lease_seconds = 6
watch_seconds = 0.5
hosts = [
{hosts}
]

[environment.live.env]
PASSWORD = "{canary}"
PRINTED = {{ command = ["cat", "{vault}"] }}

[[environment.live.notify]]
webhook = {{ env = "CHAT_URL" }}
on = "always"
"""

CHAT = re.compile(r"/notifications\.json$")
ONLY_OWNER = re.compile(r"/generations/\d{6}/env\.json$")


class Eyes:
    """Looks at every process of the machine again and again: whose command line has a canary, and whose environment, by canary."""

    def __init__(self, *canaries: str) -> None:
        self._canaries = canaries
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.argv: set[str] = set()
        self.environments: dict[str, set[str]] = {canary: set() for canary in canaries}
        self.looks = 0

    def __enter__(self) -> Eyes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            self.looks += 1
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    self._look_at(f"/proc/{entry}")
            time.sleep(0.01)

    def _look_at(self, process: str) -> None:
        try:
            words, environment = Path(process, "cmdline").read_bytes(), Path(process, "environ").read_bytes()
        except OSError:
            return  # it has ended
        shown = words.replace(b"\0", b" ").decode(errors="replace").strip()
        for canary in self._canaries:
            if canary.encode() in words:
                self.argv.add(shown)
            if canary.encode() in environment:
                self.environments[canary].add(shown)


def holders(canary: str, *places: Path) -> Iterator[Path]:
    """Every file below `places` that has the canary, in its content or in its name."""
    for place in places:
        for directory, _, names in os.walk(place):
            for path in (Path(directory, name) for name in names):
                if canary in str(path) or (path.is_file() and not path.is_symlink() and canary.encode() in path.read_bytes()):
                    yield path


@pytest.mark.timeout(300)
def test_only_the_application_its_tasks_and_one_file_of_the_user_have_the_value(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four kinds: in plain text in shipway.toml, printed by a command, encrypted in the repository, and of a notification."""
    canary, printed, sealed, chat = (secrets.token_hex(32) for _ in range(4))
    temporary = place / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with Hosts(2) as hosts:
        project = lay_out(place, hosts, canary, printed, sealed)
        project.env["CHAT_URL"] = f"http://127.0.0.1:9/{chat}"  # nobody listens there: the hosts try, and try again
        with Eyes(canary, printed, sealed, chat) as eyes:
            said = [project.run("deploy", "live", "--json")]
            project.repository.write("server/migrate.py", "import sys\nsys.exit('the database is away')\n")
            project.repository.commit("A migration that fails")
            said += [project.run("deploy", "live", code=1)]
            said += [
                project.run(*words, "live", "--json", code=None)
                for words in (["plan"], ["status"], ["show"], ["config", "--live"], ["secrets", "list"])
            ]
        assert eyes.looks > 10
        assert eyes.argv == set(), "nobody's command line"
        for value in (canary, printed, sealed):
            assert {words.split()[-1] for words in eyes.environments[value]} == {"app.py", "migrate.py"}, eyes.environments
        theirs = [words for words in eyes.environments[chat] if ".pyz" in words or words.endswith(("app.py", "migrate.py"))]
        assert eyes.environments[chat] and theirs == [], "the operator's own commands, and no process of a host"
        assert "cannot connect: Connection refused" in said[1].text, "the host has tried the URL"
        for value, file in ((canary, ONLY_OWNER), (printed, ONLY_OWNER), (sealed, ONLY_OWNER), (chat, CHAT)):
            assert [one.words for one in said if value in one.text] == [], "nothing that is printed"
            found = list(holders(value, project.directory / ".shipway", project.directory / ".git", temporary))
            assert found == [], "no file of the operator but the one that has it from the beginning"
            for host in hosts.names:
                kept = list(holders(value, *(hosts.path(host, inside) for inside in ("/home", "/tmp", "/var/tmp", "/run"))))
                assert kept and [path for path in kept if not file.search(str(path))] == [], f"on {host} only the one file for it"
                modes = {(stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) for path in kept}
                assert modes == {(0o600, UID)}


def lay_out(place: Path, hosts: Hosts, canary: str, printed: str, sealed: str) -> Project:
    """The application in a subdirectory: shipway.toml, which has the first value here, is not shipped."""
    vault = place / "vault"
    vault.mkdir()
    (vault / "printed").write_text(f"{printed}\n", encoding="utf-8")
    recipient = make(vault / "age.key")
    lines = "\n".join(f'  {{ name = "{name}", address = "deploy@{hosts.address(name)}" }},' for name in hosts.names)
    repository = Repository(place / "shop")
    repository.write("server/app.py", SAMPLE.read_text(encoding="utf-8"))
    repository.write("server/VERSION", "1\n")
    repository.write("server/migrate.py", "import time\ntime.sleep(0.3)\n")
    repository.write("shipway.toml", SETTINGS.format(hosts=lines, canary=canary, vault=vault / "printed"))
    folder = Folder(repository.directory / place_of(".", "live"))
    folder.write_recipients([Recipient(recipient, "ann")])
    folder.write("SEALED", seal(sealed, [recipient]))
    repository.commit("Version 1", "v1")
    return Project(repository, "live", {**hosts.env, "SHIPWAY_AGE_IDENTITY": str(vault / "age.key")})
