"""`logs`: what each copy wrote on every host, of any generation that is kept, and what comes, from one release to the next."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.project import free_ports
from tests.stories.shop import Shop


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Iterator[Shop]:
    shop = Shop(common_place, ("a", "b"))
    shop.project.deploy("v1")
    yield shop


def read_until(child: subprocess.Popen[str], wanted: set[str]) -> list[str]:
    """Its lines until each of these has come; a child that ends without is a failure."""
    assert child.stdout is not None
    lines: list[str] = []
    while not wanted <= set(lines):
        line = child.stdout.readline()
        assert line, (lines, child.stderr and child.stderr.read())
        lines.append(line.rstrip("\n"))
    return lines


def test_the_last_lines_of_every_copy_on_every_host(shop: Shop) -> None:
    said = shop.project.run("logs", "local")
    assert said.out.splitlines() == ["a web.1 | sample 1 listens", "b web.1 | sample 1 listens"]
    assert said.err == ""
    only = shop.project.run("logs", "local", "--host", "b", "--process", "web", "-n", "1", "--json")
    assert [(line["host"], line["data"]["key"], line["data"]["line"]) for line in only.lines[:-1]] == [("b", "web.1", "sample 1 listens")]
    assert only.verdict["exit_code"] == 0


def test_what_is_followed_goes_on_with_the_next_release_and_ctrl_c_is_its_good_end(shop: Shop) -> None:
    child = shop.project.start("logs", "local", "--follow", "-n", "0")
    try:
        for version in ("2", "1"):
            shop.project.deploy(f"v{version}")
            read_until(child, {f"a web.1 | sample {version} listens", f"b web.1 | sample {version} listens"})
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, err) == (0, "")


def test_the_last_attempt_that_failed_still_says_why(shop: Shop) -> None:
    shop.project.deploy("v3", code=1)
    number = shop.project.report()["deployment"].split("-")[0]
    said = shop.project.run("logs", "local", "--release", number)
    assert "a web.1 | sample: cannot start: behaviour.json says so" in said.out


def test_what_is_not_there_is_named_with_what_is(shop: Shop) -> None:
    said = shop.project.run("logs", "local", "--process", "mail", code=2)
    assert "no host has a log of mail; there is" in said.text and "web" in said.text
    said = shop.project.run("logs", "local", "--host", "c", code=2)
    assert "no host of local is called c; there are a, b" in said.text
    said = shop.project.run("logs", "local", "--release", "9999", code=2)
    assert "no host has logs of 9999 any more" in said.text


def test_a_host_that_cannot_be_read_is_named_and_the_others_are_read(shop: Shop) -> None:
    (port,) = free_ports(1)
    config = shop.project.directory / "shipway.toml"
    kept = config.read_text()
    gone = f'  {{ name = "gone", address = "ssh://nobody@127.0.0.1:{port}" }},\n]\n'
    shop.repository.write("shipway.toml", gone.join(kept.rsplit("]\n", 1)))
    shop.repository.commit("A host that is not there")
    try:
        said = shop.project.run("logs", "local", "--json", code=4)
    finally:
        shop.repository.write("shipway.toml", kept)
        shop.repository.commit("It is gone")
    assert {line["host"] for line in said.lines if line["event"] == "output"} == {"a", "b"}
    assert "cannot read gone" in json.dumps(said.verdict)
