"""What a page names as its proof is there: a renamed test would leave a promise without one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`((?:src|tests|bench|bin|groups)/[\w/.-]+)`")


def named(page: Path) -> list[str]:
    """Paths of the repository that a page names; `groups/` is short for the groups of the fault matrix."""
    return [path if not path.startswith("groups/") else f"tests/faults/{path}" for path in NAMED.findall(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    missing = [path for path in named(page) if not list(ROOT.glob(path.rstrip("/")))]
    assert missing == [], f"{page.relative_to(ROOT)} names {', '.join(missing)}"


def test_the_pages_name_their_proofs() -> None:
    assert len(named(ROOT / "docs" / "reliability.md")) > 20
