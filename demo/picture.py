"""The demo's own output in, docs/demo.svg out: what a person sees when a version turns sick. `python -m demo.picture` makes it anew."""

from __future__ import annotations

import io
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
    table = acts[-1][acts[-1].index("What the visitors got") :]
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in f"{acts[-2].rstrip()}\n\n{table.rstrip()}".splitlines():
        console.print(Text(line[:WIDTH], style=_style(line)), no_wrap=True)
    drawn = console.export_svg(title="bin/demo")
    # Rich names fonts on a server; a picture in a repository asks nobody.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL).replace("Fira Code", "monospace"), encoding="utf-8")
    return 0


def _style(line: str) -> str:
    if line.startswith("▸"):
        return "bold cyan"
    if "FAILED" in line or "UNDONE" in line:
        return "bold red"
    return "bold green" if "LIVE" in line or "✓" in line else ""


if __name__ == "__main__":
    sys.exit(main())
