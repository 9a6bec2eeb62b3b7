"""The site: every page is in it, every link leads somewhere, and a browser asks nobody else's server for anything that it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page import DOCS


@pytest.mark.slow
def test_the_site_is_built_without_a_broken_link(tmp_path: Path) -> None:
    shutil.copy(DOCS.parent / "mkdocs.yml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    argv = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "build/site"
    missing = [page for page in DOCS.rglob("*.md") if not (site / page.relative_to(DOCS)).with_suffix(".html").is_file()]
    assert missing == []
    assert 'id="lease-held"' in (site / "reference/errors.html").read_text(encoding="utf-8")
    asked = {url for page in site.rglob("*.html") for url in re.findall(r'(?:src|rel="stylesheet" href)="(https?:[^"]+)', page.read_text())}
    assert asked == set()


def test_every_page_is_in_the_menu() -> None:
    menu = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page.parent.name != "decisions"]
    assert [page for page in pages if f": {page}" not in menu] == []
