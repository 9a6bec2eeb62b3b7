"""One more host in a file that a person wrote: it stands where the others do, and nothing else moves."""

from __future__ import annotations

import tomllib

import pytest

from shipway.config.insert import Item, with_host
from shipway.model.errors import WrongInput

PLAIN: Item = {"address": "deploy@10.0.0.2"}
NAMED: Item = {"name": "b", "address": "deploy@10.0.0.2", "roles": ["web", "db"]}
TABLE = '{ name = "b", address = "deploy@10.0.0.2", roles = ["web", "db"] }'

CASES = [
    ('[environment.live]\nhosts = ["a@x"]  # one\n', PLAIN, '[environment.live]\nhosts = ["a@x", "deploy@10.0.0.2"]  # one\n'),
    (
        '[environment.live]\nhosts = [ "a@x", ]\nlease_seconds = 9',
        PLAIN,
        '[environment.live]\nhosts = [ "a@x", "deploy@10.0.0.2" ]\nlease_seconds = 9',
    ),
    ('[environment.live]\nhosts = ["a@x"]\n', NAMED, f'[environment.live]\nhosts = ["a@x", {TABLE}]\n'),
    (
        '[environment.live]\nhosts = [\n  "a@x", # the first\n  # the second comes soon\n]\n',
        PLAIN,
        '[environment.live]\nhosts = [\n  "a@x", # the first\n  "deploy@10.0.0.2",\n  # the second comes soon\n]\n',
    ),
    (
        '[environment.live]\nhosts = [\n\t{ name = "a", address = "x" } # the first\n]\n',
        NAMED,
        f'[environment.live]\nhosts = [\n\t{{ name = "a", address = "x" }}, # the first\n\t{TABLE},\n]\n',
    ),
    (
        '[environment.live]\nhosts = [\n  { address = "x" },]\n',
        PLAIN,
        '[environment.live]\nhosts = [\n  { address = "x" },\n  { address = "deploy@10.0.0.2" },]\n',
    ),
    (
        '[environment.live]\r\nhosts = [\r\n  "a@x"\r\n]\r\n',
        PLAIN,
        '[environment.live]\r\nhosts = [\r\n  "a@x",\r\n  "deploy@10.0.0.2",\r\n]\r\n',
    ),
    (
        '[[environment.live.hosts]]\naddress = "x"\n\n# tests\n[environment.test]\nhosts = ["y"]\n',
        NAMED,
        '[[environment.live.hosts]]\naddress = "x"\n\n[[environment.live.hosts]]\nname = "b"\naddress = "deploy@10.0.0.2"\n'
        'roles = ["web", "db"]\n\n# tests\n[environment.test]\nhosts = ["y"]\n',
    ),
    (
        '[[environment.live.hosts]]\naddress = "x"',
        PLAIN,
        '[[environment.live.hosts]]\naddress = "x"\n\n[[environment.live.hosts]]\naddress = "deploy@10.0.0.2"\n',
    ),
    ('environment.live.hosts = ["]", "#", "x"]\n', PLAIN, 'environment.live.hosts = ["]", "#", "x", "deploy@10.0.0.2"]\n'),
    (
        '[environment]\nlive = { hosts = ["x"], lease_seconds = 3 }\n',
        PLAIN,
        '[environment]\nlive = { hosts = ["x", "deploy@10.0.0.2"], lease_seconds = 3 }\n',
    ),
]


@pytest.mark.parametrize(("text", "item", "wanted"), CASES)
def test_it_stands_behind_the_others_and_is_written_as_they_are(text: str, item: Item, wanted: str) -> None:
    assert with_host(text, "live", item) == wanted
    hosts = tomllib.loads(wanted.replace("\r\n", "\n"))["environment"]["live"]["hosts"]
    assert hosts[-1] in (item, item["address"])


@pytest.mark.parametrize(
    "text",
    [
        '[environment.live]\nhosts = [\n  "a@x" # no comma\n  , # but here\n]\n',
        "[environment.live]\nhosts = []\n",
        '[environment.test]\nhosts = ["x"]\n',
    ],
)
def test_what_cannot_be_edited_is_shown_to_be_written_by_hand(text: str) -> None:
    with pytest.raises(WrongInput, match="cannot be put into") as refused:
        with_host(text, "live", NAMED)
    assert TABLE in refused.value.hint
    assert (refused.value.code, refused.value.exit_code) == ("config-form", 2)
