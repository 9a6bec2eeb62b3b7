"""The page of a report: everything that the report says, nothing that it does not, and no text that is taken for HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.model.event import Event
from shipway.reports.json import report
from shipway.reports.layout import layout
from shipway.reports.page import page, style
from shipway.reports.timeline import timeline
from tests.reports.chromium import CHROMIUM, chromium
from tests.reports.story import BEGAN, Teller, live, undone
from tests.reports.test_fold import events_of

ELEMENTS = """html head meta title style body main h1 h2 p span code dl dt dd section table caption thead tbody tr th td ul li b figure
figcaption pre footer svg desc defs pattern path line text rect g"""
ATTRIBUTES = """lang charset http-equiv content name class id role aria-labelledby scope data-column width height x y x1 x2 y1 y2 d
text-anchor patternunits"""
HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</pre></title></style><img src=x onerror=alert(1)>",
        '" onmouseover="alert(1)',
        "'><svg/onload=alert(1)>",
        "&lt;b&gt; &amp; &#x3c;",
        "\x1b]0;owned\x07\u202egnp.exe\x00",
        "<!--",
        "]]>",
        "javascript:alert(1)",
    ]
)


class Reader(HTMLParser):
    """What a browser would find: elements, their attributes, and all text together."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> ends another element"

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("there are no comments in a page")


def harmless(html: str) -> Reader:
    """Read a page, and hold it to what ours consists of."""
    read = Reader(html)
    assert read.open == [], "every element is ended"
    for tag, attributes in read.elements:
        assert tag in ELEMENTS.split(), tag
        assert attributes.keys() <= set(ATTRIBUTES.split()), attributes
        assert not any(str(value).lower().startswith(("javascript:", "data:", "http:", "https:", "//")) for value in attributes.values())
    return read


