"""What is said of books that were not kept, on a real database: each promise can be broken, and then is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import postgres_is_there
from tests.faults.books import DATABASE, Books, Scribes, broken_books
from tests.faults.ground import PATIENT
from tests.faults.groups import groups
from tests.faults.matrix import Matrix

pytestmark = [pytest.mark.slow, pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))]


@pytest.fixture(scope="module")
def books() -> Iterator[Books]:
    with Books("127.0.0.1", "held") as made:
        made.server.sql(DATABASE, "INSERT INTO rows VALUES ('a', 1)")
        yield made


def scribes(books: Books, *acknowledged: str) -> Scribes:
    made = Scribes(books, {})
    made.acknowledged.extend(acknowledged)
    return made


def test_books_that_were_kept_break_nothing(books: Books) -> None:
    assert list(broken_books(books, scribes(books, "a"), "100", {})) == []


def test_a_write_that_is_lost_is_named(books: Books) -> None:
    assert list(broken_books(books, scribes(books, "a", "b"), "100", {})) == ["1 of 2 acknowledged writes are lost: b"]


def test_a_schema_of_another_version_is_told(books: Books) -> None:
    said = list(broken_books(books, scribes(books, "a"), "101", {}))
    assert said == ["version 101 serves, and the schema is that of 100", "held migrations left the schema of 100, and 101 serves"]


def test_a_database_that_nobody_named_and_a_migration_that_is_open_are_told(books: Books, tmp_path: Path) -> None:
    books.server.database("shop_before_1_abc")
    books.server.database("shop_new_1_abc")
    (tmp_path / "migrations/main").mkdir(parents=True)
    (tmp_path / "migrations/main/open.json").write_text("{}")
    assert list(broken_books(books, scribes(books, "a"), "100", {"a": tmp_path})) == [
        "databases are left that nobody named: shop_new_1_abc",
        "a: a migration is noted as one that began",
    ]


def test_books_that_nobody_wrote_in_prove_nothing(books: Books) -> None:
    assert "nobody wrote anything" in list(broken_books(books, scribes(books), "100", {}))


@pytest.mark.hosts
@pytest.mark.alone
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("family", "moment"), [("phases-driver-1", "a done migrate:expand"), ("held-driver-1", "a done migrate:held")])
def test_a_deployment_right_behind_one_whose_driver_was_killed_knows_what_that_left(family: str, moment: str, tmp_path: Path) -> None:
    group = next(group for group in groups() if group.name == "books")
    meant = next(one for one in group.families if one.name == family)
    with Matrix(tmp_path, PATIENT) as matrix:
        case = next(one for one in matrix.cases(meant) if one.point == moment and one.name.endswith("then a deploy at once"))
        result = matrix.run(group, meant, case)
    assert result.ok, "\n".join(result.broken)
