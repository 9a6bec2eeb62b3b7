"""The name of the deploying user in, its account out: made where it lacks, one that is there never changed."""

from __future__ import annotations

import grp
import os
import pwd
import re
from typing import List, Optional

from shipway_agent.errors import AgentError
from shipway_agent.machine import programs
from shipway_agent.machine.done import THERE, WRONG, Done, changed

THING = "user"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
NO_LOGIN = ("nologin", "false", "sync", "shutdown", "halt")
"""Shells with which nobody can log in."""

NEVER = "*"
"""What no password encrypts to, and no lock either: a lock (!) keeps keys out as well where sshd does without PAM."""


def have_user(name: str, apply: bool) -> Done:
    """Raises AgentError `user` for what is no name, `program` where it cannot be made."""
    if not NAME.fullmatch(name):
        raise AgentError("user", f"{name!r} can be no user: letters, digits, . _ and -, at most 32")
    found = find(name)
    if found is not None:
        return _judged(found)
    if apply:
        _make(name)
    return changed(THING, apply, f"user {name}, without a password: it logs in by key")


def find(name: str) -> Optional[pwd.struct_passwd]:
    """The account of that name, None where there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _judged(found: pwd.struct_passwd) -> Done:
    name, shell = found.pw_name, found.pw_shell or "/bin/sh"
    if os.path.basename(shell) in NO_LOGIN:
        return Done(THING, WRONG, f"user {name} has the shell {shell}, with which nobody logs in", f"usermod --shell /bin/sh {name}")
    if not os.access(shell, os.X_OK):
        return Done(THING, WRONG, f"user {name} has the shell {shell}, which is not there", f"usermod --shell /bin/sh {name}")
    if found.pw_uid == 0:
        return Done(THING, THERE, f"user {name} is root itself; one of its own can do less harm")
    return Done(THING, THERE, f"user {name}")


def _make(name: str) -> None:
    shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
    useradd = programs.find("useradd")
    if useradd is not None:
        group: List[str] = ["--no-user-group", "--gid", name] if _has_group(name) else ["--user-group"]
        programs.run([useradd, "--create-home", *group, "--shell", shell, "--password", NEVER, name])
        return
    adduser = programs.find("adduser")  # busybox: Alpine has no other
    if adduser is None:
        raise AgentError("user", f"there is neither useradd nor adduser here to make user {name} with")
    programs.run([adduser, "-D", "-s", shell, name])
    programs.run(["chpasswd", "-e"], input=f"{name}:{NEVER}\n".encode())


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
