"""The home of a deploying user, made and mended by root: what others wrote stays, and nothing leads out of it."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.errors import AgentError
from shipway_agent.machine.home import have_home, missing_keys, with_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1cxXzKHGBTTtC0nLpVNBNZBGJUEYm7bEQPSqdZgmnV ann"
UID = 20999

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="giving files to another user needs root")


def account(home: Path) -> pwd.struct_passwd:
    return pwd.struct_passwd(("ann", "*", UID, UID, "", str(home), "/bin/sh"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "ann"
    path.mkdir(mode=0o755)
    os.chown(path, UID, UID)
    return path


def states(home: Path, *, apply: bool = True) -> dict[str, str]:
    return {one.thing: one.state for one in have_home(account(home), [KEY], apply)}


def mode(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_uid, stat.S_IMODE(found.st_mode)


def test_everything_is_made_once_and_belongs_to_the_user(home: Path) -> None:
    assert states(home, apply=False) == {"home": "there", "shipway": "wanted", "keys": "wanted"}
    assert os.listdir(home) == [], "only asked"
    assert states(home) == {"home": "there", "shipway": "made", "keys": "made"}
    assert [mode(home / name) for name in (".shipway", ".ssh", ".ssh/authorized_keys")] == [(UID, 0o700), (UID, 0o700), (UID, 0o600)]
    assert (home / ".ssh/authorized_keys").read_text() == f"{KEY}\n"
    assert set(states(home).values()) == {"there"}


def test_a_home_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert states(tmp_path / "new/ann", apply=False)["home"] == "wanted"
    assert not (tmp_path / "new").exists()
    assert states(tmp_path / "new/ann") == {"home": "made", "shipway": "made", "keys": "made"}
    assert mode(tmp_path / "new/ann") == (UID, 0o700)


def test_what_others_may_write_to_is_mended_for_sshd_reads_it_no_more(home: Path) -> None:
    states(home)
    for name in ("", ".ssh", ".ssh/authorized_keys"):
        (home / name).chmod(0o777)
    assert states(home, apply=False) == {"home": "wanted", "shipway": "there", "keys": "wanted"}
    assert states(home) == {"home": "made", "shipway": "there", "keys": "made"}
    assert [mode(home / name)[1] & 0o022 for name in ("", ".ssh", ".ssh/authorized_keys")] == [0, 0, 0]
    assert (home / ".ssh/authorized_keys").read_text() == f"{KEY}\n"


def test_lines_of_others_stay(home: Path) -> None:
    (home / ".ssh").mkdir(mode=0o700)
    os.chown(home / ".ssh", UID, UID)
    theirs = b'# mine\nfrom="10.0.0.1" ssh-rsa AAAAB3 bo\xff'
    (home / ".ssh/authorized_keys").write_bytes(theirs)
    assert states(home)["keys"] == "made"
    assert (home / ".ssh/authorized_keys").read_bytes() == theirs + f"\n{KEY}\n".encode()


@pytest.mark.parametrize("name", [".ssh", ".shipway", ".ssh/authorized_keys"])
def test_a_link_leads_nowhere(home: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    if name.count("/"):
        (home / ".ssh").mkdir(mode=0o700)
        os.chown(home / ".ssh", UID, UID)
        target.write_text("root's\n")
    else:
        target.mkdir(mode=0o700)
    (home / name).symlink_to(target)
    with pytest.raises(AgentError, match=r"symbolic link|not a directory"):
        states(home)
    assert (target.read_text() == "root's\n") if target.is_file() else os.listdir(target) == []
    assert target.lstat().st_uid == 0


def test_what_belongs_to_a_third_user_is_left_to_him(home: Path) -> None:
    os.chown(home, UID + 1, UID + 1)
    with pytest.raises(AgentError, match=f"belongs to user {UID + 1}"):
        states(home)
    assert os.listdir(home) == []


@given(st.text(max_size=60))
def test_a_key_is_missing_until_it_is_there_and_then_no_more(text: str) -> None:
    lacking = missing_keys(text, [KEY])
    assert lacking in ([], [KEY])
    written = with_keys(text, lacking)
    assert written.startswith(text)
    if "#" not in text and "\x0b" not in text:
        assert missing_keys(written, [KEY]) == []
