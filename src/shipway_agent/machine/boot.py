"""The deploying user in; out, what starts its applications with the machine: systemd once the user lingers, else cron."""

from __future__ import annotations

import glob
import os
import pwd
import time
from typing import Optional

from shipway_agent import crontab, units
from shipway_agent.errors import AgentError
from shipway_agent.machine import programs
from shipway_agent.machine.done import NOTE, THERE, WRONG, Done, changed

THING = "boot"
UP_SECONDS = 15.0
PAM = (
    "/lib/*/security/pam_systemd.so",
    "/usr/lib/*/security/pam_systemd.so",
    "/usr/lib*/security/pam_systemd.so",
    "/lib*/security/pam_systemd.so",
)


def have_start(account: Optional[pwd.struct_passwd], name: str, apply: bool) -> Done:
    """`account` is None where the user is not there yet. Raises AgentError `program` where lingering cannot be enabled."""
    if not units.is_init():
        return _by_cron(name)
    if account is not None and units.lingers(name):
        return Done(THING, THERE, f"{name} lingers: systemd starts its applications with the machine")
    says = f"{name} lingers, so that systemd starts its applications with the machine"
    if account is None or not apply:
        return changed(THING, False, says)
    _linger(account)
    if not _is_up(account.pw_uid):
        missing = "" if any(glob.glob(pattern) for pattern in PAM) else ": pam_systemd.so is missing"
        next = f"apt install libpam-systemd, or what brings it here; systemctl status user@{account.pw_uid} says more"
        return Done(THING, WRONG, f"{name} lingers, and its own systemd does not start{missing}", next)
    return changed(THING, True, says)


def _by_cron(name: str) -> Done:
    if programs.find("crontab") and crontab.is_read():
        return Done(THING, THERE, f"cron starts the applications of {name} with the machine: systemd is not the init here")
    says = f"nothing starts the applications of {name} with the machine: there is neither systemd nor a cron that runs"
    return Done(THING, NOTE, says, "install cron and start it with the machine")


def _linger(account: pwd.struct_passwd) -> None:
    """As logind has it; where that does not answer, what it would do."""
    try:
        programs.run(["loginctl", "--no-ask-password", "enable-linger", account.pw_name])
    except AgentError:
        os.makedirs(units.LINGER, mode=0o755, exist_ok=True)
        os.close(os.open(f"{units.LINGER}/{account.pw_name}", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))
        programs.run(["systemctl", "start", f"user@{account.pw_uid}.service"])


def _is_up(uid: int) -> bool:
    until = time.monotonic() + UP_SECONDS
    while not os.path.exists(f"/run/user/{uid}/systemd/private"):
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
    return True
