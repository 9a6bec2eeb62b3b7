"""The name of a call in, what answers it out: everything an operator can ask of this host."""

from __future__ import annotations

import time

from shipway_agent import clock
from shipway_agent.call import Call
from shipway_agent.errors import AgentError
from shipway_agent.record import replace
from shipway_agent.typed import TYPE_CHECKING, Any, Callable, Dict

if TYPE_CHECKING:
    pass  # imported when first opened: a login that only says that it works needs none

DRIVEN = frozenset({"lease", "tell", "undo", "commit"})
"""Messages whose effect needs the supervisor."""

SEALED = "sealed"
"""In place of true in `verify` of a look: what nobody has written to is not read."""

REMOVE_SECONDS = 290.0
"""Bound of taking an application off this host: its processes end as they ask to be ended."""


Answer = Callable[[Call], Dict[str, Any]]


def call_named(name: str) -> Answer:
    """What answers a call. Raises AgentError `unknown-call`."""
    if name not in CALLS:
        raise AgentError("unknown-call", f"this agent knows no call {name!r}; operator and agent are of different versions")
    return CALLS[name]


def _hello(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import facts

    return facts.hello(call.place)


def _look(call: Call, *, leased: bool = False) -> Dict[str, Any]:
    from shipway_agent.primitives import facts

    verify, brief = call.args.get("verify"), bool(call.args.get("brief"))
    return facts.look(call.place, call.journal, verify=bool(verify), sealed=verify == SEALED, brief=brief, leased=leased)


def _decide(call: Call) -> Dict[str, Any]:
    from shipway_agent.decide import RULES
    from shipway_agent.primitives.member import decide

    if call.args.get("do") not in RULES:
        raise AgentError("message", f"no message {call.args.get('do')!r} is known here")
    if call.args["do"] in DRIVEN and not call.root.supervised():
        # After a reboot nobody may be there: to end the lease if its driver does not, to answer as the lead, to start what is decided.
        from shipway_agent import supervisor

        supervisor.ensure(call.root, None, call.place.proxy)
    reply = decide(call.root, call.named(), {name: value for name, value in call.args.items() if name != "look"})
    if call.args["do"] in ("commit", "tell") and reply["ok"]:
        from shipway_agent import visitor

        deployment = str(call.args["deployment"])
        down = visitor.end(call.root, deployment)
        if down is not None:
            call.journal.event("visited", deployment, {"downtime_seconds": down}, synced=False)
            return {**reply, "downtime_seconds": down}
    if call.args["do"] == "lease" and reply["ok"]:
        from shipway_agent import supervisor

        supervisor.ensure(call.root, None, call.place.proxy)  # of this very agent, and it has listened for questions
        if call.args.get("look"):
            return {**reply, "facts": _look(call, leased=True)}
    return reply


def _run(call: Call) -> Dict[str, Any]:
    from shipway_agent.steps import run

    call.named()
    return run(call)


def _events(call: Call) -> Dict[str, Any]:
    found = call.journal.events(int(call.args.get("since", 0)), call.args.get("deployment"))
    return {"events": found}


def _follow(call: Call) -> Dict[str, Any]:
    from shipway_agent import follow

    return follow.follow(call)


def _tail(call: Call) -> Dict[str, Any]:
    from shipway_agent import tail

    return tail.tail(call)


def _examine(call: Call) -> Dict[str, Any]:
    from shipway_agent import examine

    return examine.examine(call)


def _mend(call: Call) -> Dict[str, Any]:
    from shipway_agent import mend

    return mend.mend(call)


def _setup(call: Call) -> Dict[str, Any]:
    from shipway_agent import setup

    return setup.setup(call)


def _exec(call: Call) -> Dict[str, Any]:
    from shipway_agent import command

    return command.execute(call)


def _fresh(call: Call) -> Dict[str, Any]:
    return {"host": call.place.name, "clock": clock.wall_now()}


def _lack(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import lack

    return lack.lack(call.context(), call.args, call.body)


def _put(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import blobs

    return blobs.put(call.context(), call.args, call.body)


def _parcels(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import parcels

    return parcels.take(call.context(), call.args, call.body)


def _feed(call: Call) -> Dict[str, Any]:
    from shipway_agent.feed import feed

    return feed.feed(call)


def _prove(call: Call) -> Dict[str, Any]:
    from shipway_agent import visitor
    from shipway_agent.primitives import prove

    try:
        return prove.prove(call.context(), call.args)
    finally:
        visitor.end(call.root, "")


def _manifest(call: Call) -> Dict[str, Any]:
    from shipway_agent import manifest
    from shipway_agent.primitives import blobs

    entries = manifest.read(blobs.read(call.root, manifest.digest_of(call.args.get("release"))))
    return {
        "entries": [
            [entry.kind, entry.path.decode("latin-1"), entry.digest, entry.size, entry.target.decode("latin-1")] for entry in entries
        ]
    }


def _notifications(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import notifications

    return notifications.told(call.context(), call.args)


def _get(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import blobs

    return blobs.get(call.root, call.args)


def _build(call: Call) -> Dict[str, Any]:
    from shipway_agent import build

    return build.build(call)


def _get_many(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import blobs

    return blobs.get_many(call.root, call.args)


def _builds(call: Call) -> Dict[str, Any]:
    from shipway_agent import build

    return build.look(call)


def _data(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import data

    call.named()
    return data.answer(call.context(), call.args)


def _generation(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import generations

    number = int(call.args["number"])
    document = generations.read(call.root, number)
    if document is None:
        raise AgentError("no-generation", f"generation {number} is not on this host any more", generation=number)
    return {"document": document, "env": generations.env_of(call.root, number)}


def _remove(call: Call) -> Dict[str, Any]:
    from shipway_agent.primitives import remove

    return remove.remove(replace(call.context(), until=time.monotonic() + REMOVE_SECONDS), call.args)


CALLS: Dict[str, Answer] = {
    "hello": _hello,
    "look": _look,
    "lack": _lack,
    "put": _put,
    "parcels": _parcels,
    "feed": _feed,
    "decide": _decide,
    "run": _run,
    "events": _events,
    "follow": _follow,
    "tail": _tail,
    "examine": _examine,
    "mend": _mend,
    "setup": _setup,
    "exec": _exec,
    "fresh": _fresh,
    "prove": _prove,
    "manifest": _manifest,
    "get": _get,
    "get_many": _get_many,
    "builds": _builds,
    "build": _build,
    "generation": _generation,
    "data": _data,
    "notifications": _notifications,
    "remove": _remove,
}
"""Every call."""
