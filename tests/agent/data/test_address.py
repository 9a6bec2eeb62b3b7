"""A URL becomes the environment of PostgreSQL's programs, or is refused without being shown."""

from __future__ import annotations

import pytest

from shipway_agent.data.address import environment_of
from shipway_agent.errors import AgentError


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (
            "postgres://ann:s%40cret@db.example:5433/shop",
            {"PGHOST": "db.example", "PGPORT": "5433", "PGUSER": "ann", "PGPASSWORD": "s@cret"},
        ),
        ("postgresql+psycopg2://ann@/shop?host=/run/postgresql", {"PGHOST": "/run/postgresql", "PGUSER": "ann"}),
        ("postgis://[::1]/shop", {"PGHOST": "::1"}),
        ("postgres:///shop?sslmode=verify-full&pool_size=3", {"PGSSLMODE": "verify-full"}),
    ],
)
def test_what_a_url_says(url: str, wanted: dict[str, str]) -> None:
    found = environment_of(url, what="data main")
    assert found == {**wanted, "PGDATABASE": "shop", "PGCONNECT_TIMEOUT": "10"}


@pytest.mark.parametrize(
    "url", ["mysql://ann:secret@h/shop", "secret", "postgres://h:secret/shop", "postgres://ann:secret@h/", "postgres://h/a%00secret"]
)
def test_what_is_no_url_is_refused_and_never_shown(url: str) -> None:
    with pytest.raises(AgentError, match="data main") as refused:
        environment_of(url, what="data main")
    assert refused.value.code == "data-url"
    assert "secret" not in refused.value.message
