"""What a program or another machine wrote in, text that is safe to show and to store out: no escape sequence, no control character."""

from __future__ import annotations

from functools import lru_cache

from shipway_agent.typed import TYPE_CHECKING, Any, List, Tuple

if TYPE_CHECKING:
    import re

MAX_LINE = 4096
"""Characters of one line that are kept."""

MOST_BYTES = 16 * MAX_LINE
"""Bytes of one line that are looked at: colours and characters of four bytes leave room for MAX_LINE of text."""

# Whatever stops the body of a string ends it, so that nothing is read twice: rubbish of 16 MB must cost no more than its length.
_SEQUENCE = (
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c|(?=\x1b)|$)"  # OSC and other strings, also when cut off
    "|\x1b[ -/]*[0-~]?"  # any other escape
)
# Controls, the marks that reorder text, and line separators other than the newline.
_CONTROL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
_LONE = "[\ud800-\udfff]"
_ESCAPES = (b"\\u", b"\\b", b"\\f", b"\\r")  # how JSON writes all that may have to go, but for DEL


def clean(text: str) -> str:
    """Text without escape sequences, control characters and lone surrogates; tabs and newlines stay."""
    if text.isascii() and text.isprintable():
        return text
    sequence, control, lone = _patterns()
    return lone.sub(_lone, control.sub("", sequence.sub("", text)))


def line_of(raw: bytes) -> str:
    """One line of a program's output, as a terminal would leave it: what stands behind the last carriage return, at most MAX_LINE long."""
    raw = raw.rstrip(b"\r\n")
    raw = raw[raw.rfind(b"\r") + 1 :][:MOST_BYTES]
    text = clean(raw.decode("utf-8", "replace")).replace("\n", " ").expandtabs(8).rstrip()
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def last_lines(raw: bytes, count: int) -> List[str]:
    """The last lines of a program's output that say something."""
    lines: List[str] = []
    for part in reversed(raw.split(b"\n")):
        if len(lines) >= count:
            break
        line = line_of(part)
        if line:
            lines.append(line)
    return lines[::-1]


def clean_json(value: Any) -> Any:
    """A JSON value with every text in it cleaned, the names of its objects too."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_json(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean_json(item) for key, item in value.items()}
    return value


def is_plain(json: bytes) -> bool:
    """Whether nothing in any text of this JSON can be cleaned away: found in the JSON itself, a tenth of what each text would take."""
    return json.isascii() and b"\x7f" not in json and (b"\\" not in json or not any(escape in json for escape in _ESCAPES))


@lru_cache(maxsize=1)
def _patterns() -> Tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    import re  # 5 ms; most of what a session says is plain

    return re.compile(_SEQUENCE), re.compile(_CONTROL), re.compile(_LONE)


def _lone(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "\ufffd"
