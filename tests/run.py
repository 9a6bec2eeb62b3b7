"""bin/test's second half: pytest arguments in, two runs (side by side, then alone), one closing line and an exit code out.

What failed is run once more with the machine to itself. A test that is good then is *unsteady*: it is named, and a few of them do not
condemn a commit, for these tests start real hosts, and how busy a machine is proves nothing. What fails twice has failed. So has a run
in which nothing failed and that leaves processes behind: they are named, and ended.
"""

from __future__ import annotations

import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.left import Ran, run

LEFT_OUT_OF_FAST = ("tests/stories", "tests/faults", "tests/apps")
SIDE_BY_SIDE = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder")
"""Two a core of CI's machine: stories wait for hosts, applications and timeouts half of their time. Two in all took 1,710 s there, four
1,200."""

NO_TESTS = 5
MOST_UNSTEADY = 3
"""More than this is no bad luck: the run has failed."""


def main(argv: list[str]) -> int:
    fast = "--fast" in argv
    checked = int(argv[argv.index("--checked") + 1])
    rest = argv[argv.index("--checked") + 2 :]
    chosen = " and not slow" if fast else ""
    left_out = [f"--ignore={path}" for path in LEFT_OUT_OF_FAST] if fast else []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shipway-test-") as directory:
        together, alone, again = (Path(directory, f"{name}.xml") for name in ("together", "alone", "again"))
        memory = ["-o", f"cache_dir={directory}/cache"]
        runs = [
            _pytest(["-m", f"not alone{chosen}", *SIDE_BY_SIDE, *left_out, *memory], together, rest),
            _pytest(["-m", f"alone{chosen}", *left_out, *memory], alone, rest),
        ]
        passed, failed, skipped = (sum(counts) for counts in zip(_count(together), _count(alone), strict=True))
        unsteady: list[str] = []
        if 0 < failed <= MOST_UNSTEADY and all(ran.code in (0, 1, NO_TESTS) for ran in runs):
            print(f"\n{failed} failed: once more, with the machine to themselves")
            runs.append(_pytest(["--last-failed", "--last-failed-no-failures", "none", *left_out, *memory], again, rest))
            unsteady = _good(again)
            passed, failed = passed + len(unsteady), failed - len(unsteady)
    broken = [ran.code for ran in runs if ran.code not in (0, 1, NO_TESTS)]
    print(f"\nbin/check {'was good' if checked == 0 else 'FAILED (see above)'}; {time.monotonic() - began:.0f} s of tests")
    for name in unsteady:
        print(f"UNSTEADY, good only the second time: {name}")
    for text in (text for ran in runs for text in ran.left):
        print(f"LEFT RUNNING: {text}")
    left = [ran for ran in runs if ran.left and ran.code == 0]  # a test that failed may not have come to its end
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or broken or left or checked or not passed else 0


def _pytest(options: list[str], report: Path, rest: list[str]) -> Ran:
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--durations=20",
        "--durations-min=4",
        f"--junitxml={report}",
        "-o",
        "junit_family=xunit1",
        *options,
        *rest,
    ]
    return run(argv)


def _count(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped of one run; a run without a report (it could not even collect) counts as one failure."""
    if not report.exists():
        return 0, 1, 0
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    total, skipped = (sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "skipped"))
    failed = sum(int(suite.get(key, 0)) for suite in suites for key in ("failures", "errors"))
    return total - failed - skipped, failed, skipped


def _good(report: Path) -> list[str]:
    """The names of the tests of a run that passed."""
    if not report.exists():
        return []
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return [f"{case.get('classname')}.{case.get('name')}" for case in cases if not len(case)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
