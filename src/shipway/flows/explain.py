"""`shipway explain CODE`: the code of an error in, what it means and what helps out. No host and no project is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches

from shipway.flows.catalogue import OPERATOR
from shipway.flows.hints import HOSTS, hint
from shipway.flows.words import ExplainWords
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def explain(words: ExplainWords, on_event: Callable[[Event], None]) -> Verdict:
    """Every meaning that the code has, here and on a host. Raises WrongInput for what is no code."""
    told = list(_meanings(words.error))
    if not told:
        near = get_close_matches(words.error, [*OPERATOR, *HOSTS], n=3)
        raise WrongInput(
            f"no error has the code {words.error!r}",
            hint=f"shipway explain {near[0]}" if near else "--json has it in `data.code`, a refusal on its last line",
            code="no-code",
            details=[f"near it: {', '.join(near)}"] if near else [],
        )
    lines = [line for meaning in told for line in _shown(words.error, meaning)]
    return Verdict("answer", 0, f"what {words.error} means", data={"code": words.error, "meanings": told, "lines": lines})


def _meanings(error: str) -> Iterator[dict[str, str]]:
    if error in OPERATOR:
        yield {"said_by": "this machine", "means": OPERATOR[error].means, "next": OPERATOR[error].next}
    if error in HOSTS:
        yield {"said_by": "a host, or the way to it", "means": HOSTS[error].means, "next": hint(error, environment="ENV")}


def _shown(error: str, meaning: dict[str, str]) -> list[str]:
    return [
        f"{error}: {meaning['means']}",
        f"  said by: {meaning['said_by']}",
        f"  next: {meaning['next']}",
        f"  page: docs/reference/errors.md#{error}",
    ]
