"""How a host's outbox stands in, a sentence out when something did not go out. Nothing of a target is in it."""

from __future__ import annotations

from shipway.model.facts import Notifications
from shipway.reports.clean import clean


def trouble(box: Notifications) -> str:
    """Empty when everything went out."""
    why = f" ({clean(box.last_error)})" if box.last_error else ""
    parts = []
    if box.waiting:
        tried = f" after {box.tries} {'try' if box.tries == 1 else 'tries'}{why}; the host goes on for a day" if why else ""
        parts.append(f"{_count(box.waiting)} not sent yet{tried}")
    if box.failed:
        parts.append(f"{_count(box.failed)} given up{'' if box.waiting else why}")
    if not parts and why:
        return f"notifications cannot be sent from here{why}"
    return "; ".join(parts)


def _count(number: int) -> str:
    return f"{number} notification is" if number == 1 else f"{number} notifications are"
