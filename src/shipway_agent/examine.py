"""A root in; out, what `look` does not ask because a deployment meets it by itself: an address that is taken, processes that nobody owns.

Writes nothing and needs no lease.
"""

from __future__ import annotations

from shipway_agent import clock, group, orphans, probes
from shipway_agent.call import Call
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, List, Optional

TASK = "task:"


def examine(call: Call) -> Dict[str, Any]:
    """{"clock", "listen": text | null, "strays": [{"pid","copy","generation"}], "orphans": [{"deployment","task","seconds_left"}]}.

    `listen` of the arguments is where requests should come in, null where none should; `listen` of the answer says why they cannot.
    """
    wanted = call.args.get("listen")
    now = clock.boot_now()
    left = {(one.deployment, one.key): max(0.0, one.until - now) for one in orphans.orphans(call.root)}
    return {
        "listen": None if wanted is None else _why_not(str(wanted), call.place.proxy),
        "strays": strays(call.root, call.journal),
        "orphans": [
            {"deployment": deployment, "task": key[len(TASK) :] if key.startswith(TASK) else key, "seconds_left": seconds}
            for (deployment, key), seconds in sorted(left.items())
        ],
        "clock": clock.wall_now(),
    }


def strays(root: Root, journal: Journal) -> List[Dict[str, Any]]:
    """Living processes that carry a marker of this root and belong to no row."""
    marked = {pid: marker for pid, marker in group.marks().items() if marker.startswith(f"{root.digest}/")}
    # Read behind the markers: a row is written before its process is begun, and goes when the process is proved gone.
    known = {row.marker(root.digest) for row in journal.processes()}
    found = []
    for pid, marker in sorted(marked.items()):
        words = marker.split("/")
        process = group.known(pid)
        if marker in known or len(words) != 5 or not words[1].isdigit() or process is None or process.dead:
            continue
        if group.marker_of(pid) == marker:
            found.append({"pid": pid, "copy": f"{words[2]}.{words[3]}", "generation": int(words[1])})
    return found


def _why_not(listen: str, proxy: str) -> Optional[str]:
    from shipway_agent.caddy import admin, config, ports

    try:
        with Root(proxy) as place:
            running = admin.config_of(place)
    except AgentError:
        running = None  # no proxy was ever here
    try:
        if running is None or listen not in config.listens_of(running):
            ports.check_bindable(listen)
        elif not probes.accepts(ports.reachable(listen)):
            return f"the proxy runs and does not accept connections at {listen}"
    except AgentError as error:
        return error.message
    return None
