"""A root and what shipway.toml would say of its data in; out, a generation that is current there and declares it."""

from __future__ import annotations

import json
from typing import Any

from shipway_agent.data.declared import Declared, declared
from tests.agent.data.kept import Kept


def generation(home: Kept, driver: str, row: dict[str, Any], env: dict[str, str] | None = None) -> Declared:
    """Data called main, as generation 1 has it; host `a` keeps its points."""
    place = home.path / "generations" / "000001"
    place.mkdir(parents=True, exist_ok=True)
    full = {"name": "main", "driver": driver, "host": "a", "keep": 5, "timeout_seconds": 60.0, **row}
    document = {"app": "shop", "environment": "production", "number": 1, "release": "0" * 64, "version": "v1", "data": [full]}
    (place / "generation.json").write_text(json.dumps(document))
    (place / "env.json").write_text(json.dumps({"common": env or {}}))
    (home.path / "current").unlink(missing_ok=True)
    (home.path / "current").symlink_to("generations/000001")
    return declared(home.root, "main")
