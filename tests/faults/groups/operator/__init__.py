"""The operator's program dies, sleeps, is interrupted, or is two: F1, F2 and F10 of the faults to survive."""

from __future__ import annotations

from tests.faults.case import Family, Group
from tests.faults.groups.operator.deaths import deaths_of
from tests.faults.groups.operator.orders import ORDERS, orders_of
from tests.faults.groups.operator.rivals import rivals
from tests.faults.groups.operator.signals import interrupted, stopped

ABOUT = {("deploy", 1): 50, ("deploy", 4): 192, ("rollback", 1): 42, ("rollback", 4): 168, ("resume", 1): 18, ("resume", 4): 60}
"""Moments at the last count; a run tells how many it found."""

ABOUT_ORDERS = {1: 40, 4: 160}
"""The same of an order, whichever."""

SECONDS = {1: 4.5, 4: 7.0}
"""A case takes longer where more hosts settle."""

GROUP = Group(
    "operator",
    (
        *(
            Family(
                f"{verb}-{size}",
                size,
                deaths_of(verb),
                looks=True,
                about=ABOUT[verb, size],
                variants=2,
                seconds=SECONDS[size],
                spare=verb == "deploy",
            )
            for verb in ("deploy", "rollback", "resume")
            for size in (1, 4)
        ),
        *(
            Family(
                f"{name}-{size}", size, orders_of(name), looks=True, about=ABOUT_ORDERS[size], slow=True, seconds=SECONDS[size], spare=False
            )
            for name in ORDERS
            for size in (1, 4)
        ),
        Family("signals-4", 4, interrupted, seconds=12.0),
        Family("rivals-4", 4, rivals, seconds=12.0),
        Family("stopped-4", 4, stopped, slow=True, seconds=60.0),
    ),
)
