"""A tree as one blob: the same bytes everywhere, and nothing hostile gets past the reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import manifest
from shipway_agent.errors import AgentError
from shipway_agent.manifest import EXECUTABLE, FILE, LINK, OUTPUT, SHARED, Entry, digest, digest_of, read, write

EMPTY = digest(b"")
SIZED = digest(b"abc")


def line(kind: str = FILE, path: str = "a", name: str = SIZED, size: Any = 3, target: str = "") -> bytes:
    return json.dumps([kind, path, name, size, target], separators=(",", ":")).encode() + b"\n"


def faults(data: bytes, code: str = "manifest") -> list[str]:
    with pytest.raises(AgentError) as caught:
        read(data)
    assert caught.value.code == code
    return list(caught.value.lines)


def test_a_manifest_is_one_line_an_entry_sorted_by_the_bytes_of_the_path() -> None:
    entries = [
        Entry(LINK, b"now", target=b"bin/run"),
        Entry(EXECUTABLE, b"bin/run", SIZED, 3),
        Entry(SHARED, b"media"),
        Entry(FILE, "käse\n".encode("latin-1"), EMPTY, 0),
        Entry(OUTPUT, b"public/build"),
    ]
    assert write(entries).decode().splitlines() == [
        f'["executable","bin/run","{SIZED}",3,""]',
        f'["file","k\\u00e4se\\n","{EMPTY}",0,""]',
        '["shared","media","",0,""]',
        '["link","now","",0,"bin/run"]',
        '["output","public/build","",0,""]',
    ]
    assert write(reversed(entries)) == write(entries)


def test_a_path_that_looks_like_the_end_of_a_row_is_a_path() -> None:
    entries = (Entry(FILE, b'a],["b', SIZED, 3), Entry(FILE, b"c", SIZED, 3))
    assert read(write(entries)) == entries


@dataclass(frozen=True)
class Text:
    """An entry as the operator has it: paths are text with surrogateescape."""

    kind: str
    path: str
    digest: str = ""
    size: int = 0
    target: str = ""


def test_both_ends_write_the_same_bytes() -> None:
    assert write([Text(LINK, "caf\udce9", target="\udcff")]) == write([Entry(LINK, b"caf\xe9", target=b"\xff")])


def test_a_digest_is_the_one_of_every_blob() -> None:
    assert digest(b"abc") == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"
    assert digest_of(SIZED) == SIZED
    for wrong in ("", "abc", SIZED.upper(), "../" + SIZED[3:], SIZED + "\n", None, 7):
        with pytest.raises(AgentError, match="not a digest"):
            digest_of(wrong)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/etc/passwd", "not a plain path below the tree"),
        ("..", "not a plain path below the tree"),
        ("a/../../b", "not a plain path below the tree"),
        ("a//b", "not a plain path below the tree"),
        ("./a", "not a plain path below the tree"),
        ("a/", "not a plain path below the tree"),
        ("a\0b", "NUL"),
        ("", "0 bytes"),
        ("x" * 256, "name of 256 bytes"),
        ("d/" * 2001 + "x", "4003 bytes"),
        ("\u0100", "latin-1"),
    ],
)
def test_a_hostile_path_is_refused(path: str, says: str) -> None:
    (fault,) = faults(line(path=path))
    assert says in fault


def test_nothing_can_be_written_through_a_link() -> None:
    data = line(LINK, "door", "", 0, "/etc") + line(path="door/passwd")
    assert faults(data) == ["'door/passwd' lies below 'door', which is a link"]
    deep = line(LINK, "a/b", "", 0, "..") + line(path="a/b/c/d/e")
    assert faults(deep) == ["'a/b/c/d/e' lies below 'a/b', which is a link"]


def test_a_file_cannot_be_a_directory_and_no_path_is_there_twice() -> None:
    assert faults(line(path="a") + line(path="a/b")) == ["'a/b' lies below 'a', which is a file"]
    assert faults(line(path="a") + line(path="a", name=EMPTY, size=0)) == ["'a' is there twice"]


def test_a_release_cannot_bring_content_below_a_path_that_is_shared() -> None:
    data = write([Entry(SHARED, b"media"), Entry(FILE, b"media/logo.png", EMPTY)])
    assert faults(data, "shadowed") == ["'media/logo.png' lies below 'media', which is shared"]


def test_names_that_differ_only_in_case_or_in_normal_form_are_different_names() -> None:
    names = [b"A", b"a", "\u00e9".encode(), "e\u0301".encode()]
    assert [entry.path for entry in read(write([Entry(FILE, name, EMPTY) for name in names]))] == sorted(names)


def test_all_faults_are_told_at_once_and_many_are_counted() -> None:
    several = line(path="..") + line(path="b", size=-1) + line(kind="socket", path="c") + b"no json\n"
    assert len(faults(several)) == 4
    many = b"".join(line(path=f"/{number}") for number in range(100))
    assert len(faults(many)) == manifest.TOLD + 1 and faults(many)[-1] == "and 80 more"


@pytest.mark.parametrize(
    "data",
    [
        line() + line(path="0"),  # not sorted
        line().replace(b",", b", ", 1),  # another spelling of the same
        line()[:-1],  # the last line is cut off
        line() + b"\n",
        line().replace(b'"a"', b'"\\u0061"'),
    ],
)
def test_there_is_one_form_only(data: bytes) -> None:
    assert len(faults(data)) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"path": "a"},
        [],
        [FILE, "a", SIZED, 3],
        [FILE, "a", SIZED, 3.0, ""],
        [FILE, "a", SIZED, True, ""],
        [FILE, "a", "", 3, ""],
        [FILE, "a", SIZED, 3, "b"],
        [FILE, "a", SIZED, 3, None],
        [FILE, "a", SIZED, 3, False],
        [FILE, "a", SIZED, 3, []],
        [FILE, 7, SIZED, 3, ""],
        [LINK, "a", SIZED, 0, "b"],
        [LINK, "a", "", 0, ""],
        [LINK, "a", "", 0, "b\0"],
        [SHARED, "a", "", 0, "/etc"],
        [OUTPUT, "a", "", 5, ""],
    ],
    ids=repr,
)
def test_a_row_that_makes_no_sense_is_refused(row: object) -> None:
    assert len(faults(json.dumps(row, separators=(",", ":")).encode() + b"\n")) == 1


def test_rows_that_are_cut_where_no_line_ends_are_refused() -> None:
    one, other = write([Entry(FILE, b"a", digest(b"")), Entry(FILE, b"b", digest(b""))]).splitlines()
    for data in (
        one + b"," + other + b"\n",
        one[:10] + b"\n" + one[10:] + b"," + other + b"\n",
        one + b"\n" + other,
        one + b"\n\n" + other + b"\n",
    ):
        assert faults(data), data


def test_nesting_beyond_all_bounds_is_a_fault_like_others() -> None:
    assert len(faults(b"[" * 100_000 + b"\n")) == 1


def test_an_empty_tree_is_a_tree() -> None:
    assert write([]) == b"" and read(b"") == ()


parts = st.binary(min_size=1, max_size=12).filter(lambda part: b"/" not in part and b"\0" not in part and part not in (b".", b".."))
paths = st.lists(parts, min_size=1, max_size=4).map(b"/".join)
digests = st.binary(max_size=4).map(digest)
targets = st.binary(min_size=1, max_size=20).filter(lambda target: b"\0" not in target)


def _file(kind: str, path: bytes, digest: str, size: int) -> Entry:
    return Entry(kind, path, digest, size)


def _link(path: bytes, target: bytes) -> Entry:
    return Entry(LINK, path, target=target)


def _made_by_the_host(kind: str, path: bytes) -> Entry:
    return Entry(kind, path)


entries = st.one_of(
    st.builds(_file, st.sampled_from([FILE, EXECUTABLE]), paths, digests, st.integers(0, 2**40)),
    st.builds(_link, paths, targets),
    st.builds(_made_by_the_host, st.sampled_from([SHARED, OUTPUT]), paths),
)
"""Through functions of our own: of a tuple with names, hypothesis would choose what has a default as well."""


@given(st.lists(entries, max_size=8))
def test_what_is_written_is_read_or_refused_for_a_clash(some: list[Entry]) -> None:
    data = write(some)
    every = [entry.path for entry in some]
    clash = len(set(every)) < len(every) or any(path.startswith(other + b"/") for path in every for other in every)
    if clash:
        with pytest.raises(AgentError):
            read(data)
    else:
        assert list(read(data)) == sorted(some, key=lambda entry: entry.path)
        assert write(read(data)) == data
        assert manifest.read_again(data) == read(data)


@given(st.binary(max_size=200))
def test_whatever_bytes_arrive_the_reader_answers_or_refuses(data: bytes) -> None:
    try:
        assert write(read(data)) == data
    except AgentError as error:
        assert error.code in ("manifest", "shadowed") and error.lines


ROWS = st.dictionaries(st.sampled_from([b"a", b"b", b"c/d", b"c/\xff", b"z"]), st.integers(0, 3))


@given(ROWS, ROWS)
def test_a_manifest_is_what_its_changes_make_of_another(before: dict[bytes, int], after: dict[bytes, int]) -> None:
    old, new = ([Entry(FILE, path, SIZED, size) for path, size in rows.items()] for rows in (before, after))
    put, removed = manifest.change(write(old), write(new))
    assert manifest.changed(write(old), json.loads(json.dumps(put)), removed) == write(new)
    same = {path for path, size in before.items() if after.get(path) == size}
    assert len(put) == len(after) - len(same), "what stays as it is is not told"
    assert manifest.read_changed(write(new), put) == read(write(new))


@given(st.lists(entries, max_size=8), st.lists(entries, max_size=4))
def test_whatever_is_put_into_a_good_manifest_is_read_or_refused_like_any_other(some: list[Entry], more: list[Entry]) -> None:
    """Also a path above or below another, which nobody may be led through."""
    base = list({entry.path: entry for entry in some}.values())
    base = [entry for entry in base if not any(other.path.startswith(entry.path + b"/") for other in base)]
    put = json.loads(b"[" + b",".join(write(more).split(b"\n")[:-1]) + b"]")
    data = manifest.changed(write(base), put, [])
    try:
        wanted = read(data)
    except AgentError as refused:
        with pytest.raises(AgentError) as caught:
            manifest.read_changed(data, put)
        assert caught.value.code == refused.code and caught.value.lines == refused.lines
    else:
        assert manifest.read_changed(data, put) == wanted


@pytest.mark.parametrize(
    "row", [["file", "../x", SIZED, 3, ""], ["file", "b", "no digest", 3, ""], ["file", "b", SIZED, True, ""], ["pipe", "b", "", 0, ""]]
)
def test_a_row_that_makes_no_sense_is_refused_in_a_good_manifest_too(row: list[object]) -> None:
    data = manifest.changed(line(), [row], [])
    with pytest.raises(AgentError):
        manifest.read_changed(data, [row])


@pytest.mark.parametrize("put", [None, [None], [[]], [["file", 3]], [{}], [["file", ["a"]]], [["file", "\u20ac", "", 0, ""]]])
def test_what_is_no_change_of_a_manifest_is_refused(put: Any) -> None:
    with pytest.raises(AgentError) as caught:
        manifest.changed(line(), put, [])
    assert caught.value.code == "manifest"


def test_contents_are_each_there_once_in_the_order_of_the_paths() -> None:
    entries = [Entry(FILE, b"b", SIZED, 3), Entry(FILE, b"c", SIZED, 3), Entry(EXECUTABLE, b"d", SIZED, 3), Entry(LINK, b"e", target=b"b")]
    assert manifest.contents([Entry(FILE, b"a", EMPTY, 0), *entries]) == [(EMPTY, False, 0), (SIZED, False, 3), (SIZED, True, 3)]
