"""One host on this machine: a commit goes live unseen, what is broken is undone, and everything can be taken back."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import shlex
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.project import eventually, processes_of
from tests.stories.proof import wait_for
from tests.stories.shop import Shop


@pytest.fixture
def shop(place: Path) -> Iterator[Shop]:
    yield Shop(place)


def fingerprint(directory: Path) -> dict[str, str]:
    """Every byte of the checkout, index and branches included; `.shipway/` aside."""
    files = [path for path in directory.rglob("*") if path.is_file() and ".shipway" not in path.relative_to(directory).parts]
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_commands_and_the_commit_is_live(shop: Shop) -> None:
    before = fingerprint(shop.project.directory)
    said = shop.project.run("deploy", "local")
    assert shop.version() == "5"
    assert fingerprint(shop.project.directory) == before, said.text
    status = shop.project.status()
    assert status["agrees"] is True
    assert [(host["host"], host["reachable"], host["release"]) for host in status["hosts"]] == [("a", True, status["release"])]
    report = shop.project.report()
    assert report["verdict"] == "live"
    assert report["exit_code"] == 0
    assert report["release"]["commit"] == shop.repository.git("rev-parse", "HEAD")
    assert report["release"]["digest"] == status["release"]


def test_a_broken_first_deployment_leaves_nothing_live_and_says_so(shop: Shop) -> None:
    said = shop.project.deploy("v3", code=1)
    assert "cannot start: behaviour.json says so" in said.text
    assert shop.project.report()["verdict"] == "undone"
    shop.project.deploy("v1")
    assert shop.version() == "1"


def test_the_live_generation_again_does_nothing_and_says_so(shop: Shop) -> None:
    shop.project.deploy("v1")
    pid = json.loads(shop.ask()[1])["pid"]
    said = shop.project.run("deploy", "local", "--ref", "v1", "--json")
    assert said.verdict["verdict"] == "unchanged"
    assert json.loads(shop.ask()[1])["pid"] == pid


@pytest.mark.parametrize(
    ("change", "name"),
    [("modified", "app.py"), ("staged", "new file.txt"), ("untracked", "forgotten.txt")],
)
def test_work_that_is_not_committed_is_refused_by_name(shop: Shop, change: str, name: str) -> None:
    path = shop.project.directory / name
    path.write_text("# not committed\n")
    if change == "staged":
        shop.repository.git("add", "--", name)
    before = fingerprint(shop.project.directory)
    said = shop.project.run("deploy", "local", code=3)
    assert name in said.text
    assert "--ref" in said.text
    assert fingerprint(shop.project.directory) == before
    shop.project.deploy("v1")
    assert shop.version() == "1"
    assert fingerprint(shop.project.directory) == before


def test_a_wrong_configuration_tells_every_fault_at_once(shop: Shop) -> None:
    text = (shop.project.directory / "shipway.toml").read_text()
    broken = text.replace("[process.web]\nrun", "[process.web]\nruns").replace("drain_seconds = 15", "drain_seconds = -1")
    shop.repository.write("shipway.toml", broken)
    shop.repository.commit("two faults")
    said = shop.project.run("deploy", "local", code=2)
    assert "runs" in said.text
    assert "drain_seconds" in said.text
    assert not shop.root.exists(), "nothing was touched"


def test_prepare_first_then_deploy(shop: Shop) -> None:
    shop.project.deploy("v1")
    shop.project.run("prepare", "local", "--ref", "v2")
    assert shop.version() == "1"
    assert shop.project.report()["verdict"] == "prepared"
    shop.project.deploy("v2")
    assert shop.version() == "2"
    shipped = shop.project.report()["hosts"]["a"]["shipped"]
    assert shipped is None or shipped["blobs"] == 0, "prepare had brought everything"


def test_a_killed_driver_leaves_nothing_locked_and_any_machine_settles_it(shop: Shop, place: Path) -> None:
    shop.project.deploy("v1")
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    wait_for(driver, "switched")
    driver.kill()
    driver.communicate()
    shop.repository.git("clone", "--quiet", str(shop.project.directory), str(place / "elsewhere"))
    settled = shop.project.run("resume", "local", cwd=place / "elsewhere", code=None)
    assert shop.project.serving() == {0: "v2", 1: "v1"}[settled.code]
    shop.project.deploy("v5")
    assert shop.version() == "5"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deployment_undoes_itself(shop: Shop, number: signal.Signals) -> None:
    shop.project.deploy("v1")
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    wait_for(driver, "switched")
    driver.send_signal(number)
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == 1, out + err
    assert json.loads(out.splitlines()[-1])["verdict"] == "undone", out + err
    assert shop.version() == "1"
    shop.project.deploy("v2")


def test_two_drivers_at_once_one_wins_and_the_other_is_told_who(place: Path) -> None:
    shop = Shop(place, more="watch_seconds = 12\nlease_seconds = 6\nconfirm_seconds = 20")
    first = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    assert first.stdout is not None
    for line in first.stdout:
        if json.loads(line).get("event") == "switched":
            break
    second = shop.project.deploy("v5", code=3)
    assert f"{getpass.getuser()}@{socket.gethostname()}" in second.text
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert shop.version() == "2"


def test_status_names_what_has_drifted_and_deploy_repairs_it(shop: Shop) -> None:
    shop.project.deploy("v1")
    live = shop.root / "current/release/VERSION"
    live.chmod(0o644)
    inode = live.read_text()
    live.write_text("hacked\n")
    said = shop.project.run("status", "local", code=None)
    assert "VERSION" in said.text, said.text
    shop.project.deploy("v1")
    assert (shop.root / "current/release/VERSION").read_text() == inode


def test_verify_that_finds_damage_names_the_command_that_repairs_it(shop: Shop) -> None:
    shop.project.deploy("v1")
    (shop.root / "current/release").chmod(0o755)
    (shop.root / "current/release/VERSION").unlink()
    hint = shop.project.run("verify", "local", "v1", "--json", code=1).verdict["hint"]
    assert hint.endswith(" repairs it")
    shop.project.run(*shlex.split(hint.removesuffix(" repairs it"))[1:])
    shop.project.run("verify", "local", "v1")
    assert shop.version() == "1", "of that commit, though HEAD is a later one"


def test_a_dead_process_comes_back(shop: Shop) -> None:
    shop.project.deploy("v1")
    pid = json.loads(shop.ask()[1])["pid"]
    os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        try:
            status, body = shop.ask()
        except OSError:
            return False
        return status == 200 and json.loads(body)["pid"] != pid

    eventually(again, "the supervisor starts it again")


def test_what_happened_can_be_read_back(shop: Shop) -> None:
    shop.project.deploy("v1")
    shop.project.deploy("v3", code=1)
    release = shop.project.status()["release"]
    plan = shop.project.run("plan", "local", "--ref", "v2")
    assert "VERSION" in shop.project.run("plan", "local", "--ref", "v2", "--files").text
    assert shop.version() == "1", plan.text
    history = shop.project.run("history", "local", "--json").lines
    assert json.dumps(history).count('"live"') >= 1
    assert json.dumps(history).count('"undone"') >= 1
    assert "ended with 3" in shop.project.run("show", "local").text
    beside = [report.with_suffix(".html").read_text() for report in shop.project.reports()]
    assert any("UNDONE" in page and "ended with 3" in page for page in beside), "a page lies beside each report, of failures too"
    file = shop.project.directory / ".shipway" / "page.html"
    assert f"wrote {file}" in shop.project.run("show", "local", "@last", "--html", str(file)).text and file.read_text() in beside
    refused = shop.project.run("show", "local", "@last", "--html", "/dev/null/page.html", code=3)
    assert "cannot be written: Not a directory" in refused.text and "--html OTHER.html" in refused.text
    shop.project.run("verify", "local", release)
    shop.project.run("verify", "local", shop.repository.git("rev-parse", "v2"), code=1)


def test_how_long_it_may_take_is_known_here_and_from_what_hosts_remember(shop: Shop) -> None:
    shop.project.deploy("v1")
    assert "how long it takes is not known: no deploy of local" in shop.project.run("plan", "local", "--ref", "v2").text
    shop.project.deploy("v2")
    assert re.search(r"expected, as the last one took: .* \(.*ship .*, verify ", shop.project.run("plan", "local", "--ref", "v5").text)
    for file in (shop.project.directory / ".shipway").glob("ledger.db*"):
        file.unlink()
    shop.project.run("history", "local")
    said = shop.project.deploy("v5").text
    assert re.search(r"  expected .* s, took .* s", said), said
    assert shop.project.report()["expected"]["runs"] == 1


def test_remove_takes_the_application_off_and_keeps_what_is_shared(shop: Shop) -> None:
    shop.project.deploy("v1")
    (shop.root / "shared/media/photo").write_text("a memory")
    shop.project.run("remove", "local", "--yes")
    assert list(processes_of(shop.root)) == []
    assert (shop.root / "shared/media/photo").read_text() == "a memory"
    with pytest.raises(OSError, match="refused"):
        shop.ask()


def test_shared_files_survive_releases_and_may_not_be_shadowed(shop: Shop) -> None:
    shop.project.deploy("v1")
    (shop.root / "current/release/media/photo").write_text("a memory")
    shop.project.deploy("v2")
    assert (shop.root / "current/release/media/photo").read_text() == "a memory"
    shop.repository.write("media/photo", "another")
    shop.repository.commit("shadow", "shadow")
    said = shop.project.run("deploy", "local", "--ref", "shadow", code=None)
    assert said.code in (1, 3), said.text
    assert "media" in said.text
    assert shop.version() == "2"


def test_names_and_modes_arrive_exactly(shop: Shop) -> None:
    directory = shop.project.directory
    names = [b"with space", b"with\nnewline", b"caf\xe9", b"-rf", b"semi;colon", b"quote'\"", "ünïcode".encode()]
    for name in names:
        with open(os.path.join(os.fsencode(directory), name), "wb") as file:
            file.write(name)
    (directory / "tool.sh").write_text("#!/bin/sh\n")
    (directory / "tool.sh").chmod(0o755)
    (directory / "link").symlink_to("app.py")
    shop.repository.commit("odd names", "odd")
    shop.project.deploy("odd")
    release = os.path.realpath(shop.root / "current/release")
    for name in names:
        with open(os.path.join(os.fsencode(release), name), "rb") as file:
            assert file.read() == name
    assert os.access(f"{release}/tool.sh", os.X_OK)
    assert not os.stat(f"{release}/app.py").st_mode & 0o111
    assert os.readlink(f"{release}/link") == "app.py"


def test_a_link_that_leads_out_of_the_tree_is_refused_by_name(shop: Shop) -> None:
    (shop.project.directory / "outside").symlink_to("/etc/passwd")
    shop.repository.commit("a link to somewhere else", "outside")
    assert "outside" in shop.project.deploy("outside", code=3).text


def test_a_root_of_two_hundred_bytes_serves_as_well(place: Path) -> None:
    deep = place / ("d" * 90) / ("e" * 90)
    deep.mkdir(parents=True)
    shop = Shop(deep)
    shop.project.deploy("v1")
    assert len(str(shop.root)) > 190
    assert shop.version() == "1"
    shop.project.deploy("v2")
    assert shop.version() == "2"


TASKS = """
[process.worker]
run = ["/bin/sh", "-c", "echo $RELEASE >> media/workers; exec sleep 1000"]
drain_seconds = 2

