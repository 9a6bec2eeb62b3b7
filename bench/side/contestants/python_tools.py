"""Nothing in, the peers that are written in Python out: in a directory of their own, at versions that are named here."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from bench.side import cache

PACKAGES = ("ansible-core==2.19.14", "mitogen==0.3.54", "fabric==3.2.3", "pyinfra==3.10.0")


def programs() -> Path:
    """The directory of their commands, installed at the first call. Raises CalledProcessError where the registry does not have them."""
    name = f"peers-{hashlib.sha256(' '.join((sys.version, *PACKAGES)).encode()).hexdigest()[:12]}"
    made = cache.place() / name
    with cache.locked("peers"):
        if not (made / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(made)], check=True)
            pip = [str(made / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
            subprocess.run(pip, check=True, stdout=sys.stderr)
            (made / "complete").touch()
    return made / "bin"


def missing() -> str | None:
    """Why they cannot be had; None where they are there."""
    try:
        programs()
    except (subprocess.CalledProcessError, OSError) as error:
        return f"{', '.join(PACKAGES)} cannot be installed: {error}"
    return None


def strategies() -> Path:
    """Where mitogen's plugins for Ansible are."""
    return next(programs().parent.glob("lib/*/site-packages/ansible_mitogen/plugins/strategy"))
