"""Destinations as they are written, and their parts; what would be read as something else is refused."""

from __future__ import annotations

import pytest

from shipway_agent.data.elsewhere.place import Place, place_of


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/mnt/backup", Place("directory", "/mnt/backup")),
        ("/mnt/back up/", Place("directory", "/mnt/back up")),
        ("backup@10.0.0.9:/srv/backup", Place("ssh", "/srv/backup", "backup", "10.0.0.9")),
        ("vault:/srv/it's $(here)", Place("ssh", "/srv/it's $(here)", "", "vault")),
        ("ssh://backup@vault:2222/srv/backup", Place("ssh", "/srv/backup", "backup", "vault", 2222)),
        ("s3://bucket/a/b/", Place("s3", "a/b", bucket="bucket")),
        ("s3://bucket", Place("s3", "", bucket="bucket")),
    ],
)
def test_the_parts_of_a_destination(text: str, place: Place) -> None:
    assert place_of(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "backup",
        "./backup",
        "/",
        "/mnt/../etc",
        "/mnt//x",
        "-oProxyCommand=x:/srv",
        "a@-oProxyCommand:/srv",
        "-l@host:/srv",
        "host:srv",
        "host:/srv/../x",
        "ssh://u:password@host/srv",
        "ssh://host:x/srv",
        "ssh://host/srv?x",
        "s3://",
        "s3://B/x",
        "s3://bucket/../x",
        "https://bucket/x",
        "/mnt/a\nb",
    ],
)
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"should|may not|has a"):
        place_of(text)
