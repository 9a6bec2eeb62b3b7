"""A few cases of the fault matrix, drawn by the commit: another commit gets other cases, and one commit has one verdict."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.case import Family, Group
from tests.faults.ground import PATIENT
from tests.faults.groups import groups
from tests.faults.matrix import Matrix, drawn, sampled

pytestmark = [pytest.mark.hosts, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with Matrix(tmp_path_factory.mktemp("faults"), PATIENT) as matrix:
        yield matrix


def seed() -> str:
    """The commit's tree, so that the same content has the same sample."""
    root = Path(__file__).parents[2]
    return subprocess.run(["git", "rev-parse", "HEAD^{tree}"], cwd=root, capture_output=True, text=True, check=False).stdout.strip()


SEED = seed()


def two() -> list[Group]:
    """The operator's deaths, and one of the other groups: all of them together take hours, `bin/faults --all`."""
    operator, *others = groups()
    return [operator, random.Random(SEED).choice(others)]


@pytest.mark.parametrize(("group", "family"), drawn(two(), SEED), ids=lambda one: one.name)
def test_a_fault_breaks_no_promise(matrix: Matrix, group: Group, family: Family) -> None:
    for case in sampled(matrix, group, family, 1, SEED):
        result = matrix.run(group, family, case)
        told = "\n".join(result.broken)
        assert result.ok, f"{told}\nseed {SEED}; read {result.evidence}\nagain: bin/faults --patient --case '{result.name}'"
        assert result.requests > 0
        assert result.spares == (family.hosts if family.spare else 0)
