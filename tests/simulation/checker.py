"""A history in, the promises it breaks out. Reads nothing but the history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from shipway_agent.peers import PATIENCE_SECONDS
from shipway_agent.states import ARMED, BACK, COMMITTED, DECISIONS, INTENT, SWITCHED
from shipway_agent.watchdog import LONGEST_PAUSE_SECONDS
from tests.simulation.history import Happening

SETTLING_SECONDS = 5.0
"""On top of the window of confirm and lease: the time in which a silent driver's deployment must be decided."""

ASKING_AGAIN_SECONDS = LONGEST_PAUSE_SECONDS + PATIENCE_SECONDS
"""What a host that could not be heard for long may still wait, when everything is well again, before it asks and is answered."""

MOMENT_SECONDS = 0.1
"""A decision may come between an intent and its rename; what the rename shows is taken back at once."""

RISING_SECONDS = 5.0
"""From the start of a machine to the first answer of what it served."""

BEGINS = {"cut": "cut", "down": "down", "daemon killed": "daemon", "disk refuses": "disk"}
ENDS = {"mended": "cut", "up": "down", "daemon starts": "daemon", "disk accepts": "disk", "healed": "", "weather": ""}
"""What keeps lead and members from talking and deciding, and what ends it."""


def check(history: Sequence[Happening], hosts: Sequence[str], *, quiet: bool) -> list[str]:
    """Every broken promise as a sentence; `quiet` says that the history ends when everything has had its time to settle.

    - no deployment is decided both ways, no member hears of a commit before its lead has written it, and the lead writes it only when
      every member has proved that it serves;
    - no exit code lies: *live* is proved and kept by every member, *undone* is undone on every member, *refused* has touched nothing;
    - no step takes effect twice; a message of a driver that is fenced changes nothing;
    - a lease never blocks longer than its length; a silent driver's deployment is decided within its window and 5 s;
    - no host that serves stops serving, except while it is down; after a reboot nothing undecided serves;
    - whoever is let in meets a release and the data that it is made for;
    - whenever it is quiet, every host serves the last generation that was committed, nothing is open, and nobody waits.
    """
    reading = Reading(hosts)
    for line in history:
        reading.read(line)
    if quiet and history:
        reading.rest(history[-1].at)
    return reading.broken


