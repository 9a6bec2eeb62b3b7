"""Names of Debian's packages in; out, why their programs are not there, after an attempt to install them."""

from __future__ import annotations

import os
import shutil
import subprocess


def missing(program: str, package: str) -> str | None:
    """None where the program is there."""
    if shutil.which(program) is None and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for argv in (["apt-get", "update", "-q"], ["apt-get", "install", "-yq", "--no-install-recommends", package]):
            subprocess.run(argv, env=quiet, check=False, capture_output=True)
    return None if shutil.which(program) else f"{program} is not installed (Debian: apt install {package})"
