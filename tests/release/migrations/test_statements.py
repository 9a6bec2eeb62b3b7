"""What a statement of SQL does, told by its words: strings, comments and quoted names are never taken for something else."""

from __future__ import annotations

import pytest

from shipway.model.errors import WrongInput
from shipway.release.migrations.statements import changes_of, first_alone
from shipway.release.migrations.tokens import statements

TABLE = [
    ("DROP TABLE IF EXISTS public.orders, audit.log CASCADE", {"drops orders", "drops audit.log"}, "destructive"),
    ('drop table "Order Lines"', {"drops Order Lines"}, "destructive"),
    ("ALTER TABLE orders DROP COLUMN IF EXISTS note, DROP COLUMN old", {"drops orders.note", "drops orders.old"}, "destructive"),
    ("ALTER TABLE ONLY orders DROP CONSTRAINT orders_pk", set[str](), "destructive"),
    ("TRUNCATE TABLE ONLY orders, lines RESTART IDENTITY", {"empties orders", "empties lines"}, "destructive"),
    ("DELETE FROM orders", {"deletes every row of orders"}, "destructive"),
    ("DELETE FROM orders WHERE paid", {"deletes rows of orders"}, "destructive"),
    ("UPDATE orders SET note = ''", {"overwrites every row of orders"}, "destructive"),
    ("UPDATE orders SET note = '' WHERE note IS NULL", set[str](), "destructive"),
    ("ALTER TABLE orders ALTER COLUMN total TYPE integer", {"changes the type of orders.total"}, "destructive"),
    ("ALTER TABLE orders ALTER total SET DATA TYPE bigint", set[str](), "destructive"),
    ("INSERT INTO notes VALUES ('DROP TABLE orders; --')", set[str](), "destructive"),
    ("-- DROP TABLE orders\nSELECT 1 /* DROP TABLE /* orders */ */", set[str](), "destructive"),
    ("DO $body$ BEGIN DROP TABLE orders; END $body$", {"drops orders"}, "destructive"),
    ("DO LANGUAGE plpgsql 'BEGIN DELETE FROM orders WHERE note = ''x''; END'", {"deletes rows of orders"}, "destructive"),
    ("DO $$ BEGIN IF a THEN x := 1; ELSE TRUNCATE orders; END IF; END $$", {"empties orders"}, "destructive"),
    ("DO $$ DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP DROP TABLE orders; END LOOP; END $$", {"drops orders"}, "destructive"),
    ("DO $$ BEGIN EXECUTE 'DROP TABLE orders'; END $$", {"drops orders"}, "destructive"),
    ("DO $$ BEGIN EXECUTE format('ALTER TABLE %I DROP COLUMN note', t); END $$", {"drops unknown.note"}, "destructive"),
    ("DO $$ BEGIN EXECUTE 'DROP TABLE ' || t; END $$", {"runs SQL that cannot be read here"}, "destructive"),
    ('DO LANGUAGE plpython3u $$ plpy.execute("it\'s") $$', {"runs SQL that cannot be read here"}, "destructive"),
    ("DO $$ it's $$", {"runs SQL that cannot be read here"}, "destructive"),
    ("DO $$ BEGIN CREATE TYPE mood AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END $$", set[str](), "destructive"),
    ("WITH old AS (DELETE FROM orders WHERE paid RETURNING *) SELECT * FROM old", {"deletes rows of orders"}, "destructive"),
    ("WITH a AS (SELECT 1 WHERE true) UPDATE orders SET note = '' FROM a", {"overwrites every row of orders"}, "destructive"),
    (
        "WITH a (b) AS (SELECT f(1)), c AS (DELETE FROM lines) DELETE FROM orders",
        {"deletes every row of lines", "deletes every row of orders"},
        "destructive",
    ),
    ("WITH a AS (SELECT 1) INSERT INTO notes SELECT * FROM a", set[str](), "destructive"),
    ("UPDATE orders SET note = (SELECT n FROM notes WHERE id = 1)", {"overwrites every row of orders"}, "destructive"),
    ("UPDATE orders SET note = (SELECT n FROM notes WHERE id = 1) WHERE note IS NULL", set[str](), "destructive"),
    ("DROP TYPE IF EXISTS mood CASCADE", {"drops mood and every column of it"}, "destructive"),
    ("DROP EXTENSION hstore, citext CASCADE", {"drops hstore and every", "drops citext and every"}, "destructive"),
    ("DROP SCHEMA old CASCADE", {"drops old"}, "destructive"),
    ("DROP TYPE mood", set[str](), "destructive"),
    ("ALTER TABLE orders ALTER COLUMN total TYPE numeric(10, 2)", {"changes the type of orders.total"}, "destructive"),
    ("ALTER TABLE orders ALTER COLUMN total TYPE numeric USING (total::numeric)", set[str](), "destructive"),
    ("ALTER TABLE orders ALTER COLUMN note TYPE varchar(9)", {"changes the type of orders.note"}, "destructive"),
    ("ALTER TABLE orders DETACH PARTITION orders_2025", {"takes orders_2025 out of orders"}, "breaking"),
    ("SELECT E'it\\'s; DROP TABLE orders'", set[str](), "destructive"),
    ("ALTER TABLE orders RENAME COLUMN note TO remark", {"renames orders.note to orders.remark"}, "breaking"),
    ("ALTER TABLE orders RENAME note TO remark", {"renames orders.note to orders.remark"}, "breaking"),
    ("ALTER TABLE orders RENAME TO purchases", {"renames orders to purchases"}, "breaking"),
    ("ALTER TABLE orders RENAME CONSTRAINT a TO b", set[str](), "breaking"),
    ("ALTER TABLE orders ADD COLUMN note text NOT NULL", {"adds orders.note, NOT NULL and without a default"}, "breaking"),
    ("ALTER TABLE orders ADD note numeric(10, 2) NOT NULL DEFAULT 0, ADD b int", set[str](), "breaking"),
    ("ALTER TABLE orders ADD COLUMN id bigserial PRIMARY KEY", set[str](), "breaking"),
    ("ALTER TABLE orders ALTER COLUMN note SET NOT NULL", {"makes orders.note NOT NULL"}, "breaking"),
    ("ALTER TABLE orders ALTER COLUMN note DROP NOT NULL", set[str](), "breaking"),
    ("ALTER TABLE orders ALTER COLUMN note DROP DEFAULT", {"takes the default of orders.note away"}, "breaking"),
    ("DROP VIEW paid_orders", {"drops paid_orders"}, "breaking"),
    ("CREATE INDEX ON orders (note)", {"orders against writes while an index is built"}, "lock"),
    (
        "CREATE UNIQUE INDEX IF NOT EXISTS by_note ON ONLY orders USING btree (note)",
        {"orders against writes while an index is built"},
        "lock",
    ),
    ("CREATE INDEX CONCURRENTLY by_note ON orders (note)", set[str](), "lock"),
    ("ALTER TABLE orders ADD CHECK (total > 0)", {"orders against reads and writes while its rows are checked"}, "lock"),
    ("ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID", {"orders against reads and writes for a moment"}, "lock"),
    ("ALTER TABLE orders VALIDATE CONSTRAINT c", set[str](), "lock"),
    (
        "ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid()",
        {"orders against reads and writes while it is rewritten"},
        "lock",
    ),
    ("ALTER TABLE orders ADD COLUMN at timestamptz DEFAULT now()", {"orders against reads and writes for a moment"}, "lock"),
]