class Reading:
    """The state of a fleet as far as its history tells it. `broken` are sentences about broken promises."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.broken: list[str] = []
        self._hosts = tuple(hosts)
        self._serving: dict[str, int | None] = dict.fromkeys(self._hosts)
        self._up_since: dict[str, float | None] = dict.fromkeys(self._hosts, 0.0)
        self._stages: dict[str, dict[str, str]] = {}  # of a deployment, by host
        self._generations: dict[str, int] = {}
        self._at: dict[tuple[str, int], str] = {}  # the deployment that a generation belongs to on a host
        self._leads: dict[str, str] = {}
        self._members: dict[str, tuple[str, ...]] = {}
        self._windows: dict[str, float] = {}
        self._heard: dict[str, float] = {}  # when a deployment's driver was last heard by any host
        self._proved: dict[str, set[str]] = {}
        self._decisions: dict[str, set[str]] = {}
        self._committed: dict[str, int] = {}  # the newest that a host knows
        self._led: set[str] = set()  # deployments that their lead has committed
        self._newest: int | None = None
        self._owing: set[tuple[str, str]] = set()  # hosts that rebooted in an undecided deployment
        self._numbers: dict[str, tuple[int, int]] = {}
        self._leases: dict[tuple[str, str], tuple[float, float]] = {}
        self._applied: dict[tuple[str, str, str], int] = {}
        self._touched: set[str] = set()
        self._calm = 0.0
        self._troubles: set[tuple[str, ...]] = set()
        self._doubts: dict[str, tuple[float, str]] = {}
        self._sick: set[int] = set()
        self._data: int | None = None
        self._made: set[int] = set()  # generations for which the data was changed
        self._waiting: set[str] = set()

    def read(self, line: Happening) -> None:
        """Take in one line."""
        if line.what in BEGINS or line.what in ENDS:
            self._in_time(line.at)
            self._disturbed(line)
        if (doubt := self._doubts.get(line.host)) is not None and line.at > doubt[0] + MOMENT_SECONDS:
            self.broken.append(doubt[1])
            del self._doubts[line.host]
        told = TOLD.get(line.what)
        if told is not None:
            told(self, line)
        elif "ok" in line.data:
            self._message(line)
        if line.what in ("serves", "data", "lets in", "waits"):
            self._visited(line)

    def rest(self, now: float) -> None:
        """Everything has had its time."""
        self._in_time(now)
        if self._waiting:
            self.broken.append(f"visitors of {', '.join(sorted(self._waiting))} wait when everything was quiet")
        for _, doubt in self._doubts.values():
            self.broken.append(doubt)
        if any(served != self._newest for served in self._serving.values()):
            self.broken.append(f"mixed when everything was quiet: {self._serving}, the last committed is {self._newest}")
        for deployment, stages in self._stages.items():
            still = sorted(host for host, stage in stages.items() if stage in INTENT)
            if still:
                self.broken.append(f"{deployment} is still open on {', '.join(still)} when everything was quiet")

    # ---------------------------------------------------------------- messages

    def _message(self, line: Happening) -> None:
        """A message that a host has answered."""
        data, host = line.data, line.host
        deployment = data.get("deployment", "")
        if not data["ok"]:
            if line.what == "lease" and data.get("code") == "held":
                self._held(line)
            return
        fence = data.get("fence")
        if fence is not None and not data.get("answer"):
            number = (data.get("term") or 0, fence)
            if line.what == "lease":
                self._leased(line, number)
            elif data.get("changed") and number < self._numbers.get(host, (0, 0)):
                self.broken.append(f"{host} took {line.what} of {deployment} with the number {number}, after {self._numbers[host]}")
            if line.what == "renew":
                self._leases[host, deployment] = (line.at, data["seconds"])
            if self._generations.get(deployment) == fence:
                self._heard[deployment] = line.at
        if line.what == "finish":
            self._leases.pop((host, deployment), None)
        for moved, stage in data.get("moved", {}).items():
            self._moved(line, moved, stage)
        if data.get("decision"):
            self._decided(deployment, data["decision"])
            if self._stages.get(deployment, {}).get(host) != data["decision"]:
                self.broken.append(f"{host} answered {line.what} with {data['decision']} of {deployment}, and has not written it")

    def _leased(self, line: Happening, number: tuple[int, int]) -> None:
        data, host, deployment = line.data, line.host, line.data["deployment"]
        self._numbers[host] = max(number, self._numbers.get(host, (0, 0)))
        self._leases[host, deployment] = (line.at, data["seconds"])
        self._generations[deployment] = data["fence"]
        self._at[host, data["fence"]] = deployment
        self._leads[deployment] = data["lead"]
        self._members[deployment] = tuple(data["members"])
        self._windows[deployment] = max(data["confirm_seconds"], data["seconds"])

    def _held(self, line: Happening) -> None:
        holder = line.data["holder"]
        at, seconds = self._leases.get((line.host, holder), (float("-inf"), 0.0))
        if line.at - at >= seconds:
            self.broken.append(f"the lease of {holder} blocks {line.host} {line.at - at:.1f} s after it was last renewed for {seconds} s")

    def _moved(self, line: Happening, deployment: str, stage: str) -> None:
        host = line.host
        stages = self._stages.setdefault(deployment, {})
        before = stages.get(host)
        if before in DECISIONS and before != stage:
            self.broken.append(f"{host} knew that {deployment} is {before}, and now says {stage}")
        if stage in DECISIONS and before in INTENT:
            self._in_time(line.at)
        stages[host] = stage
        if stage == ARMED:
            self._armed(line, deployment)
        if stage in DECISIONS:
            self._owing.discard((host, deployment))
            self._decided(deployment, stage)
        if line.what == "undo" and line.data.get("fence") != self._generations.get(deployment):
            self._touched |= {d for d, number in self._generations.items() if number == line.data.get("fence")}
        if stage == COMMITTED:
            self._commits(host, deployment)

    def _armed(self, line: Happening, deployment: str) -> None:
        self._touched.add(deployment)
        base = line.data.get("base")
        under = self._at.get((line.host, base)) if base is not None else None
        if under is not None and COMMITTED not in self._decisions.get(under, ()):
            self.broken.append(f"{deployment} builds on {under} on {line.host}, which was not committed")

    def _commits(self, host: str, deployment: str) -> None:
        lead = self._leads.get(deployment)
        generation = self._generations.get(deployment, 0)
        if host == lead:
            lacking = set(self._members[deployment]) - self._proved.get(deployment, set())
            if lacking:
                self.broken.append(f"{deployment} was committed before {', '.join(sorted(lacking))} had proved it")
            self._newest = max(generation, self._newest or 0)
            self._led.add(deployment)
        elif deployment not in self._led:
            self.broken.append(f"{host} committed {deployment} before its lead {lead} had")
        self._committed[host] = max(generation, self._committed.get(host, 0))

    def _decided(self, deployment: str, decision: str) -> None:
        known = self._decisions.setdefault(deployment, set())
        known.add(decision)
        if len(known) > 1 and (sentence := f"{deployment} was decided both ways") not in self.broken:
            self.broken.append(sentence)

    def _in_time(self, now: float) -> None:
        """Nothing may be open for longer than its window and SETTLING_SECONDS while lead and members can talk and the driver is silent."""
        if self._troubles:
            return
        for deployment, stages in self._stages.items():
            if any(stage in INTENT for stage in stages.values()):
                heard = self._heard.get(deployment, 0.0)
                silent = now - max(self._calm, heard)
                window = self._windows[deployment] if heard > self._calm else max(self._windows[deployment], ASKING_AGAIN_SECONDS)
                if silent > window + SETTLING_SECONDS:
                    self.broken.append(f"{deployment} was open {silent:.1f} s after its driver fell silent: {stages}")
                    self._heard[deployment] = now

    # -------------------------------------------------------------- happenings

    def _disturbed(self, line: Happening) -> None:
        """Keep what stands between lead and members; a driver that is cut off is nothing of that."""
        other = line.data.get("other", "")
        if line.what == "healed":
            self._troubles = {trouble for trouble in self._troubles if trouble[0] != "cut"}
        elif line.what == "weather":
            self._troubles = {trouble for trouble in self._troubles if trouble[0] != "weather"}
            self._troubles |= {("weather",)} if line.data["lossy"] or line.data["there_and_back_seconds"] > PATIENCE_SECONDS else set()
        elif line.what != "cut" or {line.host, other} <= set(self._hosts):
            pair = tuple(sorted((line.host, other)))
            if line.what in BEGINS:
                self._troubles.add((BEGINS[line.what], *pair))
            else:
                self._troubles.discard((ENDS[line.what], *pair))
        self._calm = line.at

    def _visited(self, line: Happening) -> None:
        """Whoever is let in meets a release and the data that it is made for; nobody waits for what is decided."""
        if line.what == "data":
            self._data = line.data["generation"]
            self._made |= {self._data} if self._data is not None else set()
        elif line.what == "waits":
            self._waiting.add(line.host)
        elif line.what == "lets in":
            self._waiting.discard(line.host)
        for host, generation in self._serving.items():
            if generation is None or host in self._waiting:
                continue
            its = max((number for number in self._made if number <= generation and self._is_led(number)), default=None)
            its = generation if generation in self._made else its
            if its != self._data:
                self.broken.append(f"{host} lets visitors in to {generation} at {line.at:.3f}, and the data is that of {self._data}")

    def _is_led(self, number: int) -> bool:
        return any(self._generations.get(deployment) == number for deployment in self._led)

    def _serves(self, line: Happening) -> None:
        host, generation = line.host, line.data["generation"]
        before, self._serving[host] = self._serving[host], generation
        self._doubts.pop(host, None)
        if generation is None:
            if self._committed.get(host) and before is not None:
                self.broken.append(f"{host} served {before} and serves nothing at {line.at:.3f}")
            return
        deployment = self._at.get((host, generation), "")
        stage = self._stages.get(deployment, {}).get(host)
        if (host, deployment) in self._owing:
            self.broken.append(f"{host} serves {generation} after a reboot, and {deployment} is not decided")
        if stage not in (ARMED, SWITCHED, COMMITTED):
            self._doubts[host] = (line.at, f"{host} serves {generation}, and {deployment} is {stage} there")
        elif generation < self._committed.get(host, 0):
            self._doubts[host] = (line.at, f"{host} serves {generation} although {self._committed[host]} is committed there")

    def _down(self, line: Happening) -> None:
        self._serving[line.host] = None
        self._up_since[line.host] = None
        self._doubts.pop(line.host, None)

    def _up(self, line: Happening) -> None:
        self._up_since[line.host] = line.at
        self._leases = {key: lease for key, lease in self._leases.items() if key[0] != line.host}
        self._owing |= {(line.host, d) for d, stages in self._stages.items() if stages.get(line.host) in (ARMED, SWITCHED, BACK)}

    def _bare(self, line: Happening) -> None:
        """Another machine stands in its place; what was on the disk of the first is gone, and not held against it."""
        for stages in self._stages.values():
            stages.pop(line.host, None)
        self._committed.pop(line.host, None)
        self._numbers.pop(line.host, None)
        self._owing = {owed for owed in self._owing if owed[0] != line.host}

    def _task(self, line: Happening) -> None:
        self._touched.add(line.data["deployment"])
        key = (line.host, line.data["deployment"], line.data["key"])
        self._applied[key] = self._applied.get(key, 0) + 1
        if self._applied[key] == 2:
            self.broken.append(f"{key[2]} of {key[1]} took effect twice on {line.host}")

    def _ended(self, line: Happening) -> None:
        """A driver's last word."""
        driver, verdict, deployments = line.data["driver"], line.data["verdict"], line.data["deployments"]
        if verdict == "live":
            self._said_live(line, deployments[-1])
        elif verdict == "undone":
            self._said_undone(line, deployments[-1])
        elif verdict.startswith("refused"):
            self.broken += [f"{driver} said {verdict}, and has touched hosts as {d}" for d in deployments if d in self._touched]
        if line.data.get("must") and verdict != line.data["must"]:
            self.broken.append(f"{driver} should have ended {line.data['must']}, and ended {verdict}")

    def _said_live(self, line: Happening, deployment: str) -> None:
        generation = self._generations[deployment]
        for host in self._members[deployment]:
            if host not in self._proved.get(deployment, set()):
                self.broken.append(f"{line.data['driver']} said live, and {host} had not proved it")
            if self._stages[deployment].get(host) != COMMITTED:
                self.broken.append(f"{line.data['driver']} said live, and {host} does not know the commit of {deployment}")
            up_since, served = self._up_since[host], self._serving[host]
            rising = up_since is None or (served is None and line.at < up_since + RISING_SECONDS)
            if not rising and (served is None or served < generation):
                self.broken.append(f"{line.data['driver']} said live, but {host} serves {served} (its own: {generation})")
        if generation in self._sick:
            self.broken.append(f"{line.data['driver']} said live of generation {generation}, which is sick")

    def _said_undone(self, line: Happening, deployment: str) -> None:
        generation = self._generations[deployment]
        for host in self._members[deployment]:
            stage = self._stages.get(deployment, {}).get(host)
            if stage in INTENT or stage == COMMITTED or self._serving[host] == generation:
                self.broken.append(f"{line.data['driver']} said undone, but {host} is {stage} and serves {self._serving[host]}")

    def _proves(self, line: Happening) -> None:
        self._proved.setdefault(line.data["deployment"], set()).add(line.host)

    def _sickens(self, line: Happening) -> None:
        self._sick.add(line.data["generation"])

    def _quiet(self, line: Happening) -> None:
        self.rest(line.at)


Told = Callable[[Reading, Happening], None]

TOLD: Mapping[str, Told] = {
    "serves": Reading._serves,
    "down": Reading._down,
    "up": Reading._up,
    "bare": Reading._bare,
    "task": Reading._task,
    "ended": Reading._ended,
    "proved": Reading._proves,
    "sick": Reading._sickens,
    "quiet": Reading._quiet,
}


def lines_of(history: Sequence[Happening], what: str) -> list[Mapping[str, Any]]:
    """The data of every line of one kind."""
    return [line.data for line in history if line.what == what]
