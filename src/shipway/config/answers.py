"""What a person answered to the questions of `init` in, a sentence for each answer that shipway.toml would not take out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shipway.config import derive, forms
from shipway.config.faults import shown
from shipway.config.schema import Host

LOCAL = "local"
"""The address of this machine."""

_FORMS: dict[str, Any] = {
    "--app": forms.Name,
    "--env": forms.Name,
    "--host": forms.Address,
    "--domain": forms.Domain,
    "--health": forms.PagePath,
    "--run": forms.Command,
}


def fault(option: str, answer: str) -> str | None:
    """Why an answer is none; None for a good one. `option` is one of --app, --env, --host, --domain, --health, --run."""
    try:
        answer.encode()
        TypeAdapter(_FORMS[option]).validate_python(answer)
    except UnicodeEncodeError:
        return f"{option} should be UTF-8"
    except ValidationError as error:
        (problem,) = error.errors(include_url=False)[:1]
        return f"{option} {problem['ctx']['sentence']}, found {shown(answer)}"
    if option == "--host" and answer != LOCAL and derive.host_name(Host(address=answer)) is None:
        return f"--host {shown(answer)} has no name that could serve; give it one in ~/.ssh/config and write that"
    return None


def faults(answers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The faults of many answers, and of hosts that are named twice."""
    seen: set[str | None] = set()
    for option, answer in answers:
        found = fault(option, answer)
        if found is not None:
            yield found
        elif option == "--host":
            name = LOCAL if answer == LOCAL else derive.host_name(Host(address=answer))
            if name in seen:
                yield f"--host {shown(answer)} is named twice"
            seen.add(name)


def host_name(address: str) -> str:
    """What a host is called whose address is good."""
    return derive.host_name(Host(address=address)) or LOCAL
