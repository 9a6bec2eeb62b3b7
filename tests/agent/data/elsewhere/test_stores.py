"""Every kind of place keeps files whole, gives them back, and says no in words: a directory, a host with its sshd, a store of S3."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shipway_agent.data.elsewhere import s3
from shipway_agent.data.elsewhere.directory import Directory
from shipway_agent.data.elsewhere.place import Place, place_of
from shipway_agent.data.elsewhere.ssh import CONFIG, OtherHost
from shipway_agent.data.elsewhere.store import Store, store_at
from shipway_agent.data.programs import Work
from shipway_agent.errors import AgentError
from shipway_agent.group import MARKER
from shipway_agent.surroundings import defaults
from tests.agent.data.elsewhere.bucket import BUCKET, Bucket, Cutting, bucket, slow
from tests.transports import sshd
from tests.transports.sshd import Sshd

FOLDER = "shop/production/main"
ODD = 'it\'s a $(touch oops) `touch oops`; "quoted" & * #'
"""Part of a path that a shell must never read."""

MEBIBYTE = bytes(range(256)) * 4096


def work(seconds: float = 60.0) -> Work:
    return Work({**defaults(), MARKER: f"copies/{os.getpid()}"}, time.monotonic() + seconds, lambda: False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if sshd.SSHD is None:
        pytest.skip("there is no sshd here")
    with sshd.running(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture(scope="module")
def points() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.fixture
def trusted(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    monkeypatch.setenv(CONFIG, str(server.config))
    server.trust(server.host_key)
    return server


@pytest.fixture(params=["directory", "ssh", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    top = tmp_path / ODD
    top.mkdir()
    if request.param == "directory":
        return Directory(str(top), FOLDER)
    if request.param == "ssh":
        request.getfixturevalue("trusted")
        return OtherHost(Place("ssh", str(top), "", "shop"), FOLDER, work())
    there: Bucket = request.getfixturevalue("points")
    return s3.Bucket(Place("s3", f"copies of {tmp_path.name}", bucket=BUCKET), FOLDER, there.variables, part_bytes=5 << 20)


def pieces(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes):
        yield MEBIBYTE


def test_what_was_put_is_listed_and_comes_back_byte_for_byte_until_it_is_dropped(store: Store) -> None:
    assert store.names() == {}
    store.put("main-1.tar", iter([b"abc", b"", b"def"]), 6)
    store.put("main-2.tar", pieces(12), 12 << 20)
    assert store.names() == {"main-1.tar": 6, "main-2.tar": 12 << 20}
    assert b"".join(store.get("main-1.tar")) == b"abcdef"
    assert b"".join(store.get("main-2.tar")) == MEBIBYTE * 12
    store.put("main-1.tar", iter([b"other"]), 5)
    assert b"".join(store.get("main-1.tar")) == b"other"
    store.drop("main-2.tar")
    store.drop("main-2.tar")
    assert store.names() == {"main-1.tar": 5}


def test_nothing_is_listed_of_what_could_not_be_read_to_its_end(store: Store) -> None:
    def breaks() -> Iterator[bytes]:
        yield from pieces(7)
        raise AgentError("point-damaged", "it became shorter while it was read")

    with pytest.raises(AgentError, match="became shorter"):
        store.put("main-1.tar", breaks(), 8 << 20)
    assert store.names() == {}
    store.put("main-1.tar", iter([b"whole"]), 5)
    assert store.names() == {"main-1.tar": 5}


def test_what_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(AgentError) as caught:
        b"".join(store.get("main-1.tar"))
    assert caught.value.code == "copy-place"


# --------------------------------------------------------------- a directory


def test_a_directory_that_nobody_mounted_is_not_made(tmp_path: Path) -> None:
    store = Directory(str(tmp_path / "mnt"), FOLDER)
    for do in (lambda: store.put("x", iter([b"x"]), 1), store.names):
        with pytest.raises(AgentError, match="mount or make it"):
            do()
    assert not (tmp_path / "mnt").exists()


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("mounting needs root")
    try:
        store = Directory(str(tmp_path), FOLDER)
        store.put("main-1.tar", pieces(2), 2 << 20)
        with pytest.raises(AgentError, match="No space left"):
            store.put("main-2.tar", pieces(6), 6 << 20)
        assert store.names() == {"main-1.tar": 2 << 20}
        assert sorted(os.listdir(tmp_path / FOLDER)) == ["main-1.tar"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


# ---------------------------------------------------------------- another host


def test_a_host_whose_key_is_another_gets_nothing(trusted: Sshd, tmp_path: Path) -> None:
    trusted.trust(" ".join((trusted.folder / "other_key.pub").read_text().split()[:2]))
    store = OtherHost(Place("ssh", str(tmp_path), "", "shop"), FOLDER, work())
    with pytest.raises(AgentError, match="Host key verification failed"):
        store.put("main-1.tar", pieces(3), 3 << 20)
    trusted.trust(None)
    with pytest.raises(AgentError, match="Host key verification failed"):
        store.names()
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_is_cut_leaves_nothing_under_a_name(trusted: Sshd, tmp_path: Path) -> None:
    """The other side takes the cut for the end of the file; what it has then is not what was sent."""
    cutting = Cutting(trusted.port, 2 << 20, 1)
    trusted.known_hosts.write_text(f"[127.0.0.1]:{cutting.port} {trusted.host_key}\n")
    config = tmp_path / "config"
    config.write_text(trusted.config.read_text().replace(f"Port {trusted.port}", f"Port {cutting.port}"))
    store = OtherHost(Place("ssh", str(tmp_path / "there"), "", "shop"), FOLDER, work())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIG, str(config))
        with pytest.raises(AgentError) as caught:
            store.put("main-1.tar", pieces(6), 6 << 20)
        assert caught.value.code == "copy-place"
        assert store.names() == {}
        store.put("main-1.tar", pieces(6), 6 << 20)
        assert store.names() == {"main-1.tar": 6 << 20}
    cutting.close()
    assert sorted(path.name for path in (tmp_path / "there" / FOLDER).iterdir()) == ["main-1.tar"]


def test_a_full_disk_of_another_host_is_said(trusted: Sshd, tmp_path: Path) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("mounting needs root")
    try:
        store = OtherHost(Place("ssh", str(tmp_path), "", "shop"), FOLDER, work())
        with pytest.raises(AgentError, match="No space left"):
            store.put("main-1.tar", pieces(8), 8 << 20)
        assert store.names() == {}
    finally:
        subprocess.run(["umount", tmp_path], check=True)


# --------------------------------------------------------------- a store of S3


def in_bucket(there: Bucket, **changed: str) -> s3.Bucket:
    return s3.Bucket(Place("s3", "other", bucket=BUCKET), FOLDER, {**there.variables, **changed}, part_bytes=5 << 20)


def test_keys_that_are_wrong_are_refused_by_the_store_in_its_words(points: Bucket) -> None:
    with pytest.raises(AgentError, match="SignatureDoesNotMatch") as caught:
        in_bucket(points, AWS_SECRET_ACCESS_KEY="canary").put("main-1.tar", iter([b"x"]), 1)
    assert "canary" not in caught.value.message
    with pytest.raises(AgentError, match="InvalidAccessKeyId"):
        in_bucket(points, AWS_ACCESS_KEY_ID="AKIAnobody").names()
    with pytest.raises(AgentError, match="there is no AWS_SECRET_ACCESS_KEY in the env of the data"):
        in_bucket(points, AWS_SECRET_ACCESS_KEY="")


def test_a_bucket_that_is_not_there_is_said(points: Bucket) -> None:
    with pytest.raises(AgentError, match="NoSuchBucket"):
        store_at(place_of("s3://nobody/x"), FOLDER, points.variables, work()).names()


def test_a_store_that_nobody_answers_for_is_said(monkeypatch: pytest.MonkeyPatch, points: Bucket) -> None:
    monkeypatch.setattr(s3, "TRIES", 1)
    with pytest.raises(AgentError, match=r"127\.0\.0\.1:9: Connection refused"):
        in_bucket(points, AWS_ENDPOINT_URL="http://127.0.0.1:9").names()


@pytest.mark.parametrize("cuts", [1, 100])
def test_connections_that_are_cut_are_tried_again_and_then_nothing_is_left(
    cuts: int, points: Bucket, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("shipway_agent.data.elsewhere.s3.time.sleep", lambda seconds: None)
    cutting = Cutting(int(points.endpoint.rpartition(":")[2]), 1 << 20, cuts)
    request.addfinalizer(cutting.close)
    through = in_bucket(points, AWS_ENDPOINT_URL=f"http://127.0.0.1:{cutting.port}")
    store = in_bucket(points)
    if cuts == 1:
        through.put("main-1.tar", pieces(12), 12 << 20)
        assert store.names() == {"main-1.tar": 12 << 20}
        store.drop("main-1.tar")
        return
    with pytest.raises(AgentError, match=r"127\.0\.0\.1:"):
        through.put("main-1.tar", pieces(12), 12 << 20)
    assert (store.names(), points.uploads()) == ({}, 0)


def test_a_line_that_needs_longer_for_a_part_than_a_wait_may_last_sends_it(points: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is that of each block: a home's uplink needs minutes for a part."""
    monkeypatch.setattr(s3, "SECONDS", 1.0)
    monkeypatch.setattr(s3, "TRIES", 1)
    with slow() as endpoint:
        variables = {**points.variables, "AWS_ENDPOINT_URL": endpoint}
        s3.Bucket(Place("s3", "other", bucket=BUCKET), FOLDER, variables).put("main-1.tar", pieces(16), 16 << 20)


