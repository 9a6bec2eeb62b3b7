"""argv in, exit code out. `--version` is answered before anything else is imported."""

from __future__ import annotations

import os
import sys

from shipway import __version__


def entry() -> None:
    """What the script `shipway` calls. Ends the process with the exit code of the verdict."""
    if sys.argv[1:] == ["--version"]:
        print(f"shipway {__version__}")
        sys.exit(0)
    if "_SHIPWAY_COMPLETE" in os.environ:
        from shipway.cli.commands import shipway
        from shipway.cli.completing import complete

        sys.exit(complete(shipway))
    from shipway.cli.commands import run

    sys.exit(run(sys.argv[1:]))
