"""A list of steps in, what each answered out: journalled before and after, done once however often sent, refused where it is too late."""

from __future__ import annotations

import os
import time

from shipway_agent import clock
from shipway_agent.call import Call
from shipway_agent.errors import AgentError
from shipway_agent.faults import unforeseen
from shipway_agent.journal import Step
from shipway_agent.primitives import WHERE, Context, primitive
from shipway_agent.record import dataclass
from shipway_agent.typed import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

LOOK_AGAIN_SECONDS = 0.1
WORDS = 200
"""Characters that are kept of what a driver says about a step."""

UNDO = "undo:"
"""What the key of a step begins with that undoes the step of the rest of its key."""


def run(call: Call) -> Dict[str, Any]:
    """Run steps in order; the first that fails ends the list. Answers {"done": [...], "failed": null | {...}}, and streams events.

    A step that was done before under its deployment and key is not done again. One that still runs on another channel is waited for.
    One that began and has no ending is *unknown*: its primitive settles it by looking. Raises AgentError for a list that cannot be run.
    """
    run_of, steps = _orders(call.args)
    if call.args.get("shipped"):
        call.journal.event("shipped", run_of.deployment, _numbers(call.args["shipped"]), synced=False)
    endings = _Endings(call)
    key, began = "", 0.0
    try:
        for step in steps:
            key, began = step.key, time.monotonic()
            if call.ended.is_set():
                endings.write()
                raise AgentError("ended", "the channel has ended; this step and those behind it were not begun")
            _do(call, run_of, step, began, endings)
        endings.write()
    except AgentError as error:
        key, began = endings.unwritten or (key, began)
        _tell(call, key, "failed", began, error=error.to_json())
        return {"done": endings.done, "failed": {"key": key, **error.to_json()}}
    finally:
        endings.write_quietly()
    return {"done": endings.done, "failed": None}


@dataclass(frozen=True)
class RunOf:
    """On whose behalf the steps run. `decided`: they belong behind the decision, and only the number counts.

    `batch` says where the fleet is, for those who follow the journal.
    """

    deployment: str
    fence: int
    decided: bool
    batch: int


@dataclass(frozen=True)
class Order:
    """One step as it was sent. `phase` and `wave` are its own where its list spans several of the fleet's."""

    key: str
    do: str
    args: Mapping[str, Any]
    timeout_seconds: float
    title: str
    phase: str
    wave: str


@dataclass(frozen=True)
class Ending:
    """How a step ended, as the journal is to have it."""

    state: str
    data: Mapping[str, Any]
    about: Mapping[str, Any]


_LATE: Dict[Tuple[str, str, str], Ending] = {}
"""Endings by root, deployment and key that the disk did not take. Only this process knows that those steps do not run any more."""