def test_parts_of_an_upload_that_was_killed_are_taken_away_by_the_next(points: Bucket) -> None:
    key = f"other/{FOLDER}/main-1.tar"
    points.client.create_multipart_upload(Bucket=BUCKET, Key=key)
    in_bucket(points).put("main-1.tar", iter([b"x"]), 1)
    assert points.uploads() == 0
    in_bucket(points).drop("main-1.tar")


@pytest.mark.parametrize("megabytes", [1, 12])
def test_a_store_whose_own_sum_is_none_of_the_content_is_read_back(megabytes: int, points: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those with keys of their own have it (SSE-KMS). And what is other content there is taken away again."""
    real: Callable[..., s3.Answer] = s3.Bucket._ask
    broken: list[str] = []

    def other_tags(self: s3.Bucket, method: str, key: str, query: dict[str, str], body: bytes = b"") -> s3.Answer:
        if broken and method == "HEAD":
            points.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(megabytes << 20))
        answer = real(self, method, key, query, body)
        return answer._replace(headers={**answer.headers, "etag": '"0123-2"'}) if method == "HEAD" else answer

    monkeypatch.setattr(s3.Bucket, "_ask", other_tags)
    store = in_bucket(points)
    store.put("main-1.tar", pieces(megabytes), megabytes << 20)
    store.drop("main-1.tar")
    broken.append("from now on")
    with pytest.raises(AgentError) as caught:
        store.put("main-1.tar", pieces(megabytes), megabytes << 20)
    assert (caught.value.code, store.names()) == ("copy-damaged", {})
