"""Nothing in, real databases out: a PostgreSQL server of a test's own, gone with it."""

from __future__ import annotations

from tests.databases.postgres import Server, postgres_is_there

__all__ = ["Server", "postgres_is_there"]
