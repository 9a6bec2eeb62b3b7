"""Revisions as `alembic revision --autogenerate` writes them: branches and merges, batches, and what takes them back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shipway.model.errors import WrongInput
from shipway.model.intent import Migrations
from shipway.model.migration import Migration, Schema
from shipway.release.migrations.commit import pending, read_commit, wanted

ALEMBIC = Migrations("alembic", "main")
INI = "[alembic]\nscript_location = %(here)s/db\nprepend_sys_path = .\n\n[loggers]\nkeys = root\n"


def revision(name: str, down: str, upgrade: str = "pass", downgrade: str = "op.execute('SELECT 1')", more: str = "") -> str:
    return f'''"""a change

Revision ID: {name}
Create Date: 2026-11-01 10:00:00

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision: str = '{name}'
down_revision: Union[str, Sequence[str], None] = {down}
branch_labels = None
depends_on: Union[str, Sequence[str], None] = None
{more}

def upgrade() -> None:
    """Upgrade schema."""
    {upgrade}


def downgrade() -> None:
    """Downgrade schema."""
    {downgrade}
'''


def lacking(files: dict[str, str], applied: Sequence[str] = ()) -> list[Migration]:
    there = {"alembic.ini": INI, **files}
    commit = read_commit(ALEMBIC, {path: there[path].encode() for path in wanted(ALEMBIC, there)})
    assert not commit.complete, "where its files are alembic.ini and env.py say: only the release itself sees them all"
    return list(pending(commit, Schema(applied=tuple(applied)), held=False, overdue=(), locks=True).migrations)


def one(upgrade: str, downgrade: str = "op.execute('SELECT 1')") -> Migration:
    (found,) = lacking({"db/versions/2f_next.py": revision("2f", "None", upgrade, downgrade)})
    return found


USES = "which the release that serves may still use"


@pytest.mark.parametrize(
    ("upgrade", "words"),
    [
        (
            "op.add_column('orders', sa.Column('n', sa.Integer(), nullable=True))\n"
            "    op.execute('UPDATE orders SET n = 0')\n"
            "    op.alter_column('orders', 'n', existing_type=sa.Integer(), nullable=False)",
            "makes orders.n NOT NULL",
        ),
        (
            "op.add_column('orders', sa.Column('n', sa.Integer()))\n    op.alter_column('orders', 'n', nullable=False, server_default='0')",
            "",
        ),
        (
            "op.add_column('orders', sa.Column('n', sa.Integer(), nullable=False, server_default='0'))\n"
            "    op.alter_column('orders', 'n', server_default=None)",
            "takes the default of orders.n away",
        ),
        ("op.drop_column('orders', 'note')", f"drops orders.note, {USES}"),
        ("op.drop_column('orders', 'note', schema='shop')", f"drops shop.orders.note, {USES}"),
        ("op.drop_table('orders')", f"drops orders, {USES}"),
        ("op.rename_table('orders', 'purchases')", f"renames orders to purchases, {USES}"),
        (
            "op.add_column('orders', sa.Column('note', sa.Text(), nullable=False))",
            "adds orders.note, NOT NULL and without server_default: what the release that serves inserts fails",
        ),
        ("op.add_column('orders', sa.Column('note', sa.Text(), server_default='', nullable=False))", ""),
        ("op.add_column('orders', sa.Column('note', sa.Text(), nullable=True))", ""),
        ("op.add_column('orders', sa.Column('n', sa.BigInteger(), sa.Identity(), nullable=False))", ""),
        ("op.alter_column('orders', 'note', existing_type=sa.TEXT(), nullable=False)", "makes orders.note NOT NULL"),
        ("op.alter_column('orders', 'note', existing_type=sa.TEXT(), nullable=True)", ""),
        ("op.alter_column('orders', 'note', existing_type=sa.TEXT(), type_=sa.Integer())", f"changes the type of orders.note, {USES}"),
        ("op.alter_column('orders', 'note', existing_type=sa.String(length=100), type_=sa.String(length=500))", ""),
        ("op.alter_column('orders', 'note', existing_type=sa.String(length=100), type_=sa.Text())", ""),
        (
            "op.alter_column('orders', 'note', existing_type=sa.String(100), type_=sa.String(50))",
            f"changes the type of orders.note, {USES}",
        ),
        ("op.alter_column('orders', 'total', existing_type=sa.INTEGER(), type_=sa.BigInteger())", ""),
        ("for name in ('a', 'b'):\n        op.drop_column(name, 'note')", f"drops ?.note, {USES}"),
        ("op.alter_column('orders', 'note', new_column_name='remark')", f"renames orders.note to orders.remark, {USES}"),
        ("op.alter_column('orders', 'note', server_default=None)", "takes the default of orders.note away"),
        ("op.execute('DROP TABLE orders')", f"drops orders, {USES}"),
        ("op.execute(sa.text('ALTER TABLE orders DROP COLUMN note'))", f"drops orders.note, {USES}"),
        (
            "with op.batch_alter_table('orders', schema=None) as batch_op:\n        batch_op.drop_column('note')",
            f"drops orders.note, {USES}",
        ),
        ("conn = op.get_bind()\n    conn.execute(sa.text('DROP TABLE orders'))", f"drops orders, {USES}"),
    ],
)
def test_what_the_release_that_serves_loses(upgrade: str, words: str) -> None:
    found = one(upgrade).breaking
    assert (len(found) == 1 and found[0].startswith(words)) if words else found == (), found


@pytest.mark.parametrize(
    ("upgrade", "locks"),
    [
        ("op.create_index(op.f('ix'), 'orders', ['note'], unique=False)", ("orders against writes while an index is built",)),
        ("op.create_index('ix', 'orders', ['note'], postgresql_concurrently=True)", ()),
        (
            "with op.batch_alter_table('orders') as batch_op:\n        batch_op.create_index('ix', ['note'])",
            ("orders against writes while an index is built",),
        ),
        ("op.create_unique_constraint('uq', 'orders', ['note'])", ("orders against reads and writes while its rows are checked",)),
        ("op.create_foreign_key(None, 'orders', 'users', ['user_id'], ['id'])", ("orders against writes while its rows are checked",)),
    ],
)
def test_which_locks_it_takes(upgrade: str, locks: tuple[str, ...]) -> None:
    assert one(upgrade).locks == locks


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "words"),
    [
        ("op.drop_table('a')", "pass", ("its downgrade does nothing",)),
        ("op.drop_table('a')", "raise NotImplementedError('never')", ("its downgrade raises",)),
        ("op.drop_table('a')", "op.create_table('a')", ()),
        ("pass", "pass", ()),
    ],
)
def test_what_cannot_be_taken_back(upgrade: str, downgrade: str, words: tuple[str, ...]) -> None:
    assert one(upgrade, downgrade).irreversible == words


UNREAD = ("runs SQL that cannot be read here",)


@pytest.mark.parametrize(
    ("upgrade", "words"),
    [
        ("op.execute(SQL)", ("drops orders",)),
        ("statement = 'TRUNCATE orders'\n    op.execute(statement)", ("empties orders",)),
        ("for statement in ALL:\n        op.execute(sa.text(statement))", ("empties lines", "deletes every row of orders")),
        ("op.execute(sa.text('DELETE FROM orders WHERE id = :id').bindparams(id=1))", ("deletes rows of orders",)),
        ("op.execute('DROP TABLE {}'.format(table))", ("drops unknown",)),
        ("op.execute('DROP TABLE %s' % table)", ("drops unknown",)),
        ("op.execute(f'{verb} TABLE orders')", UNREAD),
        ("op.execute(f'DROP TABLE {NAME}')", ("drops lines",)),
        ("op.execute('DROP TABLE ' + table)", UNREAD),
        ("op.execute(statement_of(1))", UNREAD),
        ("op.execute(imported)", UNREAD),
        ("op.execute(open('drop.sql').read())", UNREAD),
        ("statement = 'SELECT 1'\n    statement += tail\n    op.execute(statement)", UNREAD),
        ("op.get_bind().exec_driver_sql('TRUNCATE orders')", ("empties orders",)),
        ("op.execute(orders.delete())", UNREAD),
        ("op.execute(orders.update().values(note=''))", UNREAD),
        ("op.execute(orders.update().where(orders.c.id == 1).values(note=''))", ()),
        ("rows = op.get_bind().execute(sa.select(orders.c.id).where(orders.c.id > 1))", ()),
    ],
)
def test_what_is_executed_is_read_or_said_to_be_unread(upgrade: str, words: tuple[str, ...]) -> None:
    more = (
        "from other import imported\nSQL = 'DROP TABLE orders'\nNAME = 'lines'\nALL: list[str] = ['TRUNCATE lines', 'DELETE FROM orders']\n"
    )
    (found,) = lacking({"db/versions/2f_next.py": revision("2f", "None", upgrade, more=more)})
    assert found.destructive == words


def test_what_ends_the_transaction_is_not_atomic() -> None:
    assert not one("op.execute('COMMIT')\n    op.execute('SELECT 1')").atomic


def test_what_is_outside_of_a_transaction_is_not_atomic() -> None:
    assert not one("with op.get_context().autocommit_block():\n        op.execute('VACUUM')").atomic
    assert one("op.execute('SELECT 1')").atomic


def test_branches_and_what_merges_them_come_in_an_order_in_which_they_can_run() -> None:
    files = {
        "db/versions/a_merge.py": revision("a0", "('b1', 'c1')"),
        "db/versions/b_one.py": revision("b1", "'f0'", "op.create_table('notes')"),
        "db/versions/c_other.py": revision("c1", "'f0'"),
        "db/versions/f_first.py": revision("f0", "None"),
        "other/versions/x.py": revision("xx", "None"),
    }
    assert [found.name for found in lacking(files)] == ["f0", "b1", "c1", "a0"]
    assert [(found.name, found.path) for found in lacking(files, ["f0", "b1"])] == [
        ("c1", "db/versions/c_other.py"),
        ("a0", "db/versions/a_merge.py"),
    ]


def test_a_comment_gives_the_phase() -> None:
    (found,) = lacking({"db/versions/2f_x.py": revision("2f", "None", "op.drop_column('a', 'b')", more="# shipway: contract")})
    assert (found.phase, found.breaking, found.destructive) == ("contract", (), ("drops a.b",))


def test_a_comment_that_asks_for_nothing_known_is_refused() -> None:
    with pytest.raises(WrongInput) as raised:
        lacking({"db/versions/2f_x.py": revision("2f", "None", "op.drop_column('a', 'b')  # shipway: contract, drops b")})
    assert "db/versions/2f_x.py, line " in raised.value.message


def test_a_file_that_is_no_python_is_named_with_its_line() -> None:
    with pytest.raises(WrongInput) as raised:
        lacking({"db/versions/2f_x.py": "revision = '2f'\ndown_revision = (\n"})
    assert "db/versions/2f_x.py, line 2" in raised.value.message
