"""What a machine needs so that a user may deploy to it, as data, in; what is there, what was made and what a person has to do, out.

The only call that needs root. Done twice it changes nothing the second time; without `apply` it changes nothing at all.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List

from shipway_agent.call import Call
from shipway_agent.errors import AgentError
from shipway_agent.machine import boot, firewall, home, low_ports, user
from shipway_agent.machine.done import MADE, WRONG, Done

KIND = "setup"
"""Of the events that this root's journal remembers: what was made, when, and for whom."""


def setup(call: Call) -> Dict[str, Any]:
    """{"done": [{"thing","state","says","next"}]}. `user`, `keys` (lines for authorized_keys) and `apply` are the arguments.

    A thing that cannot be made is `wrong` in the answer, and the others are made all the same. Raises AgentError `denied` for whoever is
    not root, `keys` for a line that is no public key.
    """
    if os.geteuid() != 0:
        raise AgentError("denied", "making users and settings of a machine needs root")
    name, apply, keys = str(call.args["user"]), bool(call.args["apply"]), [_key(line) for line in call.args["keys"]]
    done: List[Done] = []

    def have(thing: str, work: Callable[[], List[Done]]) -> None:
        try:
            found = work()
        except AgentError as error:
            found = [Done(thing, WRONG, error.message, "mend that by hand; then the same again")]
        done.extend(found)

    have(user.THING, lambda: _user(name, apply))
    account = user.find(name)
    have("home", lambda: home.have_home(account, keys, apply) if account is not None else home.wanted(name, keys) if not apply else [])
    have(boot.THING, lambda: [boot.have_start(account, name, apply)])
    have(low_ports.THING, lambda: [low_ports.have_low_ports(apply)])
    have(firewall.THING, firewall.notes)
    if any(one.state == MADE for one in done):
        call.journal.event(
            KIND, "", {"user": name, "who": str(call.args.get("who", "")), "made": [one.says for one in done if one.state == MADE]}
        )
    return {"done": [one.to_json() for one in done]}


def _user(name: str, apply: bool) -> List[Done]:
    return [user.have_user(name, apply)]


def _key(line: Any) -> str:
    if not isinstance(line, str) or not home.KEY.fullmatch(line) or re.search(r"[\x00-\x1f\x7f]", line):
        raise AgentError("keys", "a line for authorized_keys is no public key")
    return line
