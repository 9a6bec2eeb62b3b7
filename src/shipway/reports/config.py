"""Settings in, a table for a person and JSON for a program out: who gets what, where it comes from, and what hosts have of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.setting import Setting
from shipway.reports.clean import clean

LONGEST_VALUE = 60
LOOKS_SECRET = re.compile(r"(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|CREDENTIALS?)(_|$)", re.IGNORECASE)
HAS_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
"""A URL with a password in it."""

SAYS = {"changed": "another value is live", "absent": "not live yet", "unknown": "live, and cannot be compared", "extra": "live only"}


def config_text(settings: Sequence[Setting], live: Mapping[str, int | None], versions: Mapping[str, str]) -> list[str]:
    """One block for each who gets something. `live` is each host's current generation, `versions` its release; empty when not asked."""
    lines: list[str] = []
    for owner in sorted({setting.owner for setting in settings}):
        own = [setting for setting in settings if setting.owner == owner]
        rows = [(setting.name, _value(setting), clean(setting.source, most=200)) for setting in own]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines += ["", owner.replace(".", " ", 1) if owner else "every process and task"]
        for setting, row in zip(own, rows, strict=True):
            lines.append(f"  {row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  {row[2]}".rstrip())
            lines += [f"  {'':{widths[0]}}  {said}" for said in (*_faults(setting), *_live(setting))]
    for host, generation in sorted(live.items()):
        serves = f"serves generation {generation} of {clean(versions.get(host, ''))}" if generation is not None else "serves nothing yet"
        lines += ["", f"{host}: {serves}"] if host == min(live) else [f"{host}: {serves}"]
    return lines[1:]


def config_json(
    environment: str, settings: Sequence[Setting], live: Mapping[str, int | None], versions: Mapping[str, str]
) -> dict[str, Any]:
    """The same as JSON values; `value` is null for what nobody may see and for what only a host knows."""
    return {
        "environment": environment,
        "settings": [_setting_json(setting) for setting in settings],
        "hosts": {host: {"generation": generation, "version": versions.get(host, "")} for host, generation in sorted(live.items())},
    }


def _setting_json(setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "owner": setting.owner,
        "source": setting.source,
        "value": None if _is_hidden(setting) else setting.value,
        "secret": setting.secret,
        "plain_secret": _is_hidden(setting) and not setting.secret,
        "fingerprint": setting.fingerprint,
        "fault": setting.fault,
        "live": dict(setting.live),
    }


def _is_hidden(setting: Setting) -> bool:
    return setting.secret or (bool(setting.value) and bool(LOOKS_SECRET.search(setting.name) or HAS_PASSWORD.search(setting.value or "")))


def _value(setting: Setting) -> str:
    if setting.fault:
        return "(cannot be had)"
    if _is_hidden(setting):
        return f"(secret {setting.fingerprint})" if setting.fingerprint else "(not shown)"
    if setting.value is None:
        return "-"
    text = json.dumps(setting.value, ensure_ascii=False)
    return clean(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")


def _faults(setting: Setting) -> list[str]:
    if setting.fault:
        return [clean(setting.fault)]
    if _is_hidden(setting) and not setting.secret:
        return ["looks like a secret, and the repository has it in plain text"]
    return []


def _live(setting: Setting) -> list[str]:
    """What is not the same, with its hosts: together where all say so."""
    found: dict[str, list[str]] = {}
    for host, state in sorted(setting.live.items()):
        found.setdefault(state, []).append(host)
    return [f"{', '.join(hosts)}: {SAYS[state]}" for state, hosts in found.items() if state in SAYS]
