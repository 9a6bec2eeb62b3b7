"""From a repository that knows nothing of Shipway to a page over ssh: `init`, its own next commands, nothing edited."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.projects import PUBLISHED
from tests.stories.project import Project


@pytest.mark.hosts
@pytest.mark.timeout(300)
def test_what_init_wrote_goes_live_unedited(place: Path) -> None:
    published = next(one for one in PUBLISHED if one.app == "html5-boilerplate")
    repository = published.repository(place / "site")
    with Hosts(1) as hosts:
        project = Project(repository, "production", hosts.env)
        following = project.run("init", "--host", hosts.address("a")).text.split("next: ", 1)[1].splitlines()[0]
        commit, *commands = following.split(", then ")
        for command in commit.split(" && "):
            repository.git(*shlex.split(command)[1:])
        for command in commands:
            project.run(*shlex.split(command)[1:])
        ask = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8080/', timeout=10).read().decode())"
        assert published.says in hosts.run("a", ["python3", "-c", ask]).stdout.decode()
