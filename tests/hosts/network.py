"""A plot and a number in; a bridge and that many network namespaces out, with a guard so that no packet ever leaves the machine."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.hosts.ground import Plot


def lay(plot: Plot, count: int) -> None:
    """The guard route first, then the bridge, then a namespace and a cable for each host."""
    lines = [
        f"route replace unreachable {plot.subnet} metric 4000000",
        f"link add {plot.bridge} type bridge",
        f"link set {plot.bridge} up",
        f"addr add {plot.gateway}/24 dev {plot.bridge}",
    ]
    for index in range(count):
        lines += [
            f"netns add {plot.namespace(index)}",
            f"link add {plot.link(index)} type veth peer name eth0 netns {plot.namespace(index)}",
            f"link set {plot.link(index)} master {plot.bridge} up",
        ]
    _batch([], lines)
    for index in range(count):
        own = [f"addr add {plot.address(index)}/24 dev eth0", "link set eth0 up", "link set lo up"]
        _batch(["-n", plot.namespace(index)], own)


def cut(namespace: str, others: Sequence[str] | None) -> None:
    """Drops every packet in and out of the host without a word; with `others`, only what comes from or goes to these addresses."""
    if others is None:
        incoming, outgoing = 'iifname != "lo" drop', 'oifname != "lo" drop'
    else:
        group = "{ " + ", ".join(others) + " }"
        incoming, outgoing = f"ip saddr {group} drop", f"ip daddr {group} drop"
    _rule(namespace, incoming, outgoing)


def close(namespace: str, port: int) -> None:
    """Drops whatever would open a new connection to the port; those that are open go on."""
    _rule(namespace, f"tcp dport {port} tcp flags & (syn | ack) == syn drop", "accept")


def heal(namespace: str) -> None:
    """Packets pass again. Does nothing where none were dropped."""
    _run(["ip", "netns", "exec", namespace, "nft", "-f", "-"], "table inet cut\ndelete table inet cut\n")


def _rule(namespace: str, incoming: str, outgoing: str) -> None:
    """In the place of any that was there."""
    rules = f"""
        table inet cut {{
            chain in {{ type filter hook input priority 0; {incoming}; }}
            chain out {{ type filter hook output priority 0; {outgoing}; }}
        }}
    """
    heal(namespace)
    _run(["ip", "netns", "exec", namespace, "nft", "-f", "-"], rules)


def _batch(options: Sequence[str], lines: Sequence[str]) -> None:
    _run(["ip", *options, "-batch", "-"], "\n".join(lines) + "\n")


def _run(argv: Sequence[str], text: str) -> None:
    done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}\n{text}")
