"""What ssh said before it gave up in; a code, a sentence that a person can act on, and the keys in question out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why no agent answered. `facts` may hold `offered` and `known`, fingerprints of host keys."""

    code: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def explain(exit_code: int | None, said: Sequence[str], noise: str, address: str, timeout_seconds: float) -> Complaint:
    """Sort a failed login. `exit_code` is ssh's, None while it still ran at the bound; `said` its stderr; `noise` what came on stdout."""
    text = "\n".join(said)
    last = _last(said)
    if "more than 64 KiB" in noise:
        return Complaint("noise", f"the login shell of {address} writes {noise} before our agent can speak; silence its start-up files.")
    if exit_code == 255 or exit_code is None:
        for pattern, sort in _CLIENT:
            if re.search(pattern, text):
                return sort(text, address)
    if exit_code is None:
        return Complaint("unreachable", f"{address} did not answer within {timeout_seconds:g} s{_after(last or noise)}")
    if exit_code == 255:
        return Complaint("unreachable", f"ssh {address} failed{_after(last)}")
    if re.search(r"^sudo: (?!python3|/bin/sh)|\bsudo: (command )?not found", last):
        return Complaint("sudo", f"{address} may not become root there without a password{_after(last.removeprefix('sudo: '))}")
    if exit_code in (126, 127) or re.search(r"python3?\b.*(not found|No such file|SyntaxError)|invalid syntax", text):
        advice = "Install python3 (3.9 or newer) there."
        return Complaint("no-python", f"{address} cannot run python3 when logged in without a terminal{_after(last)}. {advice}")
    ended = f"the login shell of {address} ended with {exit_code} before our agent could start{_after(last or noise)}"
    return Complaint("login", f"{ended}. Try: ssh {address} true")


def offered_key(said: Sequence[str]) -> str | None:
    """The host key that a verbose client was offered, as "TYPE SHA256:…"."""
    found = re.search(r"Server host key: (\S+ SHA256:\S+)", "\n".join(said))
    return found[1] if found else None


def known_key(text: str) -> str | None:
    """The fingerprint of the key on record, from the line that ssh's warning names; None where that cannot be read."""
    found = re.search(r"Offending (\S+) key in (.+):(\d+)", text)
    if found is None:
        return None
    try:
        words = Path(found[2]).read_text(encoding="utf-8", errors="replace").splitlines()[int(found[3]) - 1].split()
        blob = next(base64.b64decode(word, validate=True) for word in words if word.startswith("AAAA"))
    except (OSError, IndexError, StopIteration, binascii.Error):
        return None
    return f"{found[1]} SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def _changed(text: str, address: str) -> Complaint:
    offered = re.search(r"fingerprint for the (\S+) key sent by the remote host is\s+(SHA256:[A-Za-z0-9+/]+)", text)
    known = known_key(text)
    where = re.search(r"Offending \S+ key in (.+:\d+)", text)
    facts = {"offered": f"{offered[1]} {offered[2]}" if offered else "", "known": known or "", "recorded_in": where[1] if where else ""}
    message = (
        f"{address} shows another host key than the one on record: {facts['offered'] or 'a new one'} instead of {known or 'the old one'}. "
        f"Either the machine was set up anew, or somebody stands in between. Ask whoever runs it; if the new key is right, remove the old "
        f"one ({facts['recorded_in'] or 'known_hosts'}) with ssh-keygen -R and log in once by hand."
    )
    return Complaint("host-key-changed", message, facts)


def _revoked(text: str, address: str) -> Complaint:
    return Complaint("host-key-revoked", f"{address} shows a host key that is marked as revoked in known_hosts; nothing was sent.")


def _unknown(text: str, address: str) -> Complaint:
    return Complaint(
        "host-key-unknown",
        f"the host key of {address} is not known here, and none is trusted unseen. Compare it with what whoever runs the host says, "
        f"then record it by logging in once by hand: ssh {address}",
    )


def _login(text: str, address: str) -> Complaint:
    methods = re.search(r"Permission denied \(([^)]*)\)", text)
    keys = re.search(r"Load key .*|.*bad permissions.*|.*UNPROTECTED PRIVATE KEY.*", text)
    return Complaint(
        "login",
        f"{address} did not accept the login{f' (it takes: {methods[1]})' if methods else ''}{_after(keys[0].strip() if keys else '')}. "
        f"No password is asked for here: put a key on the host (ssh-copy-id {address}) and load it (ssh-add).",
    )


def _unanswered(text: str, address: str) -> Complaint:
    return Complaint("unreachable", f"{address} cannot be reached{_after(_last(text.splitlines()))}")


def _config(text: str, address: str) -> Complaint:
    return Complaint("ssh-config", f"ssh refuses its own configuration{_after(_last(text.splitlines()))}")


_CLIENT = (
    (r"REVOKED HOST KEY|is marked as revoked", _revoked),
    (r"HOST IDENTIFICATION HAS CHANGED", _changed),
    (r"host key is known for .* and you have requested strict checking|Host key verification failed", _unknown),
    (r"[Bb]ad configuration option|Bad owner or permissions|keyword .* (missing|extra)|Can't open user config", _config),
    (r"Permission denied|Too many authentication failures|No more authentication methods|Authentication failed", _login),
    (
        r"Could not resolve|Connection refused|timed out|No route to host|unreachable|Connection closed by|Connection reset|"
        r"kex_exchange_identification|banner exchange|Bad port|not responding",
        _unanswered,
    ),
)
"""In this order: what says most comes first."""


def _last(said: Sequence[str]) -> str:
    """The last line that is a reason, not a warning about something else."""
    reasons = [line for line in said if line and not line.startswith(("Warning:", "**", "@@"))]
    return reasons[-1] if reasons else ""


def _after(reason: str) -> str:
    return f": {reason.rstrip('.')}" if reason else ""
