"""An argument list in; out, a session, a supervisor, a sender, a restore point, one put back, copies of it elsewhere, or a version.

`python3 -I -S <hash>.pyz serve --root R [--name N]`.
"""

from __future__ import annotations

import gc
import os
import sys

from shipway_agent.faults import unforeseen
from shipway_agent.itself import LOCK_VARIABLE
from shipway_agent.typed import Dict, List, Sequence

USAGE = """usage: shipway-agent serve --root DIR [--proxy DIR] [--name NAME]
       shipway-agent supervise [--foreground] --root DIR [--proxy DIR]
       shipway-agent point --root DIR --data NAME
       shipway-agent restore --root DIR
       shipway-agent copy --root DIR
       shipway-agent notify --root DIR --ids ID[,ID…]
       shipway-agent version"""

OPTIONS: Dict[str, Sequence[str]] = {
    "serve": ("--root", "--proxy", "--name", "--agent"),
    "supervise": ("--root", "--proxy"),
    "point": ("--root", "--data"),
    "restore": ("--root",),
    "copy": ("--root",),
    "notify": ("--root", "--ids"),
    "version": (),
}
FLAGS: Dict[str, Sequence[str]] = {"supervise": ("--foreground",)}
"""Options without a value."""


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong arguments."""
    try:
        options = _options(argv)
    except ValueError as error:
        sys.stderr.write(f"{error}\n{USAGE}\n")
        return 2
    try:
        return _do(argv[0], options)
    except BrokenPipeError:
        return 1
    except Exception as error:
        refusal = unforeseen(error)
        sys.stderr.write("".join(f"{line}\n" for line in [f"shipway agent: {refusal.message}", *refusal.lines]))
        return 1


def _do(word: str, options: Dict[str, str]) -> int:
    if word == "version":
        from shipway_agent.itself import own_hash

        sys.stdout.write(f"{own_hash()} python {sys.version.split()[0]}\n")
        return 0
    from shipway_agent.signals import hear_what_is_ignored

    hear_what_is_ignored()
    if word == "supervise":
        return _supervise(options)
    if word == "notify":
        from shipway_agent.notifications.send import send

        return send(options["--root"], [name for name in options.get("--ids", "").split(",") if name])
    if word == "copy":
        from shipway_agent.data.elsewhere.beside import copy

        return copy(options["--root"])
    if word == "point":
        from shipway_agent.data.scheduled import take

        return take(options["--root"], options.get("--data", ""))
    if word == "restore":
        from shipway_agent.restoring import put_back

        return put_back(options["--root"])
    return _serve(options)


def _supervise(options: Dict[str, str]) -> int:
    from shipway_agent.root import Root

    with Root(options["--root"]) as root:
        # cron looks every minute: the daemon's own modules are read only by one that may become it.
        if LOCK_VARIABLE not in os.environ and root.supervised():
            if "--foreground" in options:
                root.await_supervisor()  # and end: the unit is started again, as the agent that is current by then
            return 0
    from shipway_agent.daemon import supervise

    return supervise(options["--root"], options.get("--proxy"), foreground="--foreground" in options)


def _serve(options: Dict[str, str]) -> int:
    from shipway_agent.call import Place
    from shipway_agent.itself import has_hash, own_hash
    from shipway_agent.root import Root
    from shipway_agent.session import serve

    gc.set_threshold(20_000, 50, 50)  # a session is short, and what it imports stays: looking for cycles in that finds none
    if "--agent" in options:
        has_hash(options["--agent"])
    path = options["--root"]
    with Root(path, create=True) as root:
        proxy = options.get("--proxy") or root.full("proxy")
        return serve(Place(root, proxy, options.get("--name", ""), own_hash()))


def _options(argv: Sequence[str]) -> Dict[str, str]:
    """Options by name. Raises ValueError for what is not in OPTIONS."""
    if not argv or argv[0] not in OPTIONS:
        raise ValueError(f"unknown word {argv[0]!r}" if argv else "a word is missing")
    rest: List[str] = list(argv[1:])
    found: Dict[str, str] = {}
    while rest:
        name = rest.pop(0)
        if name in FLAGS.get(argv[0], ()):
            found[name] = ""
            continue
        if name not in OPTIONS[argv[0]] or not rest:
            raise ValueError(f"{argv[0]} does not take {name!r}" if name not in OPTIONS[argv[0]] else f"{name} needs a value")
        found[name] = rest.pop(0)
    if "--root" in OPTIONS[argv[0]] and not found.get("--root"):
        raise ValueError(f"{argv[0]} needs --root")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
