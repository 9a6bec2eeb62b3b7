"""What a comment in a migration's file asks for is done or refused by name, and is never taken for silence."""

from __future__ import annotations

import pytest

from shipway_agent.data.migrations.marks import Strange, marks
from shipway_agent.data.migrations.migration import said
from shipway_agent.errors import AgentError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-- shipway: contract\nSELECT 1", ["contract"]),
        ("--shipway:held", ["held"]),
        ("--  Shipway :  CONTRACT. ", ["contract"]),
        ("ALTER TABLE t DROP COLUMN a; -- shipway: contract (drops a; see #12)", ["contract"]),
        ("/* made by hand\n * shipway: held\n */ SELECT 1", ["held"]),
        ("/* shipway: held */ SELECT 1", ["held"]),
        ("-- shipway: no  transaction, contract -- and why", ["no transaction", "contract"]),
        ("SELECT 'it''s'; -- shipway: no transaction\nSELECT 'more'", ["no transaction"]),
        ("SELECT E'it\\'s' -- shipway: held", ["held"]),
        ("DO $a$ BEGIN -- it's shipway: held\nEND $a$", ["held"]),
        ("SELECT '-- shipway: hold', \"-- shipway: nothing\"", []),
        ("-- see http://shipway:8080/ and shipway://x and my-shipway: or ask shipway\nSELECT 1", []),
    ],
)
def test_in_sql(text: str, wanted: list[str]) -> None:
    assert marks(text, sql=True) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# shipway: contract\nrevision = '1'", ["contract"]),
        ("op.drop_column('a', 'b')  # SHIPWAY: Contract  # noqa: E501", ["contract"]),
        ("op.execute('-- shipway: held\\nDROP TABLE a')", ["held"]),
        ('op.execute("""\nDROP TABLE a  -- shipway: held\n""")', ["held"]),
        ('"""It\'s made for shipway: later more."""\nx = "# shipway: contract"', []),
    ],
)
def test_in_python(text: str, wanted: list[str]) -> None:
    assert marks(text, sql=False) == wanted


@pytest.mark.parametrize("words", ["contracts", "contract drops a", "hold", "no-transaction", "expand", "", "contract, later"])
def test_what_is_not_known_is_refused_with_its_line(words: str) -> None:
    with pytest.raises(Strange) as raised:
        marks(f"SELECT 1;\nSELECT 2; -- shipway: {words}\n", sql=True)
    assert raised.value.line == 2 and f"`shipway: {words}".rstrip() in str(raised.value)


def test_one_file_runs_in_one_phase() -> None:
    with pytest.raises(Strange, match="can be one of them"):
        marks("# shipway: held\n# shipway: contract", sql=False)


def test_a_host_names_the_migration() -> None:
    with pytest.raises(AgentError) as raised:
        said("# shipway: contracts", "shop.0002_note")
    assert raised.value.code == "migrations-marker" and raised.value.message.startswith("shop.0002_note, line 1: `shipway: contracts` says")
