"""What `init` makes of each real project is what was reviewed and what docs/init.md says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.flows.init import look
from shipway.flows.words import InitWords
from tests.projects import ARCHIVES, PUBLISHED, Published

PAGE = (Path(__file__).parents[2] / "docs/init.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("project", PUBLISHED, ids=lambda project: project.app)
def test_what_it_is(project: Published, tmp_path: Path) -> None:
    directory = tmp_path / project.file.removesuffix(".tgz").removesuffix(".tar.gz")
    project.repository(directory)
    found = look(InitWords(project=directory)).found
    assert found is not None
    web = {process.name: process.run for process in found.shipment.processes}
    assert (found.kind, found.shipment.app, found.shipment.static) == (project.kind, project.app, project.static)
    assert web == ({"web": project.web} if project.web else {})
    version = directory.name.rpartition("-")[2]
    assert f"| {project.app} {version} | {project.kind} |" in PAGE, "docs/init.md has a row for it"


def test_every_archive_is_in_the_table_and_all_are_small() -> None:
    assert {path.name for path in ARCHIVES.iterdir()} == {project.file for project in PUBLISHED}
    assert sum(path.stat().st_size for path in ARCHIVES.iterdir()) < 2_000_000
