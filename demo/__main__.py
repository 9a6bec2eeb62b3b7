"""bin/demo [--keep]: exit code 0 only if no request failed and every deployment ended as it should."""

from __future__ import annotations

import argparse
import shutil
import sys

from demo.stage import Stage
from demo.story import Unexpected, tell


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bin/demo", description="Shipway's main job on this machine, under load, in under a minute.")
    parser.add_argument("--keep", action="store_true", help="leave it running, and say where and how to end it")
    wanted = parser.parse_args(arguments)
    if shutil.which("git") is None:
        print("bin/demo: git is not on the PATH, and Shipway ships commits. Install git; nothing was changed.", file=sys.stderr)
        return 3
    stage = Stage()
    kept = False
    try:
        good = tell(stage)
        kept = wanted.keep
    except Unexpected as surprise:
        print(f"\nbin/demo: {surprise}", file=sys.stderr)
        good = False
    except KeyboardInterrupt:
        print("\nbin/demo: interrupted; taking everything down", file=sys.stderr)
        return 130
    finally:
        if kept:
            print(stage.farewell())
        else:
            stage.end()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
