"""`doctor`: one real thing after the other is broken on real local hosts; the finding names it, and what it says to type mends it."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.stories.project import Said, eventually, free_ports, processes_of
from tests.stories.proof import wait_for
from tests.stories.shop import Shop

TIMES = "watch_seconds = 4\nlease_seconds = 6\nconfirm_seconds = 12"


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Shop:
    return Shop(common_place, more=TIMES)


def findings(said: Said, severity: str = "wrong") -> dict[str, dict[str, Any]]:
    """By check; fails the test where one check has two."""
    found = [one for one in said.verdict["data"]["findings"] if one["severity"] == severity]
    assert len({one["check"] for one in found}) == len(found), said.text
    return {one["check"]: one for one in found}


def supervisor(root: Path) -> int:
    words = f"supervise\0--root\0{root}\0".encode()
    (pid,) = [pid for pid in processes_of(root) if words in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return pid


def test_before_the_first_deployment_it_names_who_holds_the_address(shop: Shop) -> None:
    host, _, port = shop.door.partition(":")
    (shut,) = free_ports(1)
    config, app = shop.project.directory / "shipway.toml", shop.project.directory / "app.py"
    kept = config.read_text(), app.read_text()
    gone = f'hosts = [\n  {{ name = "gone", address = "ssh://nobody@127.0.0.1:{shut}" }},\n'
    shop.repository.write("shipway.toml", kept[0].replace("hosts = [\n", gone))
    shop.repository.commit("A host that is not there")
    shop.repository.write("app.py", "changed, and not committed\n")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen()
        said = shop.project.run("doctor", "local", code=4)
    assert f"process {os.getpid()} " in said.out and f"requests cannot come in at {shop.door}" in said.out
    assert "cannot ask gone; 2 things are wrong beside that" in said.out, "a host that is silent hides nothing of the others"
    assert "clean: app.py is modified" in said.out, "the gates of deploy, in their words"
    shop.repository.write("shipway.toml", kept[0])
    shop.repository.write("app.py", kept[1])
    shop.repository.commit("It is gone")


def test_a_deployment_whose_driver_is_gone_is_named_and_settled(shop: Shop) -> None:
    shop.project.deploy("v1")
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    try:
        wait_for(driver, "switched")
    finally:
        driver.kill()
        driver.communicate()

    def named_or_settled() -> bool:
        said = shop.project.run("doctor", "local", "--json", code=None)
        if "undecided" in findings(said, "note"):
            return False  # its last renewal is young: for all the host knows it is under way
        open_one = findings(said).get("undecided")
        assert open_one is None or open_one["next"].startswith("shipway resume local settles it "), said.text
        return True

    eventually(named_or_settled, "the driver counts as gone, or the host has settled by itself", 60.0)
    eventually(lambda: shop.project.run("doctor", "local", "--fix", code=None).code == 0, "it is settled, and nothing is wrong", 60.0)
    assert shop.version() in ("1", "2"), "2 where the kill came behind the decision"


def test_a_dead_supervisor_is_started_and_a_changed_file_is_named(shop: Shop) -> None:
    os.kill(supervisor(shop.root), signal.SIGKILL)
    app = (shop.root / "current/release/app.py").resolve()
    app.chmod(0o644)
    app.write_text(app.read_text() + "# by hand\n")
    said = shop.project.run("doctor", "local", "--json", code=1)
    wrong = findings(said)
    assert {"supervisor", "file"} <= wrong.keys(), said.text
    assert wrong["file"]["what"].startswith("app.py: ") and wrong["file"]["next"].startswith("shipway deploy local")
    assert wrong["supervisor"]["next"].startswith("shipway doctor local --fix")
    assert {"listen", "clock", "disk", "git", "release"} <= findings(said, "ok").keys()

    fixed = shop.project.run("doctor", "local", "--fix", "--json", code=1)
    assert fixed.verdict["data"]["fixed"] == [{"host": "a", "what": "its supervisor was started"}]
    left = findings(fixed).keys()
    assert "file" in left and "supervisor" not in left, "what changes what is served is left to whoever reads this"
