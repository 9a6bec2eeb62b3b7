"""A root in; its processes kept as the record wants them, and its decisions made in time, until somebody ends it. One daemon a root.

`supervise` is the daemon, `ensure` starts or upgrades it, `ask` and `poke` speak with it. It waits for a poke, the death of a process, a
deadline or a second, and then takes a turn: decide, link, processes, the listener for other hosts, logs.
No step of a turn waits for a network or a process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from shipway_agent import clock, drain, journald, logs
from shipway_agent.address import LOOPBACK
from shipway_agent.apply import SOCKET, align, apply_locked, pointed, poke
from shipway_agent.caddy.admin import address_of
from shipway_agent.caddy.sites import FOLDER
from shipway_agent.copies import Copies, Turn, now
from shipway_agent.deaths import Deaths
from shipway_agent.decide import Attempt, Held, Member
from shipway_agent.errors import AgentError
from shipway_agent.faults import unforeseen
from shipway_agent.itself import CURRENT, LOCK_VARIABLE, own_file, own_hash, started_as
from shipway_agent.jobs import Jobs
from shipway_agent.jobs import Turn as Due
from shipway_agent.journal import AGENT, PEER_PORT, Journal
from shipway_agent.lead import EVERYWHERE, Lead
from shipway_agent.notifications.sender import Sender
from shipway_agent.primitives import generations
from shipway_agent.pruning import Pruning, wished
from shipway_agent.restoring import Restoring
from shipway_agent.root import Lock, Root
from shipway_agent.sending import WISH as COPIES
from shipway_agent.sending import Sending
from shipway_agent.states import COMMITTED
from shipway_agent.supervisor import LOG, MESSAGE_BYTES, ask, ensure, environment, start
from shipway_agent.supervisor import argv as argv_of_daemon
from shipway_agent.wants import Document, Keep, Wants, candidates_of, generations_of, wants
from shipway_agent.watchdog import Watchdog

TURN_SECONDS = 0.25
"""Between two turns while a deadline has passed and who was asked about it has not answered, or where the kernel reports no deaths."""

HURRY_SECONDS = 0.1
"""Between two turns while a log outgrows its bound."""

CALM_SECONDS = 1.0
"""Between two turns at most, where the kernel reports every death: a turn costs up to 1 ms on a machine with cold caches."""

FAULT_SECONDS = 1.0
PROXY_SECONDS = 2.0
"""Between two looks at whether the proxy has its daemon."""

ROTATE_SECONDS = 1.0
"""Between two looks at the logs; HURRY_SECONDS while one of them outgrows its bound, for in a second a program can fill gigabytes."""

LOCK_SECONDS = 0.5
__all__ = ["ask", "ensure", "poke", "supervise"]


def supervise(root_path: str, proxy_path: Optional[str], *, foreground: bool = False) -> int:
    """Become the daemon of a root: in the background, in a session of its own. The caller gets 0 back at once; another daemon stays.

    `proxy_path` is the root of the proxy that counts requests to this app; None for <root>/proxy. With `foreground` this very process
    becomes it, for an init that keeps it.
    """
    inherited = os.environ.pop(LOCK_VARIABLE, "")
    if not inherited:
        _leave_link()
    if not inherited and not foreground and not _detach():
        return 0
    os.chdir("/")
    with Root(root_path) as root:
        lock = Lock(int(inherited)) if inherited else None
        _keep_descriptors_from_children()
        _speak_into_log(root)
        try:
            lock = lock or root.supervisor_lock(LOCK_SECONDS)
        except AgentError as error:
            if error.code == "busy":
                return 0
            raise
        with Journal(root) as journal:
            Daemon(root, journal, proxy_path or root.full("proxy"), lock).run()
    return 0


class Daemon:
    """The loop. It holds the root's lock for as long as it lives."""

    def __init__(self, root: Root, journal: Journal, proxy_path: str, lock: Lock) -> None:
        self._root = root
        self._journal = journal
        self._proxy_path = proxy_path
        self._lock = lock
        self._waker, self._wakes = _pipe()
        self._socket = root.bind(SOCKET)
        self._copies = Copies(root, journal, self._wake, self._in_flight, say)
        self._jobs = Jobs(root, journal, say)
        self._watchdog = Watchdog(journal, self._wake)
        self._sender = Sender(root, journal, environment(), say)
        self._pruning = Pruning(root, say)
        self._restoring = Restoring(root, environment(), say)
        self._door: Optional[Tuple[Optional[int], Optional[Held]]] = None
        self._sending = Sending(root, say)
        self._wish = False
        self._copies_wish: Optional[str] = None
        self._journald = journald.Copy(root, self._app_of) if journald.is_there() else None
        self._known: Optional[Member] = None
        self._awaited = False
        self._version = -1
        self._seen: Optional[Tuple[Member, bool, Optional[str], bool, Optional[int]]] = None
        self._documents: Dict[int, Document] = {}
        self._lead: Optional[Lead] = None
        self._lead_again = 0.0
        self._named_port = journal.meta(PEER_PORT) is not None
        self._asked_proxy_again = 0.0
        self._proxy_again = 0.0
        self._rotate_again = 0.0
        self._flooded = False
        self._ending = False
        self._stopping = False

    def run(self) -> None:
        """Take turns until the end: all processes gone after {"end": true}, or at once, and leaving them, at SIGTERM."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        say(f"supervises {self._root.path} as process {os.getpid()}, agent {own_hash()[:16]}")
        self._journal.set_meta(AGENT, own_hash())
        self._point_at_itself()
        self._copies.find_again(now())
        self._jobs.find_again()
        self._recall()
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._waker, select.POLLIN)
        deaths = Deaths(poll)
        questions: List[Tuple[Any, Mapping[str, Any]]] = []
        while not self._stopping:
            wait_seconds = self._turn_or_say()
            self._answer(questions)
            if self._ending and not self._copies.rows and not self._jobs.going:
                self._sending.end()
                break
            if self._root_is_gone():
                self._sending.end()
                self._copies.end_all()
                self._jobs.end_all()
                break
            reported = deaths.watch(self._copies.living | self._jobs.living)
            questions = self._wait(poll, now() + min(wait_seconds, CALM_SECONDS if reported else TURN_SECONDS))
        self.close()

    def _wait(self, poll: select.poll, until: float) -> List[Tuple[Any, Mapping[str, Any]]]:
        """Return when a turn has something to do, with the questions it answers. A poke behind which nothing is new is none."""
        while True:
            ready = poll.poll(max(1.0, (until - now()) * 1000))
            _empty(self._waker)
            questions = self._hear()
            happened = any(fd != self._socket.fileno() for fd, _ in ready)
            if happened or now() >= until or self.is_something_new():
                return questions
            self._answer(questions)

    def is_something_new(self) -> bool:
        """Whether a turn would find another record, wish or link than the last one, or that one left something undone."""
        try:
            return self._seen is None or self._seen != (self._member(), self._wish, self._copies_wish, self._awaited, pointed(self._root))
        except AgentError:
            return True  # a turn says what it is

    def _point_at_itself(self) -> None:
        """What starts a supervisor after a reboot starts the agent that supervised last."""
        folder, name = os.path.split(own_file() or "")
        if folder == self._root.full(os.path.dirname(CURRENT)) and self._root.read_link(CURRENT) != name.encode():
            self._root.link(CURRENT, name)

    def _recall(self) -> None:
        """Nothing of ours runs: the host comes up again, and what it would serve may not be what the fleet has decided since."""
        if any(row.pid is not None and clock.process_start(row.pid) == row.pid_start for row in self._copies.rows):
            return
        try:
            unheard = self._watchdog.recall(self._member())
        except AgentError as error:
            unheard = error.message  # each turn tries again whatever the journal refused
        if unheard:
            say(unheard)

    def _root_is_gone(self) -> bool:
        """Whether somebody removed the directory under us: then nobody can ever ask for its processes again."""
        return os.fstat(self._root.fd).st_nlink == 0

    def _turn_or_say(self) -> float:
        """A turn; the seconds to wait for the next. A fault (a full disk, a damaged file) is told, and the next turn tries again."""
        try:
            return self.turn()
        except Exception as error:
            refusal = unforeseen(error)
            say(" | ".join([refusal.message, *refusal.lines]))
            return FAULT_SECONDS

    def turn(self) -> float:
        """Do all that can be done now without waiting. The seconds until the next turn, if nothing happens before."""
        self._seen = None
        member = self._member()
        if self._watchdog.turn(member, clock.boot_now(), self._serves):
            member = self._member(changed=True)
        wanted = self._wanted(member)
        link = self._align(wanted)
        self._align_door(member, link)
        run, stay = (wanted.run, wanted.stay) if not self._ending else (frozenset(), frozenset())
        busy = self._copies.turn(Turn(run, link, self._documents, now(), self._ending, candidates_of(member), stay))
        document = self._documents.get(link) if link is not None else None
        decided = link == member.current and link not in candidates_of(member) and (document is not None or link is None)
        self._jobs.turn(Due(member.name, document, decided, clock.wall_now(), clock.boot_now(), self._ending, member.held is not None))
        self._restoring.turn(member, now())
        self._listen()
        self._tend_proxy()
        self._sender.turn(now())
        if self._wish and not self._ending:
            self._pruning.turn(member, clock.boot_now(), now())
        if self._copies_wish is not None and not self._ending:
            self._sending.turn(self._copies_wish, member, clock.boot_now(), clock.wall_now(), now())
        if self._journald is not None:
            self._journald.turn(now())
        self._rotate()
        as_wanted = isinstance(wanted.link, Keep) or wanted.link == link
        if as_wanted and self._door is not None and generations_of(member) <= self._documents.keys():
            self._seen = (member, self._wish, self._copies_wish, self._awaited, link)
        until = self._watchdog.next_turn(member, clock.boot_now())
        if busy is not None or self._flooded or self._door is None:
            return HURRY_SECONDS if busy is None else busy
        return calm_seconds(until)

    def _member(self, changed: bool = False) -> Member:
        """The record, read again only when somebody has written: most turns find everything as it was."""
        version = self._journal.changes()
        if changed or version != self._version or self._known is None:
            self._version, self._known = version, self._journal.member()
            self._wish = wished(self._journal)
            self._copies_wish = self._journal.meta(COPIES)
            self._awaited = bool(self._watchdog.awaited(self._known))
        return self._known

    def _wanted(self, member: Member) -> Wants:
        needed: Set[int] = {*generations_of(member), *(row.generation for row in self._copies.rows)}
        known = {number: document for number, document in self._documents.items() if number in needed}
        self._documents = {**generations.documents(self._root, needed - set(known)), **known}
        return wants(member, self._documents)

    def _app_of(self, generation: int) -> str:
        """Whose generation it is, "" where its document is not looked at any more."""
        return str(self._documents.get(generation, {}).get("app", ""))

    def _align(self, wanted: Wants) -> Optional[int]:
        """Make the link right, when nobody is at it; where it points."""
        link = pointed(self._root)
        if isinstance(wanted.link, Keep) or wanted.link == link:
            return link
        try:
            with self._root.host_lock(0.0):
                return apply_locked(self._root, self._journal).link
        except AgentError as error:
            if error.code == "busy":
                return link
            raise

    def _align_door(self, member: Member, link: Optional[int]) -> None:
        """Have visitors wait or be let in, as the record says: looked at anew when that or what serves has changed, until it is so."""
        wanted = (link, member.held)
        if self._door == wanted:
            return
        self._door = None
        try:
            with self._root.host_lock(0.0):
                if align(self._root, self._journal, self._journal.member(), pointed(self._root)):
                    self._door = wanted
        except AgentError as error:
            if error.code != "busy":
                raise

    def _serves(self, attempt: Attempt) -> bool:
        """Whether this host serves what a decided deployment left: only then the decision is acknowledged."""
        current = self._known.current if self._known is not None else None
        return pointed(self._root) == (attempt.target if attempt.stage == COMMITTED else current)

    def _listen(self) -> None:
        """Open the listener for other hosts while one may ask, and close it when nobody will."""
        if self._lead is not None and not (self._awaited and self._lead.listens):
            self._lead.close()
            self._lead = None
        if not self._awaited and self._named_port:
            self._journal.set_meta(PEER_PORT, None)
            self._named_port = False
        if self._awaited and self._lead is None and now() >= self._lead_again:
            self._lead_again = now() + FAULT_SECONDS
            port = int(self._journal.meta(PEER_PORT) or 0)
            try:
                self._lead = Lead(self._root, LOOPBACK if self._is_local() else EVERYWHERE, port, self._wake)
            except AgentError as error:
                say(error.message)
                return
            self._journal.set_meta(PEER_PORT, str(self._lead.port))
            self._named_port = True

    def _is_local(self) -> bool:
        """Whether this is a root on the operator's machine: such a root has its own proxy."""
        return os.path.realpath(self._proxy_path).startswith(f"{self._root.path}/")

    def _in_flight(self) -> Optional[Dict[str, int]]:
        """The proxy's count of requests, asked again two seconds after it did not answer."""
        if now() < self._asked_proxy_again:
            return None
        try:
            with Root(self._proxy_path) as proxy:
                counts = drain.in_flight(address_of(proxy))
        except AgentError:  # there is no proxy here
            counts = None
        if counts is None:
            self._asked_proxy_again = now() + 2.0
        return counts

    def _tend_proxy(self) -> None:
        """Nothing else starts the proxy's own daemon again after a reboot, or after somebody ended it. One without a site has left."""
        if now() < self._proxy_again or self._ending:
            return
        self._proxy_again = now() + PROXY_SECONDS
        try:
            with Root(self._proxy_path) as proxy:
                if not proxy.supervised() and pointed(proxy) is not None and proxy.names(FOLDER):
                    with proxy.proxy_lock(0.0):  # whoever changes or ends it holds this
                        start(proxy, own_file(), None)
        except AgentError:
            pass  # there is no proxy here, or somebody is at it

    def _rotate(self) -> None:
        if now() < self._rotate_again:
            return
        with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
            self._flooded = bool(logs.rotate(folder))
        self._rotate_again = now() + (HURRY_SECONDS if self._flooded else ROTATE_SECONDS)

    # -------------------------------------------------------------- messages

    def _hear(self) -> List[Tuple[Any, Mapping[str, Any]]]:
        """Take all messages that wait; those that want an answer, with who asked."""
        questions: List[Tuple[Any, Mapping[str, Any]]] = []
        while True:
            try:
                data, sender = self._socket.recvfrom(MESSAGE_BYTES)
            except BlockingIOError:
                return questions
            try:
                message = json.loads(data)
                self._take(message)
            except (ValueError, TypeError, KeyError, AttributeError):
                say(f"a message that is none: {data[:80]!r}")
                continue
            if sender:
                questions.append((sender, message))

    def _take(self, message: Mapping[str, Any]) -> None:
        if "generation" in message and self._copies.try_again(int(message["generation"])):
            self._seen = None
        if message.get("restore"):
            self._restoring.at_once()
            self._seen = None
        if message.get("end"):
            self._ending = True
            self._seen = None
        if "upgrade" in message:
            self._upgrade(str(message["upgrade"]), str(message.get("hash", "")))

    def _answer(self, questions: List[Tuple[Any, Mapping[str, Any]]]) -> None:
        reply = json.dumps({"agent": own_hash(), "pid": os.getpid()}).encode()
        for sender, _ in questions:
            try:
                self._socket.sendto(reply, sender)
            except OSError:
                pass  # whoever asked waits no more

    def _upgrade(self, path: str, wanted: str) -> None:
        """Become another agent: same process, same children, the lock never free."""
        if not os.path.isfile(path) or wanted == own_hash():
            return
        say(f"becomes the agent {wanted[:16]} at {path}")
        os.set_inheritable(self._lock.fd, True)
        argv = argv_of_daemon(path, self._root.path, self._proxy_path)
        try:
            os.execve(argv[0], argv, {**environment(), LOCK_VARIABLE: str(self._lock.fd)})  # noqa: S606  # no shell is the point
        except OSError as error:
            os.set_inheritable(self._lock.fd, False)
            say(f"could not become {path}: {error}")

    def _wake(self) -> None:
        try:
            os.write(self._wakes, b"\0")
        except OSError:
            pass  # it is full: the daemon wakes anyway

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def close(self) -> None:
        """Let go of the root; whoever asks from now on gets no answer."""
        say("ends; no process is left" if self._ending else "ends; its processes go on")
        if self._lead is not None:
            self._lead.close()
        self._socket.close()
        if not self._root_is_gone():
            with self._root.at("run", create=True, mode=0o700) as run:
                run.unlink(SOCKET)
        self._lock.release()


