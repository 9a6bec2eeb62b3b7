"""A step's name and its length in the talk's seconds in; that long slept, and a line in `media/steps` about it out.

TALK_SCALE is the length of one of the talk's seconds; `media/pace`, where it exists, how many times as long this host takes.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(name: str, seconds: float) -> None:
    began = time.time()
    time.sleep(seconds * float(os.environ["TALK_SCALE"]) * pace())
    line = {"step": name, "began": began, "ended": time.time(), "version": read("VERSION").strip()}
    with open("media/steps", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def pace() -> float:
    return float(read("media/pace") or 1)


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