def _orders(args: Mapping[str, Any]) -> Tuple[RunOf, List[Order]]:
    """Everything is read before anything is done: a list with a mistake in it leaves the host as it was."""
    try:
        phase, wave = (str(args.get(name, ""))[:WORDS] for name in ("phase", "wave"))
        run_of = RunOf(str(args["deployment"]), int(args["fence"]), bool(args.get("decided")), int(args.get("batch", 0)))
        steps = [
            Order(
                str(s["key"]),
                str(s["do"]),
                dict(s["args"]),
                float(s["timeout_seconds"]),
                str(s.get("title", ""))[:WORDS],
                str(s.get("phase", phase))[:WORDS],
                str(s.get("wave", wave))[:WORDS],
            )
            for s in args["steps"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise AgentError("steps", f"this is no list of steps: {type(error).__name__} {error}") from None
    unknown = sorted({step.do for step in steps} - set(WHERE))
    if unknown:
        message = f"this agent cannot {', '.join(unknown)}; operator and agent are of different versions"
        raise AgentError("unknown-step", message, steps=unknown)
    return run_of, steps


def _do(call: Call, run_of: RunOf, step: Order, began: float, endings: _Endings) -> None:
    _write_late(call)
    if step.key.startswith(UNDO):
        endings.write()
        _wait_for(call, run_of.deployment, step.key[len(UNDO) :], began + step.timeout_seconds)
    memory = _memory_of(call, run_of, step)
    before = endings.begin(lambda: _begin_once(call, run_of, step, memory), lambda: _begin(call, run_of, step, memory, began))
    if before is not None and before.state == "done":
        answer = dict(before.data)
        _tell(call, step.key, "done", began, answer=answer, reused=True)
        endings.done.append({"key": step.key, "seconds": 0.0, "answer": answer, "reused": True})
        return
    _tell(call, step.key, "started", began)
    try:
        answer = primitive(step.do)(_context(call, run_of, step, before, began), step.args)
    except BaseException as error:
        refusal = error if isinstance(error, AgentError) else unforeseen(error)
        state = "unknown" if refusal.code in ("stuck", "unknown-outcome") else "failed"
        _end(call, memory, Ending(state, refusal.to_json(), _about(run_of, memory, began)))
        raise refusal from error
    endings.add(_Done(step.key, began, memory, Ending("done", answer, _about(run_of, memory, began))))


class _Done(NamedTuple):
    """A step that has taken effect, and that the journal still has as begun."""

    key: str
    began: float
    memory: Tuple[str, str]
    ending: Ending


class _Endings:
    """What of a list is done. An ending waits for the disk together with the intent of the next step, and is told once it is there.

    Killed in between, the step is one that began and has no ending, as it was for as long as it ran.
    """

    def __init__(self, call: Call) -> None:
        self.done: List[Dict[str, Any]] = []
        self.unwritten: Optional[Tuple[str, float]] = None
        """Key and begin of the step whose ending the disk did not take."""
        self._call = call
        self._last: Optional[_Done] = None

    def add(self, last: _Done) -> None:
        """The ending of a step, which `begin` or `write` writes."""
        self._last = last

    def begin(self, once: Callable[[], Optional[Step]], patiently: Callable[[], Optional[Step]]) -> Optional[Step]:
        """Write the intent of the next step, with what waits: at `once`; where that is refused `patiently`, behind what waits."""
        last = self._last
        if last is not None:
            try:
                with self._call.journal.transaction():
                    self._call.journal.end_step(*last.memory, last.ending.state, last.ending.data, about=last.ending.about)
                    before = once()
            except AgentError:
                self.write()
            else:
                self._tell()
                return before
        return patiently()

    def write(self) -> None:
        """Write what waits. Raises AgentError where the disk does not take it; `unwritten` says whose it is."""
        last = self._last
        if last is None:
            return
        try:
            _end(self._call, last.memory, last.ending)
        except AgentError:
            self._last, self.unwritten = None, (last.key, last.began)
            raise
        self._tell()

    def write_quietly(self) -> None:
        """The same where something else has failed already: what the disk does not take is kept."""
        try:
            self.write()
        except AgentError:
            pass

    def _tell(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            answer, seconds = dict(last.ending.data), last.ending.about["seconds"]
            state = "skipped" if answer.get("skipped") else "done"
            _tell(self._call, last.key, state, last.began, seconds=seconds, answer=answer)
            self.done.append({"key": last.key, "seconds": seconds, "answer": answer, "reused": False})


def _end(call: Call, memory: Tuple[str, str], ending: Ending) -> None:
    """Write how the step ended. Raises AgentError where the disk does not take it: then it is kept, and written before the next step."""
    try:
        call.journal.end_step(*memory, ending.state, ending.data, about=ending.about)
    except AgentError:
        _LATE[(call.root.path, *memory)] = ending
        raise


def _write_late(call: Call) -> None:
    """Without this a step would count as one that runs for as long as this process lives, and its undo would wait for it."""
    for place, deployment, key in list(_LATE):
        ending = _LATE.pop((place, deployment, key), None) if place == call.root.path else None
        if ending is not None:
            _end(call, (deployment, key), ending)


def _wait_for(call: Call, deployment: str, key: str, until: float) -> None:
    """What is undone must have ended: a driver that was interrupted leaves its step to run on. Raises AgentError `busy`."""
    while (step := call.journal.step(deployment, key)) is not None and step.alive:
        if time.monotonic() >= until:
            raise AgentError("busy", f"step {key} still runs, and cannot be undone before it has ended", deployment=deployment, key=key)
        time.sleep(LOOK_AGAIN_SECONDS)


def _begin(call: Call, run_of: RunOf, step: Order, memory: Tuple[str, str], began: float) -> Optional[Step]:
    """Write the intent. The same step may still run on a channel that the driver has lost: then it is waited for, within its own bound."""
    while True:
        try:
            return _begin_once(call, run_of, step, memory)
        except AgentError as error:
            if error.code != "busy" or time.monotonic() >= began + step.timeout_seconds or call.ended.is_set():
                raise
        time.sleep(LOOK_AGAIN_SECONDS)


def _message_with(call: Call, run_of: RunOf, step: Order) -> Optional[Mapping[str, Any]]:
    """What a step would tell the record first of all, where that may stand in one write with its intent."""
    if step.do != "switch":
        return None
    from shipway_agent.primitives.switch import message_with_intent

    return message_with_intent(call.root, run_of.deployment, run_of.fence)


def _begin_once(call: Call, run_of: RunOf, step: Order, memory: Tuple[str, str]) -> Optional[Step]:
    return call.journal.begin_step(
        *memory,
        run_of.fence,
        now=clock.boot_now(),
        decided=run_of.decided,
        on_behalf_of=run_of.deployment,
        about=_intent(run_of, step),
        message=_message_with(call, run_of, step),
    )


def _memory_of(call: Call, run_of: RunOf, step: Order) -> Tuple[str, str]:
    """Under which deployment and key the step is remembered: its own, or its release's where once per release is enough."""
    if step.do != "task.run" or not step.args.get("per_release"):
        return run_of.deployment, step.key
    from shipway_agent.primitives.tasks import outputs_are_there, remembered_as

    salt = call.journal.meta("salt")
    if salt is None:
        salt = os.urandom(16).hex()
        call.journal.set_meta("salt", salt)
    deployment, key = remembered_as(call.root, salt, step.args)
    known = call.journal.step(deployment, key)
    if known is not None and known.state == "done" and not outputs_are_there(call.root, deployment.partition(":")[2], step.args):
        call.journal.end_step(deployment, key, "failed", {"code": "outputs-gone", "message": "what it wrote is not here any more"})
    return deployment, key


def _about(run_of: RunOf, memory: Tuple[str, str], began: float) -> Dict[str, Any]:
    """What an ending is told with: how long it took, and whose it was where it is remembered under another name."""
    of = {"of": run_of.deployment} if memory[0] != run_of.deployment else {}
    return {"seconds": round(time.monotonic() - began, 4), **of}


def _intent(run_of: RunOf, step: Order) -> Dict[str, Any]:
    """What an intent is told with: what it is, where the fleet was, and how long it may take."""
    said = {"title": step.title, "phase": step.phase, "wave": step.wave, "batch": run_of.batch}
    return {**{name: value for name, value in said.items() if value}, "bound_seconds": step.timeout_seconds}


def _numbers(said: Any) -> Dict[str, Any]:
    """What a driver says that it sent, and what other hosts did: numbers, or nothing."""
    found = said if isinstance(said, dict) else {}
    numbers: Dict[str, Any] = {
        name: found[name] for name in ("blobs", "bytes", "sent", "seconds") if isinstance(found.get(name), (int, float))
    }
    if isinstance(found.get("peers"), dict) and found["peers"]:
        numbers["peers"] = {str(name)[:WORDS]: size for name, size in found["peers"].items() if isinstance(size, int)}
    return numbers


def _context(call: Call, run_of: RunOf, step: Order, before: Optional[Step], began: float) -> Context:
    return Context(
        root=call.root,
        proxy=call.place.proxy,
        journal=call.journal,
        deployment=run_of.deployment,
        fence=run_of.fence,
        key=step.key,
        until=began + step.timeout_seconds,
        emit=call.emit,
        unknown=before is not None and before.state == "unknown",
        decided=run_of.decided,
        ended=call.ended,
    )


def _tell(call: Call, key: str, state: str, began: float, **more: Any) -> None:
    call.emit({"event": "step", "key": key, "state": state, "seconds": round(time.monotonic() - began, 4), **more})
