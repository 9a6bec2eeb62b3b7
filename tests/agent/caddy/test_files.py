"""What a visitor gets of static files and of assets, from a real Caddy: which bytes, how packed, and for how long they may be kept."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from load import Load
from shipway_agent.manifest import OUTPUT, Entry
from tests.agent.caddy.served import Served

pytestmark = pytest.mark.slow

STYLE = b"body { margin: 0 } " * 200
YEAR = "public, max-age=31536000, immutable"
OUTPUTS = Entry(OUTPUT, b"public/made")


@contextmanager
def served(home: Path) -> Iterator[Served]:
    one = Served(home)
    try:
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One release that has every kind of file, which no test of this file changes."""
    with served(tmp_path_factory.mktemp("files") / "site") as one:
        one.open_door()
        files = {
            "index.html": b"<h1>home</h1>",
            "docs/index.html": b"<h1>docs</h1>",
            "404.html": b"<h1>nothing</h1>",
            "style.css": STYLE,
            "app.8f3a2b1c.js": b"let a = 1;" * 200,
            "photo-20240101.jpg": b"not a hash" * 10,
            "packed.js": b"let b = 2;" * 200,
            "packed.js.br": b"as brotli made it",
            "packed.js.gz": gzip.compress(b"let b = 2;" * 200),
            ".env": b"SECRET=1",
            ".well-known/security.txt": b"Contact: x",
            "assets/logo.svg": b"<svg/>",
        }
        one.ship(1, files, OUTPUTS, outputs={"made/by-task.css": STYLE})
        one.publish(1)
        yield one


# ------------------------------------------------------------------ how packed


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_text_is_compressed_as_the_visitor_takes_it(site: Served, packing: str) -> None:
    status, headers, body = site.ask("/style.css", accept_encoding=packing)
    assert (status, headers["content-encoding"], headers["vary"]) == (200, packing, "Accept-Encoding")
    assert len(body) < len(STYLE) / 10
    if packing == "gzip":
        assert gzip.decompress(body) == STYLE


def test_what_a_build_has_packed_is_sent_as_it_is(site: Served) -> None:
    assert site.ask("/packed.js", accept_encoding="gzip, deflate, br, zstd")[2] == b"as brotli made it"
    _, headers, body = site.ask("/packed.js", accept_encoding="gzip")
    assert (headers["content-encoding"], gzip.decompress(body)) == ("gzip", b"let b = 2;" * 200)
    _, headers, body = site.ask("/packed.js")
    assert ("content-encoding" in headers, body) == (False, b"let b = 2;" * 200)


def test_a_part_of_a_file_is_a_part_of_the_file_itself(site: Served) -> None:
    status, headers, body = site.ask("/style.css", range="bytes=5-9", accept_encoding="gzip")
    assert (status, headers["content-range"], body) == (206, f"bytes 5-9/{len(STYLE)}", STYLE[5:10])
    assert "content-encoding" not in headers


def test_head_tells_the_length_and_sends_nothing(site: Served) -> None:
    status, headers, body = site.ask("/style.css", "HEAD", accept_encoding="gzip")
    assert (status, headers["content-length"], body) == (200, str(len(STYLE)), b"")


# --------------------------------------------------------------- how long kept


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/app.8f3a2b1c.js", YEAR),
        ("/assets/logo.svg", YEAR),
        ("/", "no-cache"),
        ("/style.css", "no-cache"),
        ("/photo-20240101.jpg", "no-cache"),
        ("/nowhere.8f3a2b1c.js", "no-cache"),
    ],
)
def test_only_what_never_changes_under_its_name_is_kept(site: Served, path: str, kept: str) -> None:
    _, headers, _ = site.ask(path)
    assert (headers["cache-control"], "last-modified" in headers) == (kept, False)


@pytest.mark.parametrize("packing", ["", "gzip", "zstd"])
@pytest.mark.parametrize("path", ["/style.css", "/made/by-task.css", "/app.8f3a2b1c.js"])
def test_who_has_the_file_is_told_so_and_how_long_it_lasts(site: Served, path: str, packing: str) -> None:
    taken = {"accept_encoding": packing} if packing else {}
    _, first, _ = site.ask(path, **taken)
    status, headers, body = site.ask(path, if_none_match=first["etag"], **taken)
    assert (status, body, headers["cache-control"]) == (304, b"", first["cache-control"])
    assert site.ask(path, if_none_match='"another"', **taken)[0] == 200


