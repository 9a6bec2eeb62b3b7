"""Every way in which a login fails, by what OpenSSH and login shells say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.transports.complaints import explain, offered_key

SAYINGS = [
    (255, "ssh: Could not resolve hostname shop: Name or service not known", "unreachable"),
    (255, "ssh: connect to host 10.0.0.1 port 22: Connection refused", "unreachable"),
    (255, "ssh: connect to host 10.0.0.1 port 22: Connection timed out", "unreachable"),
    (255, "ssh: connect to host 10.0.0.1 port 22: No route to host", "unreachable"),
    (255, "ssh: connect to host 10.0.0.1 port 22: Network is unreachable", "unreachable"),
    (255, "kex_exchange_identification: Connection closed by remote host", "unreachable"),
    (255, "Connection closed by 10.0.0.1 port 22", "unreachable"),
    (255, "Connection timed out during banner exchange", "unreachable"),
    (255, "deploy@10.0.0.1: Permission denied (publickey,password).", "login"),
    (255, "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures", "login"),
    (
        255,
        "No ED25519 host key is known for shop and you have requested strict checking.\nHost key verification failed.",
        "host-key-unknown",
    ),
    (255, "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.", "host-key-changed"),
    (255, "@       WARNING: REVOKED HOST KEY DETECTED!               @\nHost key verification failed.", "host-key-revoked"),
    (255, "/home/ann/.ssh/config: line 3: Bad configuration option: foo", "ssh-config"),
    (255, "Bad owner or permissions on /home/ann/.ssh/config", "ssh-config"),
    (255, "something nobody has heard before", "unreachable"),
    (127, "bash: line 1: python3: command not found", "no-python"),
    (127, "sh: 1: python3: not found", "no-python"),
    (127, "fish: Unknown command: python3", "no-python"),
    (126, "bash: /usr/bin/python3: Permission denied", "no-python"),
    (1, '  File "<string>", line 1\nSyntaxError: invalid syntax', "no-python"),
    (1, "This account is currently not available.", "login"),
    (None, "", "unreachable"),
]


@pytest.mark.parametrize(("exit_code", "said", "code"), SAYINGS)
def test_what_was_said_has_a_code_and_a_sentence_that_names_the_address(exit_code: int | None, said: str, code: str) -> None:
    complaint = explain(exit_code, said.splitlines(), "", "deploy@shop", 20.0)
    assert complaint.code == code
    assert "deploy@shop" in complaint.message or code == "ssh-config"


def test_the_reason_is_quoted_and_warnings_are_not_taken_for_it() -> None:
    said = ["ssh: connect to host shop port 22: Connection refused", "** WARNING: connection is not using a post-quantum key exchange."]
    assert "Connection refused" in explain(255, said, "", "shop", 20.0).message


def test_a_key_that_cannot_be_read_is_named_beside_the_refused_login() -> None:
    said = ['Load key "/home/ann/.ssh/id": bad permissions', "ann@shop: Permission denied (publickey)."]
    message = explain(255, said, "", "shop", 20.0).message
    assert "bad permissions" in message
    assert "it takes: publickey" in message


def test_a_verbose_client_tells_the_key_it_was_offered() -> None:
    assert offered_key(["debug1: Server host key: ssh-ed25519 SHA256:abc+/1"]) == "ssh-ed25519 SHA256:abc+/1"
    assert offered_key(["debug1: nothing of the kind"]) is None


@given(st.integers(0, 255) | st.none(), st.lists(st.text(max_size=80), max_size=5), st.text(max_size=80))
def test_whatever_was_said_there_is_an_explanation(exit_code: int | None, said: list[str], noise: str) -> None:
    complaint = explain(exit_code, said, noise, "shop", 20.0)
    assert complaint.code
    assert complaint.message
