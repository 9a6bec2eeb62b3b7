"""What is not committed is listed; nothing of the checkout is touched, and nothing of it runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from shipway.release.dirt import Dirt, dirt
from tests.release.repositories import Checkout, snapshot


def found(checkout: Checkout, *paths: str) -> dict[str, str]:
    before = snapshot(checkout.path)
    listed = dirt(checkout.repository, paths or (".",))
    assert snapshot(checkout.path) == before
    return {one.path: one.what for one in listed}


def test_a_clean_checkout_has_none(checkout: Checkout) -> None:
    checkout.write(".gitignore", "ignored\n")
    checkout.write("ignored")
    checkout.commit(a="1")
    assert found(checkout) == {}


def test_every_kind(checkout: Checkout) -> None:
    checkout.commit(modified="1", deleted="1", staged="1", both="1", removed="1", mode="1", gone="1")
    checkout.write("modified", "2")
    checkout.write("staged", "2")
    checkout.write("both", "2")
    checkout.write("new", "2")
    checkout.git("rm", "--quiet", "--cached", "removed")
    checkout.git("add", "staged", "both", "new")
    checkout.write("both", "3")
    checkout.write("untracked", "1")
    checkout.write("directory/untracked", "1")
    (checkout.path / "mode").chmod(0o755)
    (checkout.path / "deleted").unlink()
    checkout.git("rm", "--quiet", "gone")
    assert found(checkout) == {
        "modified": "modified",
        "deleted": "deleted",
        "staged": "staged",
        "both": "staged and modified",
        "new": "staged",
        "removed": "untracked",
        "untracked": "untracked",
        "directory/untracked": "untracked",
        "mode": "modified",
        "gone": "staged",
    }


def test_a_conflict(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.git("checkout", "--quiet", "-b", "other")
    checkout.commit(a="2")
    checkout.git("checkout", "--quiet", "main")
    checkout.commit(a="3")
    with pytest.raises(AssertionError):
        checkout.git("merge", "other")
    assert found(checkout) == {"a": "unmerged"}


def test_names_of_any_bytes(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.write(b"new\nline \xff", b"x")
    assert dirt(checkout.repository, (".",)) == (Dirt(os.fsdecode(b"new\nline \xff"), "untracked"),)


def test_only_the_shipped_paths_count(checkout: Checkout) -> None:
    checkout.commit(**{"server/a": "1", "client/a": "1", "shipway.toml": "1"})
    for path in ("server/a", "client/a", "shipway.toml", "server/new", "server-old", "*"):
        checkout.write(path, "2")
    assert set(found(checkout, "server")) == {"server/a", "server/new"}
    assert set(found(checkout, "server", "shipway.toml")) == {"server/a", "server/new", "shipway.toml"}
    assert set(found(checkout, "*")) == {"*"}
    assert len(found(checkout, ".", "shipway.toml")) == 6


def test_our_own_reports_never_count(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.write(".shipway/reports/d-1.json", "{}")
    checkout.write("server/.shipway/reports/d-1.json", "{}")
    assert found(checkout) == {}


def test_a_file_that_was_only_touched_is_not_modified_and_the_index_is_not_refreshed(checkout: Checkout) -> None:
    checkout.commit(a="1")
    os.utime(checkout.path / "a", (1, 1))
    assert found(checkout) == {}


def test_settings_that_hide_untracked_files_do_not_count(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.git("config", "status.showUntrackedFiles", "no")
    checkout.git("config", "status.relativePaths", "true")
    checkout.write("b")
    assert found(checkout) == {"b": "untracked"}


def test_neither_filters_nor_monitors_nor_hooks_run(checkout: Checkout, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    script = checkout.write(".git/trap", f"#!/bin/sh\necho ran >> {trap}\ncat\n", executable=True)
    checkout.commit(a="1", b="1")
    checkout.write(".gitattributes", "* filter=evil diff=evil\n")
    checkout.commit()
    for setting in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "core.fsmonitor", "core.pager"):
        checkout.git("config", setting, str(script))
    checkout.git("config", "filter.evil.required", "true")
    checkout.git("config", "core.hooksPath", str(checkout.path / ".git/hooks"))
    for hook in ("post-index-change", "fsmonitor-watchman", "post-checkout", "reference-transaction", "pre-auto-gc"):
        checkout.write(f".git/hooks/{hook}", f"#!/bin/sh\necho {hook} >> {trap}\n", executable=True)
    checkout.write("a", "2")
    os.utime(checkout.path / "b", (1, 1))
    assert found(checkout) == {"a": "modified"}
    checkout.release()
    assert not trap.exists()


def test_a_large_file_that_was_only_touched_is_not_modified(checkout: Checkout) -> None:
    oid = hashlib.sha256(b"content").hexdigest()
    pointer = checkout.blob(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 7\n".encode())
    checkout.commit(**{".gitattributes": "picture filter=lfs\n"})
    checkout.git("update-index", "--add", "--cacheinfo", f"100644,{pointer},picture")
    checkout.git("commit", "--quiet", "--message", "picture")
    checkout.write("picture", b"content")
    assert found(checkout) == {}
    checkout.write("picture", b"c0ntent")
    assert found(checkout) == {"picture": "modified"}


def test_a_submodule_is_looked_into(checkout: Checkout, tmp_path: Path) -> None:
    inner = Checkout.new(tmp_path.resolve() / "inner")
    inner.commit(i="1")
    checkout.commit(a="1")
    checkout.git("submodule", "--quiet", "add", str(inner.path), "vendor/lib")
    checkout.commit()
    assert found(checkout) == {}
    checkout.write("vendor/lib/i", "2")
    checkout.write("vendor/lib/new", "2")
    assert found(checkout) == {"vendor/lib/i": "modified", "vendor/lib/new": "untracked"}
    Checkout(checkout.path / "vendor/lib").commit()
    assert found(checkout) == {"vendor/lib": "modified"}


def test_a_repository_without_commits_or_without_a_checkout(checkout: Checkout, tmp_path: Path) -> None:
    checkout.write("a")
    assert found(checkout) == {"a": "untracked"}
    checkout.git("clone", "--quiet", "--bare", str(checkout.path), str(tmp_path / "bare.git"))
    assert dirt(Checkout(tmp_path / "bare.git").repository, (".",)) == ()
