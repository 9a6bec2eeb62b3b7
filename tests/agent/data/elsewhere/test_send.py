"""Restore points that leave the host: what lacks is sent, what is more than a place keeps goes, and what is gone here comes back."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import sending
from shipway_agent.data.declared import Copies, Declared
from shipway_agent.data.elsewhere import beside, state
from shipway_agent.data.elsewhere.fetch import fetch
from shipway_agent.data.elsewhere.send import send, send_all
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context
from shipway_agent.record import replace
from shipway_agent.sending import WISH
from tests.agent.data.generation import generation
from tests.agent.data.kept import Kept, of

FOLDER = "shop/production/main"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    place = tmp_path / "mnt"
    place.mkdir()
    return place


def database(home: Kept, there: Path, keep: int = 5, **more: Any) -> Declared:
    path = home.path / "shared" / "var" / "shop.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.executescript("CREATE TABLE IF NOT EXISTS items (name text); INSERT INTO items VALUES ('a');")
    return of("sqlite", path="var/shop.sqlite3", folder=FOLDER, copies=[Copies(str(there), keep)], **more)


def names(there: Path) -> list[str]:
    return sorted(path.name.removesuffix(".tar") for path in (there / FOLDER).iterdir())


def test_every_point_that_lacks_is_sent_and_nothing_twice(home: Kept, there: Path) -> None:
    data = database(home, there)
    first = home.take(data)["point"]
    second = home.take(data)["point"]
    answer = send(home.context(), data)
    assert sorted(answer["sent"]) == sorted([[first, str(there)], [second, str(there)]])
    assert answer["note"] == "2 copies sent"
    assert names(there) == sorted([first, second])
    assert send(home.context(), data)["sent"] == []
    (row,) = answer["copies"]
    assert (row["to"], row["keep"], sorted(row["points"]), row["error"]) == (str(there), 5, sorted([first, second]), "")


def test_a_point_that_is_taken_wishes_for_copies_and_waits_for_none(home: Kept, there: Path) -> None:
    data = database(home, there)
    made = home.take(data)
    assert float(home.journal.meta(WISH) or "") == made["at"]
    assert list(there.iterdir()) == []


def test_each_place_keeps_as_many_as_it_is_told_to_whatever_stays_here(home: Kept, there: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    data = replace(database(home, there, keep=1, keep_days=None), keep=2, copies=[Copies(str(there), 1), Copies(str(more), 3)])
    taken = []
    for at in range(4):
        taken.append(home.take(replace(data, keep=2))["point"])
        _older(home, taken, at)
        send(home.context(), data)
    assert len(home.names(data)) == 2
    assert names(there) == names(more)[-1:]
    assert len(names(more)) == 3


def _older(home: Kept, taken: list[str], at: int) -> None:
    """Points of one second have names in no order: give each a second of its own."""
    old = taken[-1]
    new = f"main-2026010{at + 1}T000000Z-{old[-4:]}"
    folder = home.path / "data" / "main"
    about = json.loads((folder / old / "about.json").read_text())
    (folder / old / "about.json").write_text(json.dumps({**about, "point": new, "at": float(at)}))
    (folder / old).rename(folder / new)
    taken[-1] = new


def test_files_of_others_are_left_alone(home: Kept, there: Path) -> None:
    data = database(home, there, keep=1)
    (there / FOLDER).mkdir(parents=True)
    others = ["README.tar", "main-x.tar", "other-20260101T000000Z-0000.tar"]
    for name in others:
        (there / FOLDER / name).write_text("theirs")
    home.take(data)
    send(home.context(), data)
    assert set(os.listdir(there / FOLDER)) > set(others)


def test_a_place_that_says_no_holds_up_no_other_and_is_asked_again_for_a_day(home: Kept, there: Path, tmp_path: Path) -> None:
    away = str(tmp_path / "away")
    data = replace(database(home, there), copies=[Copies(away, 5), Copies(str(there), 5)])
    home.take(data)
    answer = send(home.context(), data)
    assert [to for _, to in answer["sent"]] == [str(there)]
    assert f"{away}: {away} is no directory of this host" in answer["note"]
    known = state.read(home.journal, "main")[away]
    assert known.since is not None and known.tries == 1
    assert known.again_at(known.since) == known.since + 60
    assert replace(known, tries=3).again_at(known.since) == known.since + 240
    assert replace(known, tries=50).again_at(known.since) == known.since + 3600
    assert known.again_at(known.since + 86401) is None
    send(home.context(), data)
    assert state.read(home.journal, "main")[away].tries == 2
    os.mkdir(away)
    assert [to for _, to in send(home.context(), data)["sent"]] == [away]
    assert state.read(home.journal, "main")[away].again_at(known.since) is None


def test_the_process_beside_the_supervisor_leaves_a_wish_for_what_it_could_not_send(home: Kept, there: Path, tmp_path: Path) -> None:
    """It is the agent itself, with a root whose generation says what is data here."""
    away = tmp_path / "away"
    row = {"path": "var/shop.sqlite3", "copies": [{"to": str(away), "keep": 3}]}
    database(home, there)
    data = generation(home, "sqlite", row)
    home.take(data)
    wished = float(home.journal.meta(WISH) or "")
    beside.copy(home.root.path)
    with Journal(home.root) as journal:
        assert float(journal.meta(WISH) or "") >= wished + 60
    away.mkdir()
    beside.copy(home.root.path)
    assert len(names(away)) == 1
    with Journal(home.root) as journal:
        assert journal.meta(WISH) is None


@pytest.mark.parametrize("asked", ["point", "main"])
def test_a_point_that_is_gone_here_comes_back_as_it_was(asked: str, home: Kept, there: Path) -> None:
    data = database(home, there)
    point = home.take(data)["point"]
    send(home.context(), data)
    shutil.rmtree(home.path / "data" / "main" / point)
    assert home.names(data) == []
    answer = fetch(home.context(), data, point if asked == "point" else "main", "")
    assert (answer["point"], answer["from"], answer["rows"]) == (point, str(there), 1)
    assert home.names(data) == [point]
    assert home.put_back(data, point)["kept"]
    assert fetch(home.context(), data, point, "")["from"] is None


def test_files_come_back_with_their_links_modes_and_odd_names(home: Kept, there: Path) -> None:
    media = home.path / "shared" / "media"
    (media / "a" / "deep").mkdir(parents=True)
    (media / "a" / "ü\udcff x").write_bytes(b"odd")
    (media / "a" / ("n" * 200)).write_bytes(b"long")
    (media / "a" / "deep" / "empty").write_bytes(b"")
    (media / "run").write_bytes(b"#!")
    (media / "run").chmod(0o750)
    (media / "link").symlink_to("/etc/passwd")
    data = of("files", path="media", folder=FOLDER, copies=[Copies(str(there), 5)])
    point = home.take(data)["point"]
    before = _tree(home.path / "data" / "main" / point)
    send(home.context(), data)
    shutil.rmtree(home.path / "data" / "main" / point)
    fetch(home.context(), data, point, "")
    assert _tree(home.path / "data" / "main" / point) == before
    shutil.rmtree(media)
    media.mkdir()
    home.put_back(data, point)
    assert (media / "run").stat().st_mode & 0o777 == 0o750
    assert (media / "link").readlink() == Path("/etc/passwd")


def _tree(top: Path) -> dict[str, object]:
    return {
        str(path.relative_to(top)): str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        for path in top.rglob("*")
    }


@pytest.mark.parametrize("harm", ["cut off", "flipped", "another"])
def test_a_copy_that_was_damaged_elsewhere_is_never_a_point_here(harm: str, home: Kept, there: Path) -> None:
    data = database(home, there)
    point = home.take(data)["point"]
    send(home.context(), data)
    file = there / FOLDER / f"{point}.tar"
    content = file.read_bytes()
    if harm == "cut off":
        file.write_bytes(content[: len(content) // 2])
    elif harm == "flipped":
        place = content.index(b"SQLite format 3") + 3000
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    else:
        file.rename(there / FOLDER / f"{point[:-4]}0000.tar")
        point = f"{point[:-4]}0000"
    shutil.rmtree(home.path / "data" / "main")
    with pytest.raises(AgentError) as caught:
        fetch(home.context(), data, point, "")
    assert caught.value.code in ("copy-damaged", "point-damaged")
    assert home.names(data) == []


def test_a_copy_may_not_write_outside_of_the_point(home: Kept, there: Path) -> None:
    import io
    import tarfile

    data = database(home, there)
    (there / FOLDER).mkdir(parents=True)
    point = "main-20260101T000000Z-0000"
    for kind, name in (("up", "../../evil"), ("absolute", "/tmp/evil"), ("through", "link/evil")):
        with tarfile.open(there / FOLDER / f"{point}.tar", "w") as archive:
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, str(home.path)
            archive.addfile(link)
            entry = tarfile.TarInfo(name)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"bad"))
        with pytest.raises(AgentError):
            fetch(home.context(), data, point, "")
        assert not list(home.path.rglob("evil")) and not Path("/tmp/evil").exists(), kind


def test_what_no_place_has_is_said_with_what_each_has(home: Kept, there: Path) -> None:
    data = database(home, there)
    point = home.take(data)["point"]
    send(home.context(), data)
    with pytest.raises(AgentError) as caught:
        fetch(home.context(), data, "main-20200101T000000Z-0000", "")
    assert (caught.value.code, caught.value.lines) == ("no-copy", (f"{there} has {point}",))
    home.root.remove(f"data/main/{point}")
    with pytest.raises(AgentError, match="is no place where copies of main are"):
        fetch(home.context(), data, point, "/elsewhere")
    with pytest.raises(AgentError, match="declares no copies"):
        send(home.context(), of("sqlite", path="x"))


def test_a_wish_that_came_meanwhile_stays(home: Kept, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes a point while copies are sent: the process that ends must not take that wish away."""
    data = generation(home, "sqlite", {"path": "var/shop.sqlite3", "copies": [{"to": str(there), "keep": 3}]})
    database(home, there)
    home.take(data)
    real = send_all

    def meanwhile(context: Context) -> float | None:
        again = real(context)
        sending.later(home.root, home.journal, 4e9)
        return again

    monkeypatch.setattr("shipway_agent.data.elsewhere.beside.send_all", meanwhile)
    beside.copy(home.root.path)
    with Journal(home.root) as journal:
        assert journal.meta(WISH) == repr(4e9)