[[task]]
name = "install"
run = "echo installing; mkdir -p made && echo made > made/file"
outputs = ["made"]

[[task]]
name = "migrate"
phase = "activate"
once = true
run = "echo $WHAT >> media/migrations"
check = "test -e media/migrated-$RELEASE"
undo = "echo undone >> media/migrations"
env = { WHAT = "migrated" }

"""


def test_tasks_and_workers_do_their_part(place: Path) -> None:
    shop = Shop(place, settings=TASKS)
    media = shop.root / "shared/media"
    said = shop.project.deploy("v1")
    assert "installing" in said.text or "install" in said.text
    assert (shop.root / "current/release/made/file").read_text() == "made\n"
    assert (media / "migrations").read_text() == "migrated\n"
    eventually((media / "workers").exists, "the worker runs")
    shop.project.deploy("v2")
    eventually(lambda: len((media / "workers").read_text().splitlines()) == 2, "the new worker runs")

    def workers() -> int:
        return sum(1 for pid in processes_of(shop.root) if b"sleep\x001000" in Path(f"/proc/{pid}/cmdline").read_bytes())

    eventually(lambda: workers() == 1, "the old worker is gone")
    shop.project.deploy("v3", code=1)
    assert (media / "migrations").read_text() == "migrated\nmigrated\nmigrated\nundone\n"
    assert workers() == 1


def test_a_branch_that_is_not_where_its_remote_is_says_so(shop: Shop, place: Path) -> None:
    remote = place / "remote.git"
    shop.repository.git("clone", "--bare", "--quiet", ".", str(remote))
    shop.repository.git("remote", "add", "origin", str(remote))
    shop.repository.git("fetch", "--quiet", "origin")
    branch = shop.repository.git("rev-parse", "--abbrev-ref", "HEAD")
    shop.repository.git("branch", "--quiet", f"--set-upstream-to=origin/{branch}")
    shop.repository.write("VERSION", "6\n")
    shop.repository.commit("Nobody else has this")
    said = shop.project.run("plan", "local", "--json")
    assert said.lines[0]["data"]["message"].startswith(f"{branch} is 1 ahead of origin/{branch}")
