"""What an earlier commit's release was, from git alone: the same manifest as when it was made, or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from shipway.release.earlier import earlier, read_objects
from shipway.release.git import Blob, Git
from shipway.release.remembered import Contents
from shipway_agent.manifest import Entry, digest
from tests.release.repositories import Checkout, shipping

FILES = {digest(content): content for content in (b"gone", b"#!/bin/sh\n", b"odd name")}


def commits(checkout: Checkout) -> tuple[str, str]:
    checkout.write("app/run", b"#!/bin/sh\n", executable=True)
    checkout.write("app/gone", b"gone")
    checkout.write("app/kept", b"kept" * 100)
    checkout.write("app/mode", b"mode")
    checkout.write(b"app/\xff", b"odd name")
    checkout.write("app/.shipway-secrets/a.age", b"secret")
    checkout.write("other/x", b"1")
    checkout.link("app/link", "kept")
    first = checkout.commit()
    (checkout.path / "app/gone").unlink()
    (checkout.path / "app/link").unlink()
    checkout.link("app/link", "run")
    checkout.write("app/run", b"#!/bin/sh\nexit\n", executable=True)
    checkout.write("app/mode", b"mode", executable=True)
    checkout.write(b"app/\xff", b"odd content")
    checkout.write("app/new", b"new")
    checkout.write("app/.shipway-secrets/a.age", b"another secret")
    checkout.write("other/x", b"2")
    return first, checkout.commit()


@pytest.mark.parametrize("subdirectory", [".", "app"])
def test_git_tells_the_manifest_of_an_earlier_commit_and_the_contents_that_differ(checkout: Checkout, subdirectory: str) -> None:
    first, second = commits(checkout)
    was = checkout.release(first, subdirectory=subdirectory)
    now = checkout.release(second, subdirectory=subdirectory)
    for one, other, commit in ((now, was, first), (was, now, second)):
        found = earlier(checkout.repository, one.release, subdirectory, commit, other.release.digest)
        assert found.manifest == other.blobs.manifest()
    found = earlier(checkout.repository, now.release, subdirectory, first, was.release.digest)
    assert {b"gone", b"#!/bin/sh\n", b"odd name"} <= set(read_objects(checkout.repository, list(found.objects.values())))
    assert digest(b"kept" * 100) not in found.objects, "what is the same is not read"
    assert digest(b"secret") not in found.objects


def test_what_an_earlier_command_has_read_is_not_read_again(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = commits(checkout)
    was, now = checkout.release(first), checkout.release(second)
    plain = earlier(checkout.repository, now.release, ".", first, was.release.digest)
    remembered = Contents(tmp_path)
    remembered.add({plain.objects[one]: (one, len(content)) for one, content in FILES.items()})
    read: list[str] = []
    blobs = Git.blobs

    def noted(git: Git, oids: Iterable[str]) -> Iterator[Blob]:
        read.extend(oids := list(oids))
        return blobs(git, oids)

    monkeypatch.setattr(Git, "blobs", noted)
    assert earlier(checkout.repository, now.release, ".", first, was.release.digest, remembered) == plain
    assert plain.manifest == was.blobs.manifest()
    assert plain.files[b"app/run"] == Entry("executable", b"app/run", digest(b"#!/bin/sh\n"), 10)
    assert read and not {plain.objects[one] for one in FILES}.intersection(read), "links are read, and files that nobody has named yet"


def test_a_release_that_was_made_otherwise_has_no_manifest_here_but_contents(checkout: Checkout) -> None:
    """A build, or other shared paths, made another: then a host is asked for it."""
    first, second = commits(checkout)
    built = shipping("mkdir -p out && wc -c app/run > out/made", outputs=("out",))
    was, now = checkout.release(first, built), checkout.release(second, built)
    found = earlier(checkout.repository, now.release, ".", first, was.release.digest)
    assert found.manifest == b""
    assert digest(b"#!/bin/sh\n") in found.objects


@pytest.mark.parametrize("commit", ["", "HEAD", "--output=x", "0" * 40, "f" * 64])
def test_of_a_commit_that_is_not_here_nothing_is_known(checkout: Checkout, commit: str) -> None:
    _, second = commits(checkout)
    now = checkout.release(second)
    found = earlier(checkout.repository, now.release, ".", commit, digest(b"x"))
    assert (found.manifest, dict(found.objects)) == (b"", {})
