"""bin/hosts N [up|down]: N hosts that stay until they are taken away; prints how to reach them."""

from __future__ import annotations

import sys
import time

from tests.hosts.fleet import Hosts
from tests.hosts.ground import clear, kept, release, why_not

USAGE = "usage: bin/hosts N [up]   makes N hosts that stay\n       bin/hosts N down   takes all of them away (N does not matter)"


def main(argv: list[str]) -> int:
    if not argv or not argv[0].isdigit() or argv[1:] not in ([], ["up"], ["down"]):
        print(USAGE, file=sys.stderr)
        return 2
    reason = why_not()
    if reason:
        print(f"bin/hosts: {reason}. Nothing was changed.", file=sys.stderr)
        return 3
    return down() if argv[1:] == ["down"] else up(int(argv[0]))


def up(n: int) -> int:
    began = time.monotonic()
    hosts = Hosts(n)
    hosts.up()
    lines = [f"{name}  deploy@{hosts.address(name)}  front door {hosts.address(name)}:{hosts.front(name)[1]}" for name in hosts.names]
    config = hosts.ssh_config
    hosts.keep()
    print(f"{n} hosts in {time.monotonic() - began:.2f} s\n" + "\n".join(lines))
    print(f"export SHIPWAY_SSH_CONFIG={config}\nssh -F {config} {hosts.names[0]}\nbin/hosts {n} down  # takes all away, of other calls too")
    return 0


def down() -> int:
    plots = kept()
    for plot in plots:
        clear(plot)
        release(plot)
    print(f"{len(plots)} set{'' if len(plots) == 1 else 's'} of hosts taken away")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
