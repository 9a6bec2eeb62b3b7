"""argv in, exit code out. `--version` is answered before anything else is imported."""

from __future__ import annotations

import gc
import os
import sys

from shipway import __version__
from shipway.cli.standing import begin, stands


def entry() -> None:
    """What the script `shipway` calls. Ends the process with the exit code of the verdict."""
    # What a start makes stays: looking for cycles in it again and again is a fifth of the time of importing it.
    gc.set_threshold(20_000, 50, 50)
    begin()
    if sys.argv[1:] == ["--version"]:
        print(f"shipway {__version__}")
        sys.exit(0)
    if "_SHIPWAY_COMPLETE" in os.environ:
        from shipway.cli.commands import shipway
        from shipway.cli.completing import complete

        sys.exit(complete(shipway))
    try:
        from shipway.cli.commands import run
    except KeyboardInterrupt:
        print("REFUSED: interrupted before anything began; nothing was touched", file=sys.stderr)
        sys.exit(3)
    code = run(sys.argv[1:])
    stands(code)
    gc.freeze()  # at its end Python looks through all that is left, three times: 25 ms for what ends with the process anyway
    sys.exit(code)
