"""The operator's checkout, index, refs and untracked files are the same afterwards, to the byte and the time, whatever happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shipway.model.errors import ShipwayError
from shipway.model.intent import Requires
from shipway.release.checks import check_requires
from shipway.release.dirt import dirt
from shipway.release.standing import standing
from tests.release.repositories import Checkout, shipping, snapshot

DRIVER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests behind `&` ignores it
from pathlib import Path
from shipway.model.intent import Requires
from shipway.release.checks import check_requires
from shipway.release.dirt import dirt
from tests.release.repositories import Checkout, intent, shipping
checkout = Checkout(Path(sys.argv[1]))
dirt(checkout.repository, (".",))
if sys.argv[2] == "checks":
    check_requires(checkout.repository, checkout.source(), Requires(clean=False, checks=(sys.argv[3],)), print)
checkout.release(shipment=shipping(sys.argv[3], outputs=("out",)))
"""


@pytest.fixture
def lived_in(checkout: Checkout) -> Checkout:
    """A checkout in the state that checkouts are in: everything pending, and an index whose times are stale."""
    checkout.write(".gitignore", "ignored\n")
    checkout.commit(a="1", b="1", c="1")
    checkout.git("tag", "v1")
    checkout.write("a", "modified")
    checkout.write("b", "staged")
    checkout.git("add", "b")
    checkout.write("untracked", "u")
    checkout.write("ignored", "i")
    checkout.git("stash", "--quiet", "--include-untracked")
    checkout.git("stash", "apply", "--quiet", "--index")
    os.utime(checkout.path / "c", (1, 1))
    return checkout


def test_everything_that_reads(lived_in: Checkout) -> None:
    before = snapshot(lived_in.path)
    repository = lived_in.repository
    dirt(repository, (".",))
    standing(repository)
    lived_in.release("v1")
    lived_in.release(shipment=shipping("echo 1 > out; echo 2 > a", outputs=("out",)))
    for requires in (Requires(checks=("true",)), Requires(branch="nothing", checks=("rm -rf ..; false",))):
        with pytest.raises(ShipwayError):
            check_requires(repository, lived_in.source(), requires, lambda line: None)
    for ref in ("--upload-pack=x", "a..b", "@{u}", "f" * 41):
        with pytest.raises(ShipwayError):
            lived_in.source(ref)
    with pytest.raises(ShipwayError):
        lived_in.release(shipment=shipping("false", outputs=("out",)))
    assert snapshot(lived_in.path) == before


@pytest.mark.parametrize("stage", ["build", "checks"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_driver_that_is_killed_in_the_middle(lived_in: Checkout, home: Path, tmp_path: Path, stage: str, number: signal.Signals) -> None:
    before = snapshot(lived_in.path)
    begun = tmp_path / "begun"
    command = f"echo $$ > {begun}.new; mv {begun}.new {begun}; echo x > a; exec sleep 300"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, lived_in.path, stage, command],
        env=environment,
        cwd=Path(__file__).parents[2],
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(begun, driver)
    finally:
        driver.send_signal(number)
        driver.wait(30)
    try:
        assert snapshot(lived_in.path) == before
        left = list((home / ".cache/shipway").glob("*/.work-*"))
        assert bool(left) == (number == signal.SIGKILL)
    finally:
        if number == signal.SIGKILL:
            os.kill(int(begun.read_text()), signal.SIGKILL)
    # The next driver works, and sweeps what the killed one left.
    check_requires(lived_in.repository, lived_in.source(), Requires(clean=False, checks=("true",)), lambda line: None)
    assert lived_in.release(shipment=shipping("echo 1 > out", outputs=("out",))).release.entries
    assert list((home / ".cache/shipway").glob("*/.*")) == []
    assert snapshot(lived_in.path) == before


def test_a_working_directory_in_use_is_not_swept(checkout: Checkout, home: Path) -> None:
    """A build that starts another one finds its own directory still there."""
    checkout.commit(a="1")
    inner = f"{sys.executable} -c '{DRIVER}' {checkout.path} build 'echo inner > out'"
    path = os.pathsep.join(path for path in sys.path if path)
    made = checkout.release(
        shipment=shipping(f"cd {Path(__file__).parents[2]} && {inner}", "cat a > out", outputs=("out",), env={"PYTHONPATH": path})
    )
    assert list(made.blobs.read([entry.digest for entry in made.release.entries if entry.path == "out"])) == [b"1"]


def _wait_for(path: Path, driver: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert driver.poll() is None, "the driver ended before its command began"
        assert time.monotonic() < until
        time.sleep(0.02)
