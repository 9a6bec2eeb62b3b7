"""A generation's document in, what every command of it finds in its environment out: nothing of ours or of the login leaks in."""

from __future__ import annotations

import os
import pwd
from typing import Any, Dict, Mapping

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def defaults() -> Dict[str, str]:
    """What shipway.toml may override. Python writes no bytecode, for a release stays exact, also where an app runs as root.

    Written to another place it would cost more than it saves: Python then reads none that lies beside its own library either, and
    compiles all of it for each release.
    """
    account = pwd.getpwuid(os.geteuid())
    return {
        "PATH": PATH,
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def identity(document: Mapping[str, Any]) -> Dict[str, str]:
    """What tells a command which release it is of, and where."""
    return {
        "RELEASE": str(document["version"]),
        "SHIPWAY_ENVIRONMENT": str(document["environment"]),
        "SHIPWAY_RELEASE": str(document["release"]),
        "SHIPWAY_GENERATION": str(document["number"]),
    }