def test_an_older_time_of_a_visitor_is_never_believed(site: Served) -> None:
    assert site.ask("/style.css", if_modified_since="Sun, 29 Nov 2026 00:00:00 GMT")[0] == 200


def test_an_etag_is_of_the_content_whichever_host_release_and_name(site: Served, tmp_path: Path) -> None:
    etag = site.ask("/style.css")[1]["etag"]
    assert site.ask("/made/by-task.css")[1]["etag"] == etag, "what a task wrote is told by its content too"
    with served(tmp_path / "another") as other:
        other.open_door()
        changed = STYLE.replace(b"0", b"1")
        other.ship(1, {"style.css": changed, "index.html": b"1"})
        other.publish(1)
        assert other.ask("/style.css")[1]["etag"] != etag, "the same length and another content"
        other.ship(2, {"style.css": STYLE, "index.html": b"2"})
        other.publish(2)
        assert other.ask("/style.css")[1]["etag"] == etag


# ----------------------------------------------------------------- which files


def test_a_folder_is_its_index_and_is_never_listed(site: Served) -> None:
    assert site.ask("/docs/")[2] == b"<h1>docs</h1>"
    status, headers, _ = site.ask("/docs")
    assert (status, headers["location"]) == (308, "/docs/")
    assert [site.ask(path)[0] for path in ("/assets/", "/assets")] == [404, 404]


@pytest.mark.parametrize("path", ["/.env", "/docs/../.env", "/docs/%2e%2e/.env", "/%2eenv", "/docs/..%2f.env"])
def test_hidden_files_are_nobodys(site: Served, path: str) -> None:
    status, _, body = site.ask(path)
    assert (status, b"SECRET" in body) == (404, False)


def test_but_what_is_well_known_is_there(site: Served) -> None:
    assert site.ask("/.well-known/security.txt")[2] == b"Contact: x"


def test_what_is_not_there_is_said_with_the_sites_own_page(site: Served) -> None:
    status, _, body = site.ask("/nothing")
    assert (status, body) == (404, b"<h1>nothing</h1>")


# ------------------------------------------------------------ assets that stay


def page(version: int) -> dict[str, bytes]:
    """A page that names a file of its own, which only its release has."""
    name = f"app.{version:02x}abcdef{version:02x}.js"
    return {
        "index.html": f'<p>version {version}</p><script src="/assets/{name}">'.encode(),
        f"assets/{name}": f"version {version}".encode(),
    }


def reachable(one: Served, versions: range) -> list[int]:
    """The versions whose asset is there."""
    found = {version: one.ask(f"/assets/app.{version:02x}abcdef{version:02x}.js") for version in versions}
    assert all(body == f"version {version}".encode() for version, (status, _, body) in found.items() if status == 200)
    return [version for version, (status, _, _) in found.items() if status == 200]


def assert_whole(load: Load) -> None:
    """Every page found each of its files, and they were of its version."""
    outcome = load.stop()
    assert outcome.sent > 0
    assert outcome.failures == (), str(outcome)


@pytest.mark.alone
@pytest.mark.timeout(120)
def test_pages_that_are_open_find_their_files_whatever_is_live_meanwhile(tmp_path: Path) -> None:
    with served(tmp_path / "site") as one:
        one.open_door()
        for number in range(1, 5):
            one.ship(number, page(number))
        one.publish(1)
        with Load(one.listen, kinds=("page",), version_pattern=r"version (\d)") as load:
            one.publish(2)
            one.publish(3)
            one.prepare(4)
            assert reachable(one, range(1, 5)) == [1, 2, 3, 4], "a host that has switched already may have sent a page of 4"
            one.turn(4)
            one.undo(4)
            assert reachable(one, range(1, 5)) == [1, 2, 3, 4], "pages of what was undone are open still"
            assert_whole(load)
        with Load(one.listen, kinds=("page",), version_pattern=r"version (\d)") as load:
            for number in (5, 6, 7):
                one.ship(number, page(number))
                one.publish(number)
                one.prune(5)
            assert_whole(load)
        assert reachable(one, range(1, 8)) == [2, 3, 5, 6, 7], "as many as there are releases; what was undone is gone by now"
        _, headers, _ = one.ask("/assets/app.02abcdef02.js")
        assert headers["cache-control"] == YEAR
