"""Members that are away, are left out, come back, leave and are written off: hosts on this machine, each with its own root."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.stories.project import end_all, processes_of
from tests.stories.shop import Shop


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


def delete(shop: Shop, *hosts: str) -> None:
    """Deletes hosts from shipway.toml and commits that."""
    file = shop.project.directory / "shipway.toml"
    kept = [line for line in file.read_text().splitlines(keepends=True) if not any(f'name = "{host}"' in line for host in hosts)]
    file.write_text("".join(kept))
    shop.repository.git("commit", "--quiet", "--all", "--message", f"without {' and '.join(hosts)}")


def test_a_dead_host_need_not_block_a_fix(place: Path) -> None:
    shop = Shop(place, ("a", "b"))
    shop.project.deploy("v1")
    commit = shop.repository.git("rev-parse", "v2")[:12]
    with down(shop, "b"):
        refused = shop.project.deploy("v2", code=3)
        assert "cannot reach b" in refused.text and "nothing was touched" in refused.text
        assert "shipway deploy local --ref v2 --without b" in refused.text, "the other way out can be typed as it stands"
        assert shop.about("a")["version"] == "1"

        said = shop.project.run("deploy", "local", "--ref", "v2", "--without", "b", code=4)
        assert "live in local, proved on a" in said.text and "b was left out" in said.text
        assert f"shipway deploy local --ref {commit} brings b up to date" in said.text
        assert shop.about("a")["version"] == "2"
        report = shop.project.report()
        assert (report["without"], report["decision"], report["exit_code"]) == (["b"], "committed", 4)
        status = shop.project.status(4)
        assert (status["agrees"], [host["state"] for host in status["hosts"]]) == (False, ["live", "unreachable"])
        assert "leave b behind: shipway plan local --ref v5 --without b" in shop.project.run("plan", "local", "--ref", "v5", code=3).text
        planned = shop.project.run("plan", "local", "--ref", "v5", "--without", "b")
        assert "b is left out: it keeps what it serves" in planned.text and "members a" in planned.text
        again = shop.project.run("plan", "local", "--ref", "v2", "--without", "b")
        assert "nothing to do: every other host serves exactly this" in again.text
        prepared = shop.project.run("prepare", "local", "--ref", "v5", "--without", "b")
        assert "is prepared on a in " in prepared.text and "b was left out" in prepared.text
        assert f"shipway deploy local --ref {shop.repository.git('rev-parse', 'v5')[:12]} --without b" in prepared.text
    behind = shop.project.run("status", "local", code=4)
    assert "behind: b" in behind.text and f"shipway deploy local --ref {commit}" in behind.text
    shop.project.deploy("v2")
    assert shop.project.report()["kind"] == "repair"
    assert shop.version() == "2"
    shop.project.rollback()
    assert shop.version() == "1", "what was live before the repaired release, on the host that was behind too"


def test_a_lead_that_answers_is_left_out_at_the_word_and_what_it_serves_is_said(place: Path) -> None:
    shop = Shop(place, ("a", "b"))
    shop.project.deploy("v1")
    said = shop.project.run("deploy", "local", "--ref", "v2", "--without", "a", code=4)
    assert "a answers and goes on serving" in said.text
    assert shop.project.report()["lead"] == "b"
    assert {host: shop.about(host)["version"] for host in "ab"} == {"a": "1", "b": "2"}
    assert states(shop, 4) == {"a": "behind", "b": "live"}
    shop.project.run("rollback", "local", "--without", "a", code=4)
    assert shop.version() == "1"


def test_hosts_leave_drained_or_written_off_before_and_after_they_are_deleted_from_the_file(place: Path) -> None:
    shop = Shop(place, ("a", "b", "c"))
    shop.project.deploy("v1")
    assert "it answers, and serves" in shop.project.run("host", "remove", "local", "c", "--lost", code=3).text
    with down(shop, "c"):
        refused = shop.project.run("host", "remove", "local", "c", code=3)
        assert "shipway host remove local c --lost" in refused.text
        shop.project.run("host", "remove", "local", "c", "--lost")
    delete(shop, "a", "c")
    refused = shop.project.deploy("v2", code=3)
    assert "a is a recorded member of local and is missing from shipway.toml" in refused.text
    assert "shipway host remove local a" in refused.text and "remove local c" not in refused.text

    said = shop.project.run("host", "remove", "local", "a")
    assert "a is no member of local any more" in said.text
    assert not (shop.roots["a"] / "current").exists() and (shop.roots["a"] / "shared").exists()
    assert list(processes_of(shop.roots["a"])) == []
    assert shop.about("b")["version"] == "1", "the rest goes on"
    assert "no member of local" in shop.project.run("host", "remove", "local", "a").text, "said twice is done once"
    assert states(shop, 0) == {"b": "live"}
    shop.project.deploy("v2")
    remembered = json.loads(shop.project.run("history", "local", "--json").out.splitlines()[-1])["data"]["history"]
    assert [(one["kind"], one["verdict"]) for one in remembered].count(("host remove", "removed")) == 2


def test_a_host_that_left_is_not_woken_by_what_is_done_to_the_others(place: Path) -> None:
    shop = Shop(place, ("a", "b"))
    shop.project.deploy("v1")
    assert len(proxies(shop.roots["b"])) == 1
    shop.project.run("host", "remove", "local", "b")
    shop.project.run("remove", "local", "--yes")
    assert proxies(shop.roots["b"]) == [], "a lease wakes no proxy that has nothing to serve"


def proxies(root: Path) -> list[int]:
    """The pids of Caddy below a root."""
    found = []
    for pid in processes_of(root):
        with suppress(OSError):  # it has ended
            found += [pid] if Path(f"/proc/{pid}/exe").readlink().name == "caddy" else []
    return found