@pytest.mark.parametrize(("text", "wanted", "kind"), TABLE, ids=[text.replace("\n", " ")[:60] for text, _, _ in TABLE])
def test_what_a_statement_does(text: str, wanted: set[str], kind: str) -> None:
    found = {f"{change.table} {change.lock}" if kind == "lock" else getattr(change, kind) for change in changes_of(text, "x.sql")}
    said = {words for words in found if words and (kind != "lock" or "against" in words)}
    assert len(said) == len(wanted) and all(any(words.startswith(one) for words in said) for one in wanted), said


def test_a_trigger_is_one_statement_though_it_has_semicolons() -> None:
    text = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET n = CASE WHEN 1 THEN 2 END; DELETE FROM b; END; SELECT 1;"
    assert [len(found) for found in statements(text, "x.sql")][1] == 2
    assert changes_of(text, "x.sql") == ()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("SELECT 1;\nSELECT 'open", 2, "the ' that begins here has no end"),
        ("\n\n/* open", 3, "the comment that begins here has no end"),
        ("DO $x$ BEGIN", 1, "the $x$ that begins here has no end"),
    ],
)
def test_a_text_without_an_end_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(WrongInput) as raised:
        changes_of(text, "migrations/0001_a.sql")
    assert raised.value.message == f"migrations/0001_a.sql, line {line}: this migration cannot be read: {what}"


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", True),
        ("CREATE INDEX i ON t (a)", False),
        ("VACUUM t", True),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", True),
        ("ALTER SYSTEM SET a = 1", True),
    ],
)
def test_what_refuses_to_be_in_a_transaction(text: str, alone: bool) -> None:
    assert (first_alone(text, "x.sql") is not None) is alone
