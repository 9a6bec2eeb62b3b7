"""A deployment of the sample application, recorded call by call, and lost at moments that the commit draws; `bin/faults` takes them all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shipway_agent.itself import CURRENT
from tests.faults.power.losses import Loss, judge, losses
from tests.faults.power.platter import FOLDER, Platter, Sync
from tests.faults.power.recording import Recording
from tests.faults.test_sample import SEED
from tests.stories.project import BYTECODE, ROOT, SHIPWAY, end_all, processes_of
from tests.stories.shop import Shop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("strace") is None, reason="not installed: strace"),
]

DRAWN = 60
BELOW = Path("a")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="unsynced-"))
    try:
        yield place
    finally:
        end_all(place)
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def recorded(top: Path, place: Path, argv: list[str], cwd: Path, pids: list[int]) -> Iterator[Recording]:
    """Run a command, and look at what it does below `top`; these processes, which run already, are looked at too."""
    waits = ["sh", "-c", 'read go && exec "$@"', "sh", *argv]
    environment = {**os.environ, **BYTECODE, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        waits, cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as shell:
        recording = Recording(str(top), top, place)
        try:
            recording.begin([shell.pid, *pids])
            said, _ = shell.communicate(b"go\n", timeout=100)
            assert shell.returncode == 0, said.decode()
            yield recording
        finally:
            shell.kill()
            recording.stop()


@pytest.fixture(scope="module")
def deployment(place: Path) -> Platter:
    """v2 after v1, of whose spare tree it is made, up to the power failure; root and proxy of the one host are in `hosts/a`."""
    top = place / "hosts"
    top.mkdir()
    shop = Shop(top, more="watch_seconds = 0.1")
    shop.project.deploy("v1")
    spare_of(top / BELOW)
    daemons = [pid for pid in processes_of(top) if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    argv = [str(SHIPWAY), "deploy", "local", "--ref", "v2"]
    with recorded(top / BELOW, place, argv, shop.project.directory, daemons) as recording:
        end_all(top)
        platter = recording.end()
        assert recording.untold(platter) == []
    return platter


def spare_of(root: Path) -> None:
    """Wait for the spare tree of what serves, of which the next release is made: what is moved and changed must be on disk too."""
    deadline = time.monotonic() + 60
    while not list(root.glob("releases/spare-*")):
        assert time.monotonic() < deadline, "no spare tree was laid"
        time.sleep(0.1)


def faults(deployment: Platter, loss: Loss, place: Path) -> list[str]:
    return judge(deployment, loss, place / "lost", below=Path("."), old=1, new=2)


def end(deployment: Platter) -> Loss:
    """The driver has told success, the power fails, and the disk had written nothing that it was not asked to."""
    return Loss(deployment.moments - 1, ())


def test_a_success_that_was_told_is_on_disk(deployment: Platter, place: Path) -> None:
    assert faults(deployment, end(deployment), place) == []


def test_a_loss_at_any_moment_leaves_the_old_release_or_the_new_one_whole(deployment: Platter, place: Path) -> None:
    for loss in losses(deployment, every=False, drawn=DRAWN, seed=SEED):
        assert faults(deployment, loss, place) == [], f"{loss}, drawn by {SEED}"


def folders(sync: Sync) -> bool:
    return sync.inode.kind == FOLDER


def files(sync: Sync) -> bool:
    return sync.inode.kind != FOLDER and sync.whole


def journals(sync: Sync) -> bool:
    return not sync.whole


@pytest.mark.parametrize("omitted", [folders, files, journals])
def test_syncs_that_an_agent_forgets_are_missed(deployment: Platter, place: Path, omitted: object) -> None:
    assert callable(omitted)
    forgetful = deployment.without(omitted)
    assert forgetful.moments < deployment.moments
    assert faults(forgetful, end(forgetful), place) != []


def test_what_an_agent_makes_at_its_first_arrival_stays(place: Path) -> None:
    top = place / "bare"
    top.mkdir()
    code = (
        "import sys; from pathlib import Path; from tests.transports.test_bootstrap import arrival; from shipway_agent.root import Root\n"
        "arrival(Path(sys.argv[1])); Root(sys.argv[2], create=True).close()"
    )
    argv = [sys.executable, "-c", code, str(top / "apps/shop"), str(top / "state/proxy")]
    with recorded(top, place, argv, ROOT, []) as recording:
        end_all(top)
        platter = recording.end()
    left = platter.left(platter.moments - 1, ()).content()
    assert left.get(b"/state/proxy", b"nothing") is None
    assert [path for path, content in left.items() if path.endswith(b".pyz") and content] != [], f"no agent, and so no {CURRENT}"
