"""A report in, a page for people out: one HTML file that needs nothing else, good on paper, on a telephone and read aloud.

It is made only from what the report says, and no script, font or picture is fetched: the policy in its head forbids it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from shipway.model.history import VERDICTS
from shipway.reports.between import between
from shipway.reports.clean import clean
from shipway.reports.drawing import drawing
from shipway.reports.few import fewer
from shipway.reports.layout import layout
from shipway.reports.markup import Markup, element, join
from shipway.reports.sizes import seconds, size
from shipway.reports.verdict import HEADS

Told = Mapping[str, Any]

DASH = "–"
PHASE_LENGTH = 12
"""A phase is one of a few short words; whatever else a host says it is must not widen the page."""

MOST_HOSTS = 200
"""Of more, those in trouble and the slowest are shown: a browser must open the page."""

OUTPUT_OF = ("task:", "undo:", "start")
"""Steps whose last lines of output are shown: those that run what the project wrote."""


def page(told: Told) -> str:
    """The page of a report, as reports/json.py makes it."""
    head = HEADS.get(told["verdict"], told["verdict"])
    told, others = fewer(told, MOST_HOSTS)
    body = element(
        "main",
        *_top(told, head),
        _facts(told),
        _section("Timeline", "timeline", drawing(layout(told))),
        _section("Times", "times", _times(told)),
        _section("Hosts", "hosts", join(_fleet(told), element("p", f"{others}; the report in JSON has them all.") if others else "")),
        _section("Configuration", "configuration", _changes(told)),
        _section("Waits", "waits", _waits(told)),
        _section("Notes", "notes", _list(_notes(told))),
        *(_host(number, name, host) for number, (name, host) in enumerate(told["hosts"].items())),
        element("footer", element("p", f"Made by shipway {told['shipway']} from the report of {told['deployment']}; times are UTC.")),
    )
    title = f"{head}: {_subject(told)} {DASH} {told['deployment']}"
    return f"<!doctype html>\n{element('html', _head(title), element('body', body), lang='en')}\n"


@cache
def style() -> Markup:
    """The style sheet, which stands in the page."""
    return Markup(Path(__file__).with_name("page.css").read_text(encoding="utf-8"))


def _head(title: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", style()),
    )


def _top(told: Told, head: str) -> list[Markup]:
    """The verdict and what to type next come first."""
    good = "good" if told["exit_code"] == 0 else "bad"
    parts = [
        element("h1", element("span", head, class_=f"verdict {good}"), " ", _subject(told)),
        element("p", told["message"] or VERDICTS.get(told["verdict"], ""), class_="message"),
    ]
    if told["hint"]:
        parts.append(element("p", "Next: ", element("code", told["hint"]), class_="next"))
    return parts


def _subject(told: Told) -> str:
    what = told.get("what") or told["release"]["version"] or told["kind"] or "attempt"
    return f"{what} in {told['environment']}" if told["environment"] else str(what)


def _facts(told: Told) -> Markup:
    release, generation, moved = told["release"], told["generation"], told["bytes_moved"]
    after = "unknown" if generation["after"] is None else str(generation["after"])
    before = "nothing" if generation["before"] is None else str(generation["before"])
    rows = [
        ("Deployment", f"{told['deployment']} ({told['kind'] or 'attempt'})"),
        ("Application", told["app"]),
        ("By", told["who"]),
        ("Began", _time(told["began"])),
        ("Took", seconds(told["seconds"])),
        ("Commit", release["commit"]),
        ("Release", release["digest"]),
        ("Generation", f"{before} → {after}" if release["digest"] else ""),
        ("Decision", told["decision"] or "none was recorded"),
        ("Exit code", DASH if told["exit_code"] is None else str(told["exit_code"])),
        ("First switch to last proof", _lasted(told["activation_seconds"])),
        ("Downtime measured", _lasted(told["downtime_seconds"])),
        ("Moved", f"{size(moved['content'])} of files, {size(moved['sent'])} on the wire{_passed_on(moved)}"),
        ("Left out", ", ".join(told["without"])),
    ]
    shown = [part for name, value in rows if value and value != DASH for part in (element("dt", name), element("dd", value))]
    return element("dl", *shown, class_="facts")


def _passed_on(moved: Told) -> str:
    return f", {size(moved['between_hosts'])} passed on between hosts" if moved["between_hosts"] else ""


def _fleet(told: Told) -> Markup:
    rows = [
        [
            name,
            host["decision"] or "undecided",
            _received(host["shipped"]) if host["shipped"] else DASH,
            _lasted(host["downtime_seconds"]),
            _trouble(host),
        ]
        for name, host in told["hosts"].items()
    ]
    return _table("Each host and what became of it", ("host", "decision", "received", "downtime", "trouble"), rows)


def _received(shipped: Told) -> str:
    came = between(shipped["peers"])
    return size(shipped["bytes"]) + (f" ({size(shipped['sent'])} from the operator, {came})" if came else "")


def _times(told: Told) -> Markup:
    expected = told.get("expected")
    if not expected:
        return Markup("")
    rows = [
        [clean(one["name"], most=PHASE_LENGTH), _lasted(one["expected_seconds"]), _lasted(one["seconds"])] for one in expected["phases"]
    ]
    rows.append(["all", _lasted(expected["expected_seconds"]), _lasted(expected["seconds"])])
    runs = f"the last {expected['runs']} of this kind took" if expected["runs"] > 1 else "the last one of this kind took"
    return _table(f"What each phase took, beside what {runs}", ("phase", "expected", "took"), rows)


def _trouble(host: Told) -> str:
    failed = [f"{step['title']}: {step['error']['message']}" for step in host["steps"] if step["error"]]
    said = [f"link lost: {host['lost']}" if host["lost"] else "", f"went back: {host['went_back']}" if host["went_back"] else ""]
    bad = [f"{probe['what']}: {probe['detail'] or 'no'}" for probe in host["probes"] if not probe["ok"]]
    return "; ".join([*failed, *(line for line in said if line), *bad]) or DASH


def _changes(told: Told) -> Markup:
    if told["changes"] is None:
        return Markup("")
    if not told["changes"]:
        return element("p", "Nothing in the configuration changed.")
    rows = [[one["key"], one["change"], one["before"] or DASH, one["after"] or DASH, ", ".join(one["hosts"])] for one in told["changes"]]
    return _table(
        "Keys of the configuration that changed; values of the environment are never shown",
        ("key", "change", "before", "after", "hosts"),
        rows,
    )


def _waits(told: Told) -> Markup:
    if not told["waits"]:
        return Markup("")
    rows = [
        [
            wait["host"] or "all",
            wait["what"],
            _at(wait["began_seconds"]),
            _lasted(None if wait["ended_seconds"] is None else wait["ended_seconds"] - wait["began_seconds"]),
            _lasted(wait["bound_seconds"]),
        ]
        for wait in told["waits"]
    ]
    return _table("What was waited for, and for how long at most", ("host", "for", "at", "took", "at most"), rows)


def _notes(told: Told) -> list[str]:
    settled = [f"{one['deployment']}, left open by another driver, is {one['decision']} now" for one in told["settled"]]
    drains = [
        f"{one['name']} of generation {one['generation']} on {one['host']} still finishes"
        + (f", at most {seconds(one['seconds_left'])} more" if one["seconds_left"] is not None else "")
        for one in told["draining"]
    ]
    return [*settled, *drains, *told["notes"]]


def _host(number: int, name: str, host: Told) -> Markup:
    """Every step of one host, what its tasks said last, and what was asked of what serves."""
    rows = [
        [
            _at(step["began_seconds"]),
            _lasted(step["seconds"]) if step["seconds"] is not None else "no ending",
            step["title"],
            clean(step["phase"], most=PHASE_LENGTH),
            f"{step['state']}: {step['error']['message']}" if step["error"] else "done before" if step["reused"] else step["state"],
        ]
        for step in host["steps"]
    ]
    parts = [
        _table(f"Steps of {name}", ("at", "took", "step", "phase", "ended"), rows, narrow=True)
        if rows
        else element("p", "It was asked for no step."),
        *(_output(step) for step in host["steps"] if _lines(step)),
    ]
    if host["probes"]:
        asked = [[p["what"], "good" if p["ok"] else "BAD", _lasted(p["seconds"]), p["detail"] or DASH] for p in host["probes"]]
        parts.append(_table(f"What {name} proved", ("asked", "answer", "took", "detail"), asked))
    return _section(name, f"host-{number}", join(*parts))


def _lines(step: Told) -> Sequence[str]:
    """The last lines of a step: of one that failed what the error says, else what it printed where it ran the project's own words."""
    error = step["error"]
    if error and error["lines"]:
        return list(error["lines"])
    return list(step["last_output"]) if error or step["key"].startswith(OUTPUT_OF) else []