def hostile(events: list[Event], text: str) -> list[Event]:
    """The same story told by a host, a project and a person that mean harm: every text says `text`."""

    def spoilt(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {name: spoilt(inner, str(name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [spoilt(inner, key) for inner in value]
        kept = ("members", "lead", "decision", "state", "verdict")
        return f"{value} {text}" if isinstance(value, str) and key not in kept else value

    return [replace(event, data={name: spoilt(value, name) for name, value in event.data.items()}) for event in events]


def test_the_verdict_and_the_next_command_come_first() -> None:
    text = harmless(page(report(undone()))).text
    places = [
        text.index(words)
        for words in (
            "UNDONE 1.2 in production",
            "b: web.1 ended with 3; undone on every host",
            "Next: shipway deploy",
            "Deployment",
            "Timeline",
        )
    ]
    assert places == sorted(places)
    assert "ann@laptop" in text and "2" + "c" * 39 in text and "3.0 MB of files, 1.0 MB on the wire" in text
    assert "failed: web.1 ended with 3" in text and "importing\nno module shop\n" in text, "the step that failed, and what it said last"


def test_a_page_tells_what_changed_what_was_waited_for_and_what_tasks_said() -> None:
    change = {"key": "process.web.instances", "change": "changed", "before": "1", "after": "2", "hosts": ["a", "b"]}
    tell = Teller()
    tell(0.0, "began", **{**BEGAN, "changes": [change, {**change, "key": "env.TOKEN", "before": "", "after": ""}]})
    tell(0.1, "waiting", "a", what="the lease of bob (6-1) to run out", bound_seconds=9.0)
    tell(2.1, "leased", "a", fence=7, seconds=2.0)
    tell(3.0, "phase", name="prepare", wave="prepared")
    tell(3.0, "step", "a", key="task:install", title="run install", state="started")
    for number in range(30):
        tell(3.1, "output", "a", key="task:install", line=f"package {number}")
    tell.step("a", 3.0, 4.0, "task:install", "run install")
    told = report(tell.events)
    assert told["hosts"]["a"]["steps"][0]["last_output"] == [f"package {number}" for number in range(10, 30)]
    text = harmless(page(told)).text
    assert "process.web.instanceschanged12a, b" in text and "env.TOKENchanged––a, b" in text
    assert "athe lease of bob (6-1) to run out0.1 s2.0 s9.0 s" in text
    assert "package 29\n" in text and "package 9\n" not in text
    assert "waits for the lease of bob (6-1) to run out: 2.0 s from 0.1 s, at most 9.0 s" in text, "and in the picture"


def test_the_page_and_the_terminal_draw_the_same_spans() -> None:
    for events in (live(), undone()):
        told = report(events)
        spans = layout(told)
        html = page(told)
        bars = timeline(spans, 4000)
        for row, bar in zip(spans.rows, bars[1:], strict=False):
            drawn = {letter for letter in bar.split("  ", 1)[1] if letter != " "}
            assert drawn == {span.letter for span in row.spans} | {mark.letter for mark in row.marks}
        for span in [*spans.phases, *(span for row in spans.rows for span in row.spans)]:
            assert f'x="{span.began / spans.seconds * 100:.3f}%"' in html


def test_a_page_fetches_and_runs_nothing() -> None:
    html = page(report(live()))
    policies = [
        attributes["content"] for tag, attributes in harmless(html).elements if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
    assert f"<style>{style()}</style>" in html and "@import" not in html and not re.search(r"url\((?!#failed\))", html)


def test_a_picture_has_words_and_tables_are_tables() -> None:
    read = harmless(page(report(undone())))
    picture = next(attributes for tag, attributes in read.elements if tag == "svg" and attributes.get("role") == "img")
    ids = {attributes.get("id") for _, attributes in read.elements}
    assert set(str(picture["aria-labelledby"]).split()) <= ids
    assert (
        "Phases: ship 0.6 s" in read.text
        and "b: reverted, start web × 1 and wait for health failed: web.1 ended with 3 at 3.8 s" in read.text
    )
    tags = [tag for tag, _ in read.elements]
    assert tags.count("caption") == tags.count("table") == 3
    assert all(attributes.get("scope") == "col" for tag, attributes in read.elements if tag == "th")
    assert [int(tag[1]) for tag in tags if tag in ("h1", "h2")] == [1, 2, 2, 2, 2], "one heading, and one for each part"


@settings(max_examples=25)
@given(HOSTILE | st.text(max_size=30), st.sampled_from([live(), undone()]))
def test_no_text_of_a_host_or_a_person_is_taken_for_html(text: str, events: list[Event]) -> None:
    harmless(page(report(hostile(events, text))))


@settings(max_examples=40)
@given(st.lists(events_of))
def test_every_story_has_a_page(events: list[Event]) -> None:
    harmless(page(report(events)))


def test_an_attempt_that_was_refused_before_it_began_has_a_page_without_a_picture() -> None:
    refused = [
        Event("ended", 1.0, "try-1", "", {"verdict": "refused", "exit_code": 3, "message": "bob is deploying", "hint": "shipway attach"})
    ]
    read = harmless(page(report(refused)))
    assert "REFUSED attempt" in read.text and "Next: shipway attach" in read.text and "svg" not in [tag for tag, _ in read.elements]


SETS = ("light", "dark", "print")


@pytest.mark.parametrize("kind", SETS)
def test_text_can_be_read_on_every_colour(kind: str) -> None:
    """4.5 : 1 is what WCAG 2 asks of text; of the picture's letters on their boxes as well."""
    colours = palettes()[kind]
    for front in ("ink", "quiet", "good", "bad"):
        assert contrast(colours[front], colours["paper"]) >= 4.5, front
    for back in ("box", *"spatxvcufw"):
        assert contrast(colours["ink"], colours[back]) >= 4.5, back


def palettes() -> dict[str, dict[str, str]]:
    found = [dict(re.findall(r"--(\w+): (#\w{6});", block)) for block in re.findall(r":root \{([^}]*)\}", style())]
    assert len(found) == len(SETS) and len({frozenset(one) for one in found}) == 1, "each set has every colour"
    return dict(zip(SETS, found, strict=True))


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_nothing_scrolls_sideways_on_a_telephone_and_no_script_runs(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    with chromium(tmp_path) as browser:
        for text in ("<script>document.title='owned'</script>", "x" * 900):
            file.write_text(page(report(hostile(undone(), text))))
            for width in (360, 1280):
                browser.open(file, width)
                assert browser.value("innerWidth") == width
                assert browser.value("document.documentElement.scrollWidth") == width
                assert browser.value("document.title") != "owned"
        assert browser.value("getComputedStyle(document.body).margin") == "0px", "the policy lets our own style in"
        assert browser.value("document.querySelector('svg').getBoundingClientRect().width") > 800
