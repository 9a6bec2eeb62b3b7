"""Hosts and the rows that there are for them in, the hosts that get a row and words about the others out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from heapq import nsmallest

from shipway.reports.fold import HostState

TROUBLE = ("failed", "lost", "went back")


def shown(hosts: Mapping[str, HostState], rows: int) -> tuple[list[str], str]:
    """By name. Where not all fit, those in trouble come first, then those that wait, work, and have nothing to do;

    the words say how many others there are and at which stages, and take a row of their own.
    """
    if len(hosts) <= rows:
        return sorted(hosts), ""
    kept = set(nsmallest(max(0, rows - 1), hosts, key=lambda name: (_urgency(hosts[name]), name)))
    stages = Counter(host.stage for name, host in hosts.items() if name not in kept)
    said = ", ".join(f"{count} {stage}" for stage, count in stages.most_common())
    return sorted(kept), f"and {stages.total()} more: {said}" if kept else f"{stages.total()} hosts: {said}"


def _urgency(host: HostState) -> int:
    if host.stage in TROUBLE or host.failure is not None:
        return 0
    if host.waiting:
        return 1
    return 2 if host.step is not None else 3