def _output(step: Told) -> Markup:
    lines = [part for line in _lines(step) for part in (line, Markup("\n"))]
    return element("figure", element("figcaption", f"Last lines of {step['title']}"), element("pre", *lines))


def _section(title: str, id: str, content: Markup) -> Markup:
    """A part with its heading; nothing where there is nothing to say."""
    if not content:
        return content
    return element("section", element("h2", title, id=id), content, aria_labelledby=id)


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, narrow: bool = False) -> Markup:
    """A real table, and its roles are said: in a narrow window one that is not `narrow` becomes blocks whose cells name their column."""
    head = element("tr", *(element("th", name, scope="col", role="columnheader") for name in heads), role="row")
    body = [
        element("tr", *(element("td", cell, role="cell", data_column=name) for name, cell in zip(heads, row, strict=True)), role="row")
        for row in rows
    ]
    parts = (element("caption", caption), element("thead", head, role="rowgroup"), element("tbody", *body, role="rowgroup"))
    return element("table", *parts, role="table", class_="narrow" if narrow else None)


def _list(items: Sequence[str]) -> Markup:
    return element("ul", *(element("li", item) for item in items)) if items else Markup("")


def _lasted(value: float | None) -> str:
    return DASH if value is None else seconds(value)


def _at(value: float) -> str:
    return f"{value:.1f} s"


def _time(told: str) -> str:
    return told[:19].replace("T", " ") + " UTC"
