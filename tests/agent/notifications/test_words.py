"""What people read, word for word; and the same in chat, where nothing of it may be markup."""

from __future__ import annotations

from typing import Any

import pytest

from shipway_agent.notifications import words
from tests.agent.notifications.receivers import ENTRY

FAILED = """\
shop production: 1.7 is undone
commit cccccccccccc, deploy 7-abcdef by ann@laptop
b: task migrate ended with 1
step: migrate on b
  | no such table: <orders>
  | rolled back & ended
now: a serves 1.6 (generation 6)
next: mend the cause, commit, and shipway deploy production"""

LIVE = """\
shop production: 1.7 is live
commit cccccccccccc, deploy 7-abcdef by ann@laptop
a: committed on a, proved on every host
now: a serves 1.7 (generation 7)
next: shipway status production"""


def test_a_failure() -> None:
    assert words.text(ENTRY) == FAILED


def test_a_success() -> None:
    serving = {"generation": 7, "version": "1.7", "commit": "c" * 40}
    said = {"event": "live", "host": "a", "what": "committed on a, proved on every host", "step": "", "lines": [], "serving": serving}
    assert words.text({**ENTRY, **said, "next": "shipway status production"}) == LIVE


@pytest.mark.parametrize(
    ("more", "first"),
    [
        ({"event": "went back", "host": "b"}, "shop production: 1.7 is not settled on b"),
        ({"event": "behind", "host": "b"}, "shop production: 1.7 is not settled on b"),
        ({"event": "crashed", "host": "b"}, "shop production: 1.7 has crashed on b"),
        ({"event": "left out", "host": "b and c"}, "shop production: 1.7 is live, but b and c are behind"),
        ({"event": "left out", "host": "b"}, "shop production: 1.7 is live, but b is behind"),
        ({"version": ""}, "shop production: cccccccccccc is undone"),
        ({"version": "", "commit": ""}, "shop production: 7-abcdef is undone"),
    ],
)
def test_the_first_line_says_where_only_when_it_is_not_everywhere(more: dict[str, Any], first: str) -> None:
    assert words.subject({**ENTRY, **more}) == first == words.text({**ENTRY, **more}).splitlines()[0]


def test_a_first_deployment_that_failed_leaves_nothing_current() -> None:
    assert "now: nothing is current on a" in words.text({**ENTRY, "serving": None})


def test_chat_reads_no_markup_in_what_a_program_printed() -> None:
    made = words.payload({**ENTRY, "lines": ["<!channel> <https://evil.example|click> &amp;"]})
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp;amp;" in made["text"]
    assert "<!channel> <https://evil.example|click> &amp;" in made["shipway"]["words"]
