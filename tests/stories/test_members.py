"""Members that are away, are left out, come back, leave and are written off: three hosts on this machine, each with its own root."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stories.project import end_all
from tests.stories.shop import Shop

HOSTS = ("a", "b", "c")


@contextmanager
def down(shop: Shop, host: str) -> Iterator[None]:
    """The power of a host fails, and nobody can reach it for the length of the block. Back again, its disk is as it was."""
    root, aside = shop.roots[host], shop.place / f"{host}.aside"
    end_all(root)
    root.rename(aside)
    root.write_text("no directory: no agent can come here\n")
    try:
        yield
    finally:
        root.unlink()
        aside.rename(root)


def states(shop: Shop, code: int) -> dict[str, str]:
    return {host["host"]: host["state"] for host in shop.project.status(code)["hosts"]}


def test_a_dead_host_need_not_block_a_fix(place: Path) -> None:
    shop = Shop(place, HOSTS)
    shop.project.deploy("v1")
    with down(shop, "c"):
        refused = shop.project.deploy("v2", code=3)
        assert "cannot reach c" in refused.text and "nothing was touched" in refused.text
        assert "shipway deploy local --ref v2 --without c" in refused.text, "the other way out can be typed as it stands"
        assert {shop.about(host)["version"] for host in "ab"} == {"1"}

        said = shop.project.run("deploy", "local", "--ref", "v2", "--without", "c", code=4)
        commit = shop.repository.git("rev-parse", "v2")[:12]
        assert "live in local, proved on a, b" in said.text and "c was left out" in said.text
        assert f"shipway deploy local --ref {commit} brings c up to date" in said.text
        assert {shop.about(host)["version"] for host in "ab"} == {"2"}
        report = shop.project.report()
        assert (report["without"], report["decision"], report["exit_code"]) == (["c"], "committed", 4)

        assert states(shop, 4) == {"a": "live", "b": "live", "c": "unreachable"}
        assert shop.project.status(4)["agrees"] is False
    assert states(shop, 4) == {"a": "live", "b": "live", "c": "behind"}
    behind = shop.project.run("status", "local", code=4)
    assert f"shipway deploy local --ref {commit}" in behind.text
    shop.project.deploy("v2")
    assert shop.project.report()["kind"] == "repair"
    assert shop.version() == "2"
    assert shop.project.calm()["agrees"] is True


def test_the_lead_is_left_out_and_the_next_member_leads(place: Path) -> None:
    shop = Shop(place, HOSTS)
    shop.project.deploy("v1")
    with down(shop, "a"):
        shop.project.run("deploy", "local", "--ref", "v2", "--without", "a", code=4)
        assert shop.project.report()["lead"] == "b"
        shop.project.run("rollback", "local", "--without", "a", code=4)
        assert {shop.about(host)["version"] for host in "bc"} == {"1"}
        shop.project.run("deploy", "local", "--ref", "v5", "--without", "a", code=4)
    shop.project.deploy("v5")
    assert shop.project.report()["lead"] == "a"
    assert shop.version() == "5"


def test_a_host_that_answers_is_left_out_at_the_word_and_what_it_serves_is_said(place: Path) -> None:
    shop = Shop(place, HOSTS)
    shop.project.deploy("v1")
    said = shop.project.run("deploy", "local", "--ref", "v2", "--without", "b", code=4)
    assert "b answers and goes on serving" in said.text
    assert {host: shop.about(host)["version"] for host in HOSTS} == {"a": "2", "b": "1", "c": "2"}
    again = shop.project.run("deploy", "local", "--ref", "v2", "--without", "b", code=4)
    assert "nothing to do" in again.text and "b answers" in again.text
    wrong = shop.project.run("deploy", "local", "--ref", "v2", "--without", "bb", code=2)
    assert "there is no host 'bb'; the nearest is b" in wrong.text
    assert shop.project.run("deploy", "local", "--without", "a", "--without", "b", "--without", "c", code=2).code == 2


def test_a_host_leaves_before_and_after_it_was_deleted_from_the_file(place: Path) -> None:
    shop = Shop(place, HOSTS)
    shop.project.deploy("v1")
    file = shop.project.directory / "shipway.toml"
    whole = file.read_text()

    def without(host: str) -> str:
        return "".join(line for line in file.read_text().splitlines(keepends=True) if f'name = "{host}"' not in line)

    said = shop.project.run("host", "remove", "local", "a")
    assert "a is no member of local any more" in said.text and "delete a from" in said.text
    assert not (shop.roots["a"] / "current").exists() and (shop.roots["a"] / "shared").exists()
    assert {shop.about(host)["version"] for host in "bc"} == {"1"}
    assert states(shop, 0) == {"a": "empty", "b": "live", "c": "live"}
    file.write_text(without("a"))
    shop.repository.git("commit", "--all", "--message", "a is gone")
    shop.project.deploy("v2")
    assert shop.project.report()["lead"] == "b"

    file.write_text(without("c"))
    shop.repository.git("commit", "--all", "--message", "c is gone")
    refused = shop.project.deploy("v5", code=3)
    assert "shipway host remove local c" in refused.text
    shop.project.run("host", "remove", "local", "c")
    shop.project.deploy("v5")
    assert shop.about("b")["version"] == "5"
    assert shop.project.run("host", "remove", "local", "c").code == 0, "the second time there is nothing to do"
    assert "no member of local" in shop.project.run("host", "remove", "local", "c").text
    assert "the nearest is b" in shop.project.run("host", "remove", "local", "bb", code=2).text
    assert shop.project.run("host", "remove", "local", "b", code=3).text.count("shipway remove local")
    kinds = [
        record["kind"] for record in json.loads(shop.project.run("history", "local", "--json").out.splitlines()[-1])["data"]["history"]
    ]
    assert kinds.count("host remove") == 2

    file.write_text(whole)
    shop.repository.git("commit", "--all", "--message", "both are back")
    shop.project.deploy("v5")
    assert shop.version() == "5"


def test_a_lost_host_is_written_off(place: Path) -> None:
    shop = Shop(place, HOSTS)
    shop.project.deploy("v1")
    assert "it answers, and serves" in shop.project.run("host", "remove", "local", "c", "--lost", code=3).text
    with down(shop, "c"):
        refused = shop.project.run("host", "remove", "local", "c", code=3)
        assert "shipway host remove local c --lost" in refused.text
        shop.project.run("host", "remove", "local", "c", "--lost")
        assert shop.project.status(4)["agrees"] is True, "c is still in the file, and cannot be read"
        file = shop.project.directory / "shipway.toml"
        file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if 'name = "c"' not in line))
        shop.repository.git("commit", "--all", "--message", "c is gone")
        assert states(shop, 0) == {"a": "live", "b": "live"}
        shop.project.deploy("v2")
