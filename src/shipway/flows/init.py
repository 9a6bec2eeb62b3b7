"""`shipway init`: what is committed is looked at, and a shipway.toml that works as it is is written beside it."""

from __future__ import annotations

import difflib
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from shipway.config import answers
from shipway.config.locate import FILE, find_top
from shipway.config.resolve import resolve
from shipway.config.template import template
from shipway.detect.project import detect
from shipway.detect.tree import LARGEST_BYTES, Tree
from shipway.flows.words import InitWords
from shipway.model.errors import Refused, WrongInput
from shipway.model.event import Event
from shipway.model.found import Found
from shipway.model.intent import Environment, Host
from shipway.model.verdict import Verdict
from shipway.release.listing import Listing, listing
from shipway.release.source import Repository
from shipway_agent.record import asdict, dataclass, replace

UNTOUCHED = "nothing was touched"
KEPT = Path(".shipway/replaced")
"""Where a file is kept that --force took the place of: there it never counts as a change of the checkout."""

FIRST_PORT = 8080
DIFFERENCES = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at and what it is; `found` is None where nothing was recognised."""

    directory: Path
    name: str
    listing: Listing
    found: Found | None


async def init(words: InitWords, on_event: Callable[[Event], None]) -> Verdict:
    """Write the file, or with `dry_run` print it. Raises WrongInput with every fault of the words, Refused."""
    environment = _environment_name(words)
    _check(words, environment)
    seen = look(words)
    found = _recognised(seen)
    app = words.app or found.shipment.app
    wanted = Environment(environment, tuple(_hosts(words, app, environment)), domains=words.domain)
    text = template(replace(found.shipment, app=app), wanted, found.kind, found.assumptions)
    resolve(text, text, environment, name=FILE)
    data = {
        "file": str(seen.directory / FILE),
        "kind": found.kind,
        "app": app,
        "environment": environment,
        "hosts": [host.address for host in wanted.hosts],
        "assumptions": [asdict(one) for one in found.assumptions],
        "text": text,
    }
    if words.dry_run:
        return Verdict(
            "answer", 0, f"{FILE} would be written for {found.kind}; nothing was touched", "", "", {**data, "lines": text.split("\n")[:-1]}
        )
    kept = _write(seen.directory, text, force=words.force)
    lines = [
        f"{app} is {found.kind}, {_from_where(seen)}:",
        *(f"  {one.sentence}" for one in found.assumptions),
        *([f"  what was there is kept as {kept}"] if kept else []),
    ]
    message = f"{FILE} is written and valid; once deployed, {app} answers at {_address(wanted)}/"
    return Verdict("answer", 0, message, _next(seen, environment), "", {**data, "kept": kept, "lines": lines})


def look(words: InitWords) -> Seen:
    """What the directory is, for who asks before it writes. Raises WrongInput, Refused."""
    directory = words.project.resolve()
    top = find_top(directory)
    repository = Repository.open(top)
    listed = listing(repository, directory.relative_to(top).as_posix(), largest_bytes=LARGEST_BYTES)
    tree = Tree((path for path in listed.paths if path != FILE), listed.read)
    return Seen(directory, directory.name, listed, detect(tree, directory.name, run=words.run, health=words.health))


def _address(environment: Environment) -> str:
    """The URL of the front door of the first host, by the name that it answers to."""
    first = environment.hosts[0]
    if environment.domains and first.listen is None:
        return f"https://{environment.domains[0]}"
    host, _, port = (first.listen or f"{first.name}:{FIRST_PORT}").rpartition(":")
    return f"http://{environment.domains[0] if environment.domains else host}:{port}"


def _environment_name(words: InitWords) -> str:
    remote = any(address != answers.LOCAL for address in words.host)
    return words.env or ("production" if remote else "local")


def _check(words: InitWords, environment: str) -> None:
    """Everything that was typed, at once."""
    typed = [(option, one) for option, one in (("--app", words.app), ("--env", environment)) if one is not None]
    typed += [(option, one) for option, one in (("--run", words.run), ("--health", words.health)) if one is not None]
    typed += [("--host", one) for one in words.host] + [("--domain", one) for one in words.domain]
    faults = list(answers.faults(typed))
    if faults:
        raise WrongInput(
            f"{len(faults)} of the answers cannot stand in {FILE}" if len(faults) > 1 else faults[0],
            state=UNTOUCHED,
            hint="shipway init --help tells what each option takes",
            code="answers",
            details=faults if len(faults) > 1 else (),
        )


def _recognised(seen: Seen) -> Found:
    if seen.found is not None:
        return seen.found
    what = "in the commit" if seen.listing.committed else "here"
    raise Refused(
        f"nothing {what} tells how {seen.name} is run: {len(seen.listing.paths)} files, and none of a kind that is known",
        state=UNTOUCHED,
        hint="say it: shipway init --run 'COMMAND', which listens on $PORT (or on $SOCKET)",
        code="not-recognised",
        details=[
            "known are: a Procfile, Django, Rails, Rack, WSGI and ASGI, Node, a static site, a Dockerfile; docs/init.md tells by what"
        ],
    )


def _hosts(words: InitWords, app: str, environment: str) -> Iterator[Host]:
    for address in words.host or (answers.LOCAL,):
        if address == answers.LOCAL:
            yield Host("local", address, root=f"~/.shipway/apps/{app}-{environment}", listen=f"127.0.0.1:{_free_port()}")
        else:
            yield Host(answers.host_name(address), address)


def _free_port() -> int:
    """The first port from 8080 on where nobody listens on this machine now."""
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return FIRST_PORT


def _write(directory: Path, text: str, *, force: bool) -> str:
    """Whole or not at all, and never over another file unseen. Answers where an earlier one is kept, "" where there was none."""
    target = directory / FILE
    kept = ""
    if os.path.lexists(target):
        there = _there(target)
        if there == text:
            return ""
        if not force:
            raise _refuse_to_replace(there, text)
        kept = _keep(directory, target)
    aside = directory / f".shipway-toml-{secrets.token_hex(4)}"
    try:
        with aside.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force:
            aside.replace(target)
        else:
            target.hardlink_to(aside)  # fails where somebody else was quicker
    except FileExistsError:
        raise _refuse_to_replace(_there(target), text) from None
    except OSError as error:
        raise Refused(
            f"{target} cannot be written: {error.strerror}",
            state=UNTOUCHED,
            hint="shipway init --dry-run prints it",
            code="cannot-write",
        ) from None
    finally:
        aside.unlink(missing_ok=True)
    return kept


def _there(target: Path) -> str:
    try:
        return target.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _refuse_to_replace(there: str, text: str) -> Refused:
    changes = list(difflib.unified_diff(there.splitlines(), text.splitlines(), FILE, "what init would write", lineterm="", n=0))
    shown = changes[:DIFFERENCES] + ([f"… {len(changes) - DIFFERENCES} lines more"] if len(changes) > DIFFERENCES else [])
    return Refused(
        f"there is a {FILE} already, and it is another one",
        state=UNTOUCHED,
        hint=f"shipway init --dry-run prints the new one; shipway init --force writes it, and keeps yours in {KEPT}",
        code="config-there",
        details=shown,
    )


def _keep(directory: Path, target: Path) -> str:
    """Under the first number that is free, so that nothing that was kept is lost."""
    place = directory / KEPT
    place.mkdir(parents=True, exist_ok=True)
    number = 1
    while os.path.lexists(kept := place / f"shipway.{number}.toml"):
        number += 1
    kept.write_bytes(target.read_bytes())
    return str(kept.relative_to(directory))


def _from_where(seen: Seen) -> str:
    return "as HEAD has it" if seen.listing.committed else "as these files are, for nothing is committed yet"


def _next(seen: Seen, environment: str) -> str:
    add = f"git add {FILE}" if seen.listing.committed else "git add --all"
    return f"{add} && git commit -m 'Deploy with Shipway', then shipway plan {environment}, then shipway deploy {environment}"
