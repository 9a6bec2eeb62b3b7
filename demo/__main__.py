"""bin/demo [--keep | --end DIRECTORY]: exit code 0 only if no request failed and every deployment ended as it should."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from demo.stage import Stage
from demo.story import Unexpected, tell


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bin/demo", description="Shipway's main job on this machine, under load, in under a minute.")
    parser.add_argument("--keep", action="store_true", help="leave it running, and say where and how to end it")
    parser.add_argument("--end", type=Path, metavar="DIRECTORY", help="end what --keep left running, and take its directory away")
    wanted = parser.parse_args(arguments)
    if wanted.end is not None:
        return end(wanted.end)
    if shutil.which("git") is None:
        print("bin/demo: git is not on the PATH, and Shipway ships commits. Install git; nothing was changed.", file=sys.stderr)
        return 3
    stage = Stage.new()
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


def end(directory: Path) -> int:
    """Takes down what --keep left."""
    stage = Stage.kept(directory)
    if stage is None:
        print(f"bin/demo: {directory} is no directory of a demo; nothing was changed. --keep prints the one to name.", file=sys.stderr)
        return 2
    stage.end()
    print(f"bin/demo: ended, and {stage.directory} is gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
