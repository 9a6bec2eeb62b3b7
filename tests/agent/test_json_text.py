"""It is `json`, for all that agents say and hear."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import json_text

SOURCES = Path(json_text.__file__).parents[1]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(values, st.sampled_from([" ", "\n\t", ""]))
def test_there_and_back(value: object, around: str) -> None:
    assert json_text.dumps(value) == json.dumps(value)
    assert json_text.dumps(value, sort_keys=True, separators=(",", ":")) == json.dumps(value, sort_keys=True, separators=(",", ":"))
    assert json_text.dumps(value, indent=1) == json.dumps(value, indent=1)
    assert json_text.compact(value) == json.dumps(value, separators=(",", ":"))
    text = around + json.dumps(value, ensure_ascii=False) + around
    assert json_text.loads(text) == json.loads(text)
    assert json_text.loads(text.encode("utf-8", "surrogatepass")) == value


BAD = ["", " ", "[", "[1,]", "{1: 2}", "nul", "[1] 2", '"\x01"', "\x0b1", b"\xff", "'a'"]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        json_text.loads(text)


def test_it_is_refused_too_where_json_itself_was_never_loaded() -> None:
    """As in an agent: to say what is wrong, some versions of Python look for json.decoder, which is not there."""
    program = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n"
        "from shipway_agent import json_text\n"
        f"for text in {BAD!r}:\n"
        "    try: json_text.loads(text)\n"
        "    except ValueError: continue\n"
        "    sys.exit(f'{text!r} passed')\n"
        "assert 'json' not in sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=30)


def test_what_json_has_not_cannot_be_written() -> None:
    for value in (object(), {1, 2}, [b"bytes"]):
        with pytest.raises(TypeError):
            json_text.dumps(value)
        with pytest.raises(TypeError):
            json_text.compact(value)
    with pytest.raises(ValueError, match="JSON"):
        json_text.dumps(float("nan"), allow_nan=False)
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        json_text.dumps(circle)


def test_it_is_loaded_only_where_its_library_is_another(tmp_path: Path) -> None:
    (tmp_path / "_json.py").write_text("")
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from shipway_agent import json_text as j\n"
        "text = j.dumps({'a': [1.5, None]}, sort_keys=True)\n"
        "print(text, j.loads(text), j.compact([1, 2]), 'json' in sys.modules)"
    )
    for path, loaded in ((str(SOURCES), False), (str(tmp_path), True)):
        argv = [sys.executable, "-I", "-S", "-c", program, *([path] if loaded else []), str(SOURCES)]
        said = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
        assert said == f"{{\"a\": [1.5, null]}} {{'a': [1.5, None]}} [1,2] {loaded}"
