"""A root in; out, what is safe to do there at any time, without a lease, done: its supervisor runs, and would run after a reboot.

Both are what every deployment makes sure of, and what cron or systemd do by themselves; whoever finds them done changes nothing. And a
journal that is damaged is made anew, where that is asked for.
"""

from __future__ import annotations

from typing import Any, Dict, List

from shipway_agent.call import Call
from shipway_agent.errors import AgentError
from shipway_agent.itself import own_file


def mend(call: Call) -> Dict[str, Any]:
    """{"done": [sentences]}. `reboot` of the arguments is {"app", "environment"} where a start after a reboot is wanted, else null.

    With `journal` a damaged one is made anew first. A root in which nothing is current is left as it is. Raises AgentError `supervisor`
    when none can be started, and what `renew` raises.
    """
    from shipway_agent import supervisor
    from shipway_agent.primitives import reboot

    done: List[str] = []
    if call.args.get("journal"):
        from shipway_agent.renewal import renew

        try:
            done += renew(call.root, call.place.name)
        except AgentError:
            if not call.root.supervised():  # it was killed for that, and cron or systemd are not everywhere
                supervisor.start(call.root, own_file(), call.place.proxy)
            raise
    if call.journal.member().current is None:
        return {"done": done}
    if not call.root.supervised():
        reboot.begin_unit(call.root)
        supervisor.ensure(call.root, None, call.place.proxy)
        done.append("its supervisor was started")
    if call.args.get("reboot") is not None:
        answer = reboot.ensure(call.context(), call.args["reboot"])
        if answer["changed"]:
            done.append(f"{answer['by']} starts it after a reboot again")
        elif answer["note"]:
            done.append(answer["note"])
    return {"done": done}
