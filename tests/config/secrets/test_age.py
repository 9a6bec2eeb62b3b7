"""A value in, a file that only its recipients can open out; a file that is anything else says what it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.config.secrets.age import MOST_BYTES, count_of_recipients, recipient_fault, seal, unseal
from shipway.config.secrets.identities import SECRET, VARIABLE, Identities, find, key_file, make


@pytest.fixture(scope="module")
def ann(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    path = tmp_path_factory.mktemp("ann") / "age.key"
    make(path)
    return find({VARIABLE: str(path)}, Path("/nowhere"))


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> Identities:
    """Somebody whose only key is that of ssh."""
    home = tmp_path_factory.mktemp("bob")
    (home / ".ssh").mkdir()
    ssh_key(home / ".ssh/id_ed25519")
    return find({}, home)


def ssh_key(path: Path, passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "bob", "-f", path], check=True)


def fault(sealed: bytes, mine: Identities) -> str:
    with pytest.raises(ValueError) as raised:
        unseal(sealed, mine)
    return str(raised.value)


def test_anybody_can_see_for_how_many_it_is(ann: Identities, bob: Identities) -> None:
    for recipients in (ann.recipients[:1], bob.recipients[:1], (ann.recipients[0], bob.recipients[0])):
        assert count_of_recipients(seal("s3cret", recipients)) == len(recipients)


def test_each_recipient_opens_it_and_nobody_else(ann: Identities, bob: Identities) -> None:
    both, one = seal("s3cret\nof two lines", [*ann.recipients, *bob.recipients]), seal("s3cret", ann.recipients)
    assert unseal(both, ann) == unseal(both, bob) == "s3cret\nof two lines"
    assert b"s3cret" not in both
    assert unseal(one, ann) == "s3cret"
    said = fault(one, bob)
    assert said.startswith("is encrypted to others: ") and bob.recipients[0] in said, "what to send to who can open it"


def test_who_has_no_key_reads_how_to_get_one(ann: Identities, tmp_path: Path) -> None:
    said = fault(seal("s3cret", ann.recipients), find({}, tmp_path))
    assert "shipway secrets keygen" in said and str(tmp_path / ".config/shipway/age.key") in said and ".ssh/id_ed25519" in said


def test_the_same_value_twice_is_two_different_files(ann: Identities) -> None:
    assert seal("s3cret", ann.recipients) != seal("s3cret", ann.recipients)


def test_what_is_wrong_with_a_file_is_said_before_a_key_is_asked_for(ann: Identities) -> None:
    sealed = seal("s3cret", ann.recipients)
    merged = b"<<<<<<< HEAD\n" + sealed + b"=======\n" + sealed + b">>>>>>> other\n"
    nobody = Identities()
    assert fault(merged, nobody).startswith("has conflict markers of git on line 1: two people set it")
    assert fault(sealed[: len(sealed) // 2], nobody).startswith("is cut off")
    assert fault(b"", nobody) == fault(b"hello", nobody) == "is no armored age file: set the value again"
    assert fault(sealed + b" " * MOST_BYTES, nobody).startswith("is larger than any secret may be")


@settings(max_examples=60, deadline=None)
@given(place=st.integers(40, 380), byte=st.integers(33, 126))
def test_no_changed_file_opens_as_something_else(place: int, byte: int, ann: Identities) -> None:
    sealed = seal("s3cret", ann.recipients)
    changed = sealed[:place] + bytes([byte]) + sealed[place + 1 :]
    try:
        assert unseal(changed, ann) == "s3cret", "only what was not changed, or where the armor does not count"
    except ValueError as said:
        assert "s3cret" not in str(said)


def test_a_line_end_of_windows_changes_nothing(ann: Identities) -> None:
    assert unseal(seal("s3cret", ann.recipients).replace(b"\n", b"\r\n"), ann) == "s3cret"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("age1qqqq", "is damaged: a recipient must be copied whole"),
        ("ssh-ed25519 AAAA", "is damaged: a recipient must be copied whole"),
        ("ann@example.org", "is no recipient: age1… (X25519), ssh-ed25519 … or ssh-rsa …"),
        (f"{SECRET}XYZ", "is a secret key; what is needed is the public one, age1… or ssh-ed25519 …"),
        ("", "is no recipient: age1… (X25519), ssh-ed25519 … or ssh-rsa …"),
    ],
)
def test_who_is_no_recipient(text: str, sentence: str) -> None:
    assert recipient_fault(text) == sentence


def test_where_keys_are_looked_for(tmp_path: Path, ann: Identities) -> None:
    path = key_file({}, tmp_path)
    assert path == tmp_path / ".config/shipway/age.key"
    assert key_file({"XDG_CONFIG_HOME": "/etc/mine"}, tmp_path) == Path("/etc/mine/shipway/age.key")
    recipient = make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert find({}, tmp_path).recipients == (recipient,)
    key = path.read_text().splitlines()[-1]
    assert find({VARIABLE: key}, Path("/nowhere")).recipients == (recipient,), "the key itself, as CI has it"
    (tmp_path / ".ssh").mkdir()
    ssh_key(tmp_path / ".ssh/id_ed25519")
    assert len(find({}, tmp_path).keys) == 2
    assert find({VARIABLE: str(tmp_path / "gone")}, tmp_path).keys == (), "what is named counts alone"
    with pytest.raises(FileExistsError):
        make(path)


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        ("# only a comment\n", 0o600, "holds no key"),
        ("hello\n", 0o600, "holds something that is no key"),
        (f"{SECRET}QQQQ\n", 0o600, "holds something that is no key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nxx\n-----END OPENSSH PRIVATE KEY-----\n", 0o600, "is no key that age can use"),
        (f"{SECRET}QQQQ\n", 0o644, "may be read by others: chmod 600"),
    ],
)
def test_a_key_that_opens_nothing_says_why(content: str, mode: int, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "age.key"
    path.write_text(content)
    path.chmod(mode)
    mine = find({VARIABLE: str(path)}, tmp_path)
    assert mine.keys == () and sentence in mine.looked[0] and "QQQQ" not in mine.looked[0]


def test_a_key_of_ssh_with_a_passphrase_opens_nothing(tmp_path: Path) -> None:
    ssh_key(tmp_path / "k", "open sesame")
    assert "has a passphrase" in find({VARIABLE: str(tmp_path / "k")}, tmp_path).looked[0]


def test_a_key_does_not_show_itself(ann: Identities) -> None:
    assert "keys" not in repr(ann) and SECRET not in repr(ann)
