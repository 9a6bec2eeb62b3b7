"""A generation's document in, what every command of it finds in its environment out: nothing of ours or of the login leaks in."""

from __future__ import annotations

import os
import pwd

from shipway_agent.typed import Any, Dict, Mapping, NamedTuple

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Account(NamedTuple):
    """Whom we run as."""

    name: str
    home: str


def account() -> Account:
    """The account of this process. In a container a user may be no more than a number; then HOME says where its home is."""
    try:
        found = pwd.getpwuid(os.geteuid())
    except KeyError:
        return Account(str(os.geteuid()), os.environ.get("HOME") or "/")
    return Account(found.pw_name, found.pw_dir)


def defaults() -> Dict[str, str]:
    """What shipway.toml may override. Python writes no bytecode, for a release stays exact, also where an app runs as root.

    Written to another place it would cost more than it saves: Python then reads none that lies beside its own library either, and
    compiles all of it for each release.
    """
    ours = account()
    return {
        "PATH": PATH,
        "HOME": ours.home,
        "USER": ours.name,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def with_tools(environment: Mapping[str, str], root: str, document: Mapping[str, Any]) -> Dict[str, str]:
    """The same, with the programs of the generation's toolchain in front of all others. `root` is the path of the root."""
    folders = [f"{root}/toolchains/{tool['place']}/bin" for tool in document.get("toolchains", ())]
    if not folders:
        return dict(environment)
    return {**environment, "PATH": ":".join([*folders, *([path] if (path := environment.get("PATH")) else [])])}


def identity(document: Mapping[str, Any]) -> Dict[str, str]:
    """What tells a command which release it is of, and where."""
    return {
        "RELEASE": str(document["version"]),
        "SHIPWAY_ENVIRONMENT": str(document["environment"]),
        "SHIPWAY_RELEASE": str(document["release"]),
        "SHIPWAY_GENERATION": str(document["number"]),
    }
