"""The certificates of an authority of one's own: read at HEAD, and refused where they are none."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.model.errors import Refused, WrongInput
from tests.apps import Repository

TOML = 'app = "shop"\nstatic = "public"\n[environment.live]\nhosts = ["a"]\ndomains = ["shop.example"]\ntls = { ca = "deploy/ca.pem" }\n'


def committed(place: Path, content: str | None) -> Path:
    """A project whose authority has this content; without any the file lacks."""
    repository = Repository(place / "shop")
    repository.write("server/shipway.toml", TOML)
    if content is not None:
        repository.write("server/deploy/ca.pem", content)
    repository.commit("A project", "v1")
    return repository.directory / "server"


def some_certificate() -> str:
    """One that this machine trusts."""
    return ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0])


def test_the_file_beside_shipway_toml_is_read_at_head(tmp_path: Path) -> None:
    text = some_certificate()
    directory = committed(tmp_path, text)
    (directory / "deploy/ca.pem").write_text("not committed")
    assert intent_of_head(open_project(directory), "live").environment.tls.authority == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello", "holds no certificates"),
        ("", "holds no certificates"),
        ("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "a private key, which must not travel"),
        ("x" * 300_000, "300,000 bytes"),
        ("\x00\xff", "holds no certificates"),
    ],
)
def test_what_holds_none_is_refused(tmp_path: Path, content: str, said: str) -> None:
    project = open_project(committed(tmp_path, content))
    with pytest.raises(WrongInput, match=r"server/deploy/ca\.pem") as refused:
        intent_of_head(project, "live")
    assert said in refused.value.message
    assert refused.value.code == "authority"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    project = open_project(committed(tmp_path, None))
    with pytest.raises(Refused, match=r"server/deploy/ca\.pem"):
        intent_of_head(project, "live")