def calm_seconds(until: Optional[float]) -> float:
    """How long to wait while nothing is on its way: a second, or less where a deadline is so near. `until` as `Watchdog.next_turn` says it.

    Who writes a nearer one into the record pokes. One that has passed is waited for by who asks about it, whom the answer wakes.
    """
    if until is None:
        return CALM_SECONDS
    return max(0.01, min(CALM_SECONDS, until)) if until else TURN_SECONDS


def say(words: str) -> None:
    """A line for the daemon's log."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        os.write(2, f"{stamp} {words}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # a full disk: what the words are about matters more than they do


def _detach() -> bool:
    """Leave the caller, its session and its terminal behind: True in the process that goes on, False in the one that called."""
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    return True


def _leave_link() -> None:
    """Started by the link to the current agent, start again by the file itself: the link may point elsewhere while we still import."""
    path, file = started_as(), own_file()
    if path is not None and file is not None and path != file:
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-X", "utf8", file, *sys.argv[1:]])  # noqa: S606  # no shell is the point


def _keep_descriptors_from_children() -> None:
    """What a login left open in us, and the lock across a re-execution: no app gets any of it."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:  # the one that listed them
                pass


def _speak_into_log(root: Root) -> None:
    with root.at(logs.FOLDER, create=True, mode=0o700) as folder:
        log_fd = logs.open_log(folder, LOG)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(null)
    os.close(log_fd)


def _pipe() -> Tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    return reader, writer


def _empty(reader: int) -> None:
    try:
        while os.read(reader, 4096):
            pass
    except BlockingIOError:
        pass
