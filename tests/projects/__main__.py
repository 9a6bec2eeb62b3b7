"""Names of real projects in, each through `init --yes` and `deploy` on this machine out: python -m tests.projects [APP…].

It needs node and npm for those of Node, and the registries. A line a project: exit code, seconds, what its front page answers.
"""

from __future__ import annotations

import http.client
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.projects import PUBLISHED, Published
from tests.stories import project as stories

LIMIT_SECONDS = 900.0


def main(names: list[str]) -> int:
    """All of them, or those that are named; 0 when every one went live."""
    stories.LIMIT_SECONDS = LIMIT_SECONDS
    wanted = [one for one in PUBLISHED if not names or one.app in names]
    went_live = [_goes_live(one) for one in wanted]
    return 0 if all(went_live) else 1


def _goes_live(published: Published) -> bool:
    name = f"try-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="projects-") as place:
        repository = published.repository(Path(place) / published.app)
        project = stories.Project(repository, "local")
        data = project.run("init", "--yes", "--app", name, "--json").verdict["data"]
        repository.commit("Deploy with Shipway")
        began = time.monotonic()
        try:
            said = project.run("deploy", code=None)
            seconds = time.monotonic() - began
            answered = _ask(data["text"]) if said.code == 0 else said.text
        finally:
            project.run("remove", "local", "--yes", "--shared", code=None)
    good = said.code == 0 and published.says in answered
    print(json.dumps({"app": published.app, "kind": data["kind"], "exit": said.code, "seconds": round(seconds), "good": good}), flush=True)
    if not good:
        print(answered[-3000:])
    return good


def _ask(text: str) -> str:
    """The front page, at the address that the written file has."""
    connection = http.client.HTTPConnection(text.split('listen = "')[1].split('"')[0], timeout=20)
    connection.request("GET", "/")
    answer = connection.getresponse()
    return f"{answer.status} {answer.read().decode(errors='replace')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
