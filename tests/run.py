"""bin/test's second half: pytest arguments in, two runs (side by side, then alone), one closing line and an exit code out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

LEFT_OUT_OF_FAST = ("tests/stories", "tests/faults", "tests/apps")
NO_TESTS = 5


def main(argv: list[str]) -> int:
    fast = "--fast" in argv
    checked = int(argv[argv.index("--checked") + 1])
    rest = argv[argv.index("--checked") + 2 :]
    chosen = " and not slow" if fast else ""
    left_out = [f"--ignore={path}" for path in LEFT_OUT_OF_FAST] if fast else []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shipway-test-") as directory:
        together, alone = Path(directory, "together.xml"), Path(directory, "alone.xml")
        codes = [
            _pytest(["-m", f"not alone{chosen}", "-n", "2", "--dist", "loadfile", *left_out], together, rest),
            _pytest(["-m", f"alone{chosen}", *left_out], alone, rest),
        ]
        passed, failed, skipped = (sum(counts) for counts in zip(_count(together), _count(alone), strict=True))
    broken = [code for code in codes if code not in (0, 1, NO_TESTS)]
    print(f"\nbin/check {'was good' if checked == 0 else 'FAILED (see above)'}; {time.monotonic() - began:.0f} s of tests")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or broken or checked or not passed else 0


def _pytest(options: list[str], report: Path, rest: list[str]) -> int:
    argv = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "-o", "junit_family=xunit1", *options, *rest]
    return subprocess.run(argv, check=False).returncode


def _count(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped of one run; a run without a report (it could not even collect) counts as one failure."""
    if not report.exists():
        return 0, 1, 0
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    total, skipped = (sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "skipped"))
    failed = sum(int(suite.get(key, 0)) for suite in suites for key in ("failures", "errors"))
    return total - failed - skipped, failed, skipped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
