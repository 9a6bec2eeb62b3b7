"""A generation's document in, what every command of it finds in its environment out: nothing of ours or of the login leaks in."""

from __future__ import annotations

import os
import pwd
from typing import Any, Dict, Mapping

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def defaults(root_path: str, document: Mapping[str, Any]) -> Dict[str, str]:
    """What shipway.toml may override. Bytecode of Python goes beside the release, which is read-only and exact, and goes with it."""
    account = pwd.getpwuid(os.geteuid())
    return {
        "PATH": PATH,
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LANG": "C.UTF-8",
        "PYTHONPYCACHEPREFIX": f"{root_path}/outputs/{document['release']}/.bytecode",
    }


def identity(document: Mapping[str, Any]) -> Dict[str, str]:
    """What tells a command which release it is of, and where."""
    return {
        "RELEASE": str(document["version"]),
        "SHIPWAY_ENVIRONMENT": str(document["environment"]),
        "SHIPWAY_RELEASE": str(document["release"]),
        "SHIPWAY_GENERATION": str(document["number"]),
    }
