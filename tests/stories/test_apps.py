"""Real applications that nobody here wrote, on real hosts over ssh: live, next version, two failures, back; under load."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from load import Load
from tests.apps import APPLICATIONS
from tests.hosts import Hosts
from tests.stories.project import Project

HOSTS = {"django": 1, "fastapi": 2, "datasette": 1, "static": 2}
"""Django keeps its data in SQLite and migrates once, so it has one host."""


def ask(address: str, page: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


@pytest.mark.hosts
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", list(APPLICATIONS))
def test_a_real_application_on_real_hosts(name: str, place: Path) -> None:
    with Hosts(HOSTS[name]) as hosts:
        lines = "\n".join(f'  {{ name = "{host}", address = "deploy@{hosts.address(host)}" }},' for host in hosts.names)
        app = APPLICATIONS[name](place / name, f'[environment.live]\nkey_pages = ["/"]\nwatch_seconds = 4\nhosts = [\n{lines}\n]\n')
        project = Project(app.repository, "live", hosts.env)
        doors = [f"{address}:{port}" for address, port in map(hosts.front, hosts.names)]

        def answers() -> set[str]:
            said = {ask(door, app.page)[1].partition("version ")[2][:1] for door in doors}
            assert all(ask(door, page)[0] == 200 for door in doors for page in app.pages)
            return said

        project.deploy("v1")
        assert answers() == {"1"}
        with Load(*doors, kinds=("keep-alive", "fresh"), page=app.page, version_pattern=r"version (\d)", scale=0.5) as load:
            project.deploy("v2")
            assert answers() == {"2"}
            for bad in app.bad:
                said = project.deploy(bad, code=3 if name == "static" else 1)
                assert app.reasons[bad] in said.text, said.text
                assert project.serving() == "v2"
                assert answers() == {"2"}
            project.rollback()
            assert answers() == {"1"}
            outcome = load.stop()
        assert outcome.failures == (), str(outcome)
        assert "3" not in outcome.versions
        assert outcome.versions.keys() <= {"1", "2", "4"}
        if name == "django":
            assert ask(doors[0], "/hours/")[0] == 200, "what version 2 migrated is still there"
