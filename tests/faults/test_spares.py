"""Cases meet spare trees: each begins with one on every host, says how many were used, and a run that uses none is red."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults import spares
from tests.faults.__main__ import ENOUGH_CASES, meets_no_spare_tree
from tests.faults.case import Case, Family, Group, Result
from tests.faults.ground import PATIENT, ROOT
from tests.faults.matrix import Matrix
from tests.faults.trial import Trial

RESULT = Result("made/family/case", (), 1.0, None, 10, 0)


def _deploy(trial: Trial) -> None:
    trial.commit()
    trial.next_deploy()


CASE = Case("a deployment", _deploy)
FAMILY = Family("made-1", 1, lambda ground: [CASE])
GROUP = Group("made", (FAMILY,))


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with Matrix(tmp_path_factory.mktemp("spares"), PATIENT) as matrix:
        yield matrix


def remove(matrix: Matrix) -> None:
    """Once there is a spare tree, somebody takes it away."""
    assert spares.come(matrix.ground(FAMILY))
    remove = f"chmod -R u+w {ROOT}/releases/spare-*; rm -r {ROOT}/releases/spare-*"
    matrix.ground(FAMILY).hosts.run("a", ["sh", "-c", remove])


@pytest.mark.hosts
@pytest.mark.slow
@pytest.mark.timeout(300)
class TestOnAHost:
    def test_each_case_begins_with_a_spare_tree_and_its_release_is_made_of_it(self, matrix: Matrix) -> None:
        for _ in range(2):
            result = matrix.run(GROUP, FAMILY, CASE)
            assert (result.broken, result.spares, result.used) == ((), 1, 1)

    def test_where_none_is_on_its_way_somebody_deploys_before_the_case(self, matrix: Matrix) -> None:
        remove(matrix)
        result = matrix.run(GROUP, FAMILY, CASE)
        assert (result.broken, result.spares, result.used) == ((), 1, 1)

    def test_a_family_that_wants_none_does_not_wait(self, matrix: Matrix) -> None:
        result = matrix.run(GROUP, replace(FAMILY, spare=False), CASE)
        assert (result.broken, result.spares, result.used) == ((), 0, 0)

    def test_a_host_that_lays_none_in_time_breaks_the_case(self, matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
        remove(matrix)
        monkeypatch.setattr(spares, "COME_SECONDS", 0.0)
        result = matrix.run(GROUP, FAMILY, CASE)
        assert result.broken == ("AssertionError: no spare tree was laid on a",)


def test_a_run_that_uses_none_is_red() -> None:
    met = replace(RESULT, spares=2)
    assert meets_no_spare_tree([met] * ENOUGH_CASES)
    assert not meets_no_spare_tree([met] * (ENOUGH_CASES - 1)), "some die where they make a tree"
    assert not meets_no_spare_tree([*[met] * ENOUGH_CASES, replace(met, used=1)])
    assert not meets_no_spare_tree([RESULT] * ENOUGH_CASES), "none was wanted"
