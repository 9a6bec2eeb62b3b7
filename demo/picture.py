"""The demo's own output in, docs/demo.svg out: what a person sees when a version turns sick. `python -m demo.picture` makes it anew."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs/demo.svg"
WIDTH = 118


def main() -> int:
    """Run the demo, keep its last two acts and the table."""
    told = subprocess.run([sys.executable, "-m", "demo"], capture_output=True, text=True, check=True).stdout
    acts = re.split(r"(?m)^(?=▸ )", told)
    chosen = "".join(acts[-2:])
    console = Console(record=True, width=WIDTH, file=Path("/dev/null").open("w", encoding="utf-8"))
    for line in chosen.rstrip().splitlines():
        console.print(Text(line[:WIDTH], style=_style(line)), no_wrap=True)
    console.save_svg(str(PICTURE), title="bin/demo")
    return 0


def _style(line: str) -> str:
    if line.startswith("▸"):
        return "bold cyan"
    if "FAILED" in line or "UNDONE" in line:
        return "bold red"
    return "bold green" if "LIVE" in line or "✓" in line else ""


if __name__ == "__main__":
    sys.exit(main())
