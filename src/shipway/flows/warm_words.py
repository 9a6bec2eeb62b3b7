"""A plan in, what its good news adds about the generation that it replaces out."""

from __future__ import annotations

from shipway.model.plan import Plan


def warm_words(plan: Plan) -> str:
    """How long what was replaced stays as it is; nothing where it does not."""
    before, seconds = plan.document.get("before"), float(plan.document.get("keep_warm_seconds", 0.0))
    return f"; generation {before} stays warm for {seconds:g} s" if before is not None and seconds > 0 else ""
