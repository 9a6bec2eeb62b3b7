"""A commit and an Intent in, one release out: the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shipway.model.errors import Refused
from shipway.model.intent import Shipment
from shipway.release.blobs import BlobSource
from shipway_agent import manifest
from tests.release.repositories import Checkout, shipping


def refusal(checkout: Checkout, shipment: Shipment) -> Refused:
    with pytest.raises(Refused) as raised:
        checkout.release(shipment=shipment)
    assert raised.value.exit_code == 3
    assert raised.value.hint
    return raised.value


def test_a_release_says_where_it_came_from(checkout: Checkout) -> None:
    commit = checkout.commit(**{"server/a": "12345", "server/b": "12345", "server/c": "1"})
    checkout.git("tag", "v1")
    made = checkout.release("v1", subdirectory="server")
    assert made.release.version == "v1"
    assert made.release.source.commit == commit
    assert made.release.source.tree == checkout.git("rev-parse", "HEAD:server")
    assert made.release.source.ref == "v1"
    assert made.release.size_bytes == 6
    assert made.release.builder == ""


def test_the_digest_is_that_of_the_manifest_which_is_one_of_the_blobs(checkout: Checkout) -> None:
    checkout.write("run", "#!", executable=True)
    checkout.write(b"\xff\n", "x")
    checkout.link("l", "run")
    checkout.commit(a="1")
    made = checkout.release(shipment=shipping(shared=("media",), task_outputs=(".venv",)))
    (data,) = made.blobs.read([made.release.digest])
    assert manifest.digest(data) == made.release.digest
    assert {(one.kind, one.path) for one in manifest.read(data)} == {
        ("executable", b"run"),
        ("file", b"\xff\n"),
        ("link", b"l"),
        ("file", b"a"),
        ("shared", b"media"),
        ("output", b".venv"),
    }


def test_the_same_commit_is_the_same_release_on_another_machine(checkout: Checkout, tmp_path: Path) -> None:
    """Another clone, another home, another user's settings, umask, time zone, language and hash seed, packed and not."""
    checkout.write("run", "#!/bin/sh\n", executable=True)
    checkout.write("crlf", "a\r\nb\n")
    checkout.write("é ü", "1")
    checkout.link("l", "run")
    checkout.commit(a="1")
    made = checkout.release(shipment=shipping("date > /dev/null; sort crlf a > out", outputs=("out",)))
    other = tmp_path / "other"
    (other / ".config/git").mkdir(parents=True)
    settings = "[core]\nautocrlf = true\neol = crlf\nquotePath = true\nabbrev = 30\n[user]\nname = x\n[log]\nshowSignature = true\n"
    (other / ".config/git/config").write_text(settings)
    subprocess.run(["git", "clone", "--quiet", checkout.path, other / "clone"], check=True)
    subprocess.run(["git", "-C", other / "clone", "gc", "--quiet"], check=True)
    script = """
import os, sys
os.umask(0o077)
from pathlib import Path
from tests.release.repositories import Checkout, shipping
made = Checkout(Path(sys.argv[1])).release(shipment=shipping("date > /dev/null; sort crlf a > out", outputs=("out",)))
print(made.release.digest, made.release.version)
"""
    environment = {"PATH": os.environ["PATH"], "HOME": str(other), "TZ": "Asia/Kathmandu", "LANG": "C", "PYTHONHASHSEED": "7"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", script, other / "clone"], env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert done.stdout.split() == [made.release.digest, made.release.version], done.stderr


def test_whatever_differs_gives_another_digest(checkout: Checkout) -> None:
    checkout.commit(a="1")
    digests = [checkout.release().release.digest]
    checkout.commit(a="2")
    digests.append(checkout.release().release.digest)
    (checkout.path / "a").chmod(0o755)
    checkout.commit()
    digests.append(checkout.release().release.digest)
    checkout.git("mv", "a", "b")
    checkout.commit()
    digests.append(checkout.release().release.digest)
    digests.append(checkout.release(shipment=shipping(shared=("media",))).release.digest)
    assert len(set(digests)) == 5


def test_every_wanted_blob_can_be_read_and_is_asked_for_once(checkout: Checkout) -> None:
    checkout.write("x", "same", executable=True)
    checkout.commit(a="same", b="same", c="other", d="")
    checkout.link("l", "a")
    made = checkout.release(shipment=shipping("mkdir o; echo built > o/1; cp a o/2", outputs=("o",)))
    wanted = [*manifest.contents(made.release.entries), (made.release.digest, False, len(made.blobs.manifest()))]
    contents = list(made.blobs.read(digest for digest, _, _ in wanted))
    assert [len(content) for content in contents] == [size for _, _, size in wanted]
    assert sorted((content, executable) for content, (_, executable, _) in zip(contents[:-1], wanted, strict=False)) == [
        (b"", False),
        (b"built\n", False),
        (b"other", False),
        (b"same", False),
        (b"same", True),
    ]
    assert wanted[-1][0] == made.release.digest


def test_blobs_can_be_read_again_from_the_release_alone(checkout: Checkout) -> None:
    checkout.commit(a="1")
    release = checkout.release(shipment=shipping("echo 2 > b", outputs=("b",))).release
    blobs = BlobSource(checkout.repository, release)
    assert list(blobs.read(entry.digest for entry in release.entries)) == [b"1", b"2\n"]


def test_a_content_that_changed_since_is_refused_by_name(checkout: Checkout) -> None:
    checkout.commit(a="1")
    made = checkout.release(shipment=shipping("echo 2 > b", outputs=("b",)))
    path = made.blobs.path(made.release.entries[1].digest)
    assert path is not None
    Path(path).write_text("3\n")
    with pytest.raises(Refused) as raised:
        list(made.blobs.read([made.release.entries[1].digest]))
    assert raised.value.message.startswith("b is no longer what it was when the release was made")


# ---------------------------------------------------------- what hosts keep outside


def test_a_release_that_would_shadow_what_is_shared_is_refused(checkout: Checkout) -> None:
    commit = checkout.commit(**{"media/.gitkeep": "", "var": "", "static/x": ""})
    error = refusal(checkout, shipping(shared=("media", "var/log"), task_outputs=("static",)))
    assert error.code == "shadowed"
    assert error.message == f"commit {commit[:12]} holds 3 paths that hosts keep outside of releases"
    assert error.details == (
        "media/.gitkeep: is in the release, and media is declared as shared",
        "static/x: is in the release, and static is declared as a task's output",
        "var: is in the release, and var/log is declared as shared",
    )


def test_a_link_in_place_of_what_is_shared_is_refused(checkout: Checkout) -> None:
    checkout.link("media", "elsewhere")
    checkout.commit(a="1")
    assert refusal(checkout, shipping(shared=("media",))).details == ("media: is in the release, and media is declared as shared",)


def test_a_path_beside_what_is_shared_is_no_shadow(checkout: Checkout) -> None:
    checkout.commit(**{"media-old/x": "", "mediathek": ""})
    assert len(checkout.release(shipment=shipping(shared=("media",))).release.entries) == 3


def test_directories_that_are_named_must_be_there(checkout: Checkout) -> None:
    commit = checkout.commit(**{"server/a": "1"})
    error = refusal(checkout, shipping(directory="serve", static="public"))
    assert error.code == "directory"
    assert commit[:12] in error.message
    assert error.details == (
        "process.web.directory: serve is not a directory of the release",
        "static: public is not a directory of the release",
    )
    assert refusal(checkout, shipping(directory="server/a")).details == (
        "process.web.directory: server/a is not a directory of the release",
    )


def test_directories_may_be_built_shared_or_made_by_a_task(checkout: Checkout) -> None:
    checkout.link("current", "server")
    checkout.commit(**{"server/app/a": "1"})
    for shipment in (
        shipping(directory="server/app", static="server"),
        shipping("mkdir -p public/x; touch public/x/y", outputs=("public",), static="public/x"),
        shipping(shared=("media",), static="media/public"),
        shipping(task_outputs=("static",), static="static"),
        shipping(static="current"),
    ):
        assert checkout.release(shipment=shipment).release.entries


def test_what_is_built_is_checked_like_what_is_committed(checkout: Checkout) -> None:
    checkout.commit(a="1")
    with pytest.raises(Refused) as raised:
        checkout.release(shipment=shipping("mkdir bin; ln -s /usr/bin/python3 bin/python; ln -s ../.. bin/up", outputs=("bin",)))
    assert raised.value.details == (
        "bin/python: is a link to /usr/bin/python3, which is absolute",
        "bin/up: is a link to ../.., which leads out of the tree",
    )
