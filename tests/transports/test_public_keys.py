"""Files of public keys: what sshd would take is taken, every line that it would not is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shipway.transports.public_keys import parse
from shipway.transports.superuser import fingerprint

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1cxXzKHGBTTtC0nLpVNBNZBGJUEYm7bEQPSqdZgmnV"


def test_keys_with_and_without_a_comment_between_comments_and_empty_lines() -> None:
    assert parse(f"# ours\n\n{KEY}\n  {KEY}   ann at home \r\n") == ([KEY, f"{KEY} ann at home"], [])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ssh-dss AAAA", "kind of key"),
        (f'from="10.0.0.1" {KEY}', "kind of key"),
        ("ssh-ed25519", "no key behind"),
        (KEY[:-3], "cut"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "cut"),
        (KEY.replace("ssh-ed25519", "ssh-rsa"), "no ssh-rsa"),
        (f"{KEY} a\x1b[31mb", "control"),
    ],
)
def test_a_line_that_is_none_is_named_with_its_number(line: str, says: str) -> None:
    keys, ((number, fault),) = parse(f"{KEY}\n{line}\n")
    assert (keys, number) == ([KEY], 2)
    assert says in fault


def test_a_private_key_is_told_to_stay_where_it_is(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True, stdin=subprocess.DEVNULL)
    assert parse((tmp_path / "id").read_text())[1][0][1].startswith("is a private key")
    ((key,), faults) = parse((tmp_path / "id.pub").read_text())
    said = subprocess.run(["ssh-keygen", "-lf", tmp_path / "id.pub"], check=True, capture_output=True, text=True).stdout
    assert fingerprint(key) in said and not faults
