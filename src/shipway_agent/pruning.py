"""A wish to prune, or for a spare tree, in; out, it is fulfilled in a thread of the daemon once nobody drives this host."""

from __future__ import annotations

import threading

from shipway_agent.apply import poke
from shipway_agent.decide import Member, live
from shipway_agent.errors import AgentError
from shipway_agent.faults import unforeseen
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context
from shipway_agent.primitives.seals import SPARE
from shipway_agent.root import Root
from shipway_agent.typed import Any, Callable, Dict, Mapping, Optional
from shipway_agent.wants import candidates_of

WISH = "prune"
"""Row of the journal's meta: how many good generations are to be kept, from the step that asked for it until it is done."""

CALM_SECONDS = 1.0
"""So long after the end of a lease: whoever gave it back is still at his last words, and hosts that share a machine would slow them."""

AGAIN_SECONDS = 60.0
"""After a fault of the disk, until it is tried again."""


def later(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Have the supervisor prune: {"later": true}. Where none runs it is done at once, with the answer of `prune`."""
    if not context.root.supervised():
        from shipway_agent.primitives.prune import prune

        return prune(context, args)
    context.journal.set_meta(WISH, str(int(args["keep"])), synced=False)
    poke(context.root)
    return {"later": True}


def wished(journal: Journal) -> bool:
    """Whether something is to be pruned, or a spare tree laid: a deployment made a tree, and may have been undone since."""
    return journal.meta(WISH) is not None or journal.meta(SPARE) == ""


class Pruning:
    """One at a time. A daemon that is killed in the middle has a successor that goes on."""

    def __init__(self, root: Root, say: Callable[[str], None]) -> None:
        self._root = root
        self._say = say
        self._thread: Optional[threading.Thread] = None
        self._again = 0.0
        self._driven: Optional[float] = None

    def turn(self, member: Member, boot_now: float, now: float) -> None:
        """Begin, for there is a wish. With a lease alive, who has it has seen to it, or sees to it now; and before a decision nobody knows
        what will serve.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        driven = (member.lease is not None and live(member.lease, boot_now)) or candidates_of(member)
        if self._driven is None or driven:
            self._driven = now
        if now < max(self._again, self._driven + CALM_SECONDS):
            return
        self._again = now + AGAIN_SECONDS
        self._thread = threading.Thread(target=self._fulfil, name="prune", daemon=True)
        self._thread.start()

    def _fulfil(self) -> None:
        try:
            from shipway_agent.primitives.prune import fulfil

            with Journal(self._root) as journal:
                fulfil(self._root, journal)
                self._lay_spare(journal)
            self._again = 0.0
            self._driven = None
        except Exception as error:
            self._say(f"what nothing needs any more was not removed whole, and is tried again: {_told(error)}")

    def _lay_spare(self, journal: Journal) -> None:
        """Without one the next deployment takes longer, and nothing else."""
        from shipway_agent.primitives import spares

        try:
            spares.lay(self._root, journal)
        except Exception as error:
            self._say(f"no spare tree was laid for the next release: {_told(error)}")
        finally:
            journal.set_meta(SPARE, None, synced=False, over="")


def _told(error: Exception) -> str:
    refusal = error if isinstance(error, AgentError) else unforeseen(error)
    return refusal.message
