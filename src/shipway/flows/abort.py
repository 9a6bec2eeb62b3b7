"""`shipway abort`: settle what an interrupted driver left, backward unless it is committed; without hosts that are lost for ever too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shipway.flows.attempt import attempt
from shipway.flows.head import intent_of_head
from shipway.flows.lost import settle_without
from shipway.flows.project import open_project
from shipway.flows.serving import serving
from shipway.flows.settle import settle
from shipway.flows.words import AbortWords
from shipway.model.errors import Failed
from shipway.model.event import Event
from shipway.model.verdict import Verdict


async def abort(words: AbortWords, on_event: Callable[[Event], None]) -> Verdict:
    """Undo what is undecided. Raises Failed when the fleet has committed: then only a rollback goes back."""
    project = open_project(words.project)
    with attempt(project.directory, on_event, "abort", lambda: project.meant(words.environment)) as trying:
        intent = intent_of_head(project, words.environment)
        name = intent.environment.name
        done = await (settle_without(trying, intent, words.lost) if words.lost else settle(trying, intent, "abort"))
        where = f"on {' and '.join(done.facts)}" if words.lost else "everywhere"
        serves = serving(done.facts, where)
        if not done.decisions:
            return trying.ended(Verdict("unchanged", 0, f"nothing is open in {name}: {serves}", _write_off(name, words.lost)))
        committed = [deployment for deployment, decision in done.decisions.items() if decision == "committed"]
        if committed:
            raise Failed(
                f"{committed[-1]} was committed before this abort; {f'it is followed {where}' if words.lost else 'every host follows it'}",
                state=serves + _written_off(words.lost),
                hint=f"shipway rollback {name} goes back to what was current before",
                code="committed",
            )
        undone = ", ".join(done.decisions)
        message = f"{undone} is undone {where if words.lost else 'on every host'}: {serves}{_written_off(words.lost)}"
        return trying.ended(Verdict("undone", 0, message, _afterwards(name, words.lost), done.deployment))


def _written_off(lost: Sequence[str]) -> str:
    if not lost:
        return ""
    one = len(lost) == 1
    return f"; {' and '.join(lost)} {'is' if one else 'are'} written off, and will follow when {'it' if one else 'they'} can be reached"


def _afterwards(environment: str, lost: Sequence[str]) -> str:
    if not lost:
        return ""
    names = " and ".join(lost)
    return f"take {names} out of shipway.toml and commit, or wait until it is back; then shipway deploy {environment}"


def _write_off(environment: str, lost: Sequence[str]) -> str:
    """Where nothing is open nobody has to be fenced: a host that is gone is simply taken out."""
    return f"shipway host remove {environment} {lost[0]} --lost takes it out of the environment" if lost else ""
