"""A value in, its JSON out, and back: what `json` does by default, without the regular expressions that it loads for other uses.

They are an eighth of what a session needs before it can answer. Below `json` as well a library in C does the work; where it is not what
it was in Python 3.9 to 3.13, `json` itself is asked.
"""

from __future__ import annotations

from shipway_agent.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from json import dumps, loads

    def compact(value: Any) -> str:
        """The shortest text of a value that has no circles, made faster than by `dumps` for whoever has thousands."""
        ...

    __all__ = ["compact", "dumps", "loads"]
else:
    WHITE = " \t\n\r"

    def dumps(value, *, sort_keys=False, separators=(", ", ": "), indent=None, ensure_ascii=True, allow_nan=True):
        """The text of a value. Raises TypeError for what JSON has not, ValueError for a number that is none where `allow_nan` is false."""
        encoder = None if indent is not None or not ensure_ascii else _encoder(sort_keys, separators, allow_nan, {})
        if encoder is None:
            import json

            options = {"sort_keys": sort_keys, "separators": separators if indent is None else None, "indent": indent}
            return json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=allow_nan, **options)
        return "".join(encoder(value, 0))

    def compact(value):
        """The shortest text of a value that has no circles, made faster than by `dumps` for whoever has thousands."""
        return "".join(_COMPACT(value, 0)) if _COMPACT is not None else dumps(value, separators=(",", ":"))

    def loads(text, *, parse_constant=None):
        """The value of a text. Raises ValueError for what is no JSON, and RecursionError for what is nested too deep."""
        text = text if isinstance(text, str) else bytes(text).decode("utf-8", "surrogatepass")
        scan = _SCAN if parse_constant is None else _scanner(parse_constant)
        if scan is None:
            import json

            return json.loads(text, parse_constant=parse_constant)
        begin = len(text) - len(text.lstrip(WHITE))
        try:
            value, end = scan(text, begin)
        except StopIteration as at:
            raise ValueError(f"no JSON at character {at.value}") from None
        except SystemError:  # Python 3.10 and 3.11 look for json.decoder to say so, and it is not loaded
            raise ValueError("no JSON") from None
        if text[end:].strip(WHITE):
            raise ValueError(f"more than one JSON value: another at character {end}")
        return value

    class _Context:
        """What the scanner asks how to make of what it finds."""

        strict, object_hook, object_pairs_hook, parse_float, parse_int = True, None, None, float, int

        def __init__(self, parse_constant):
            numbers = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
            self.parse_constant = parse_constant or numbers.__getitem__
            self.memo = {}

    try:
        from _json import encode_basestring_ascii, make_encoder, make_scanner
    except ImportError:
        make_encoder = make_scanner = encode_basestring_ascii = None

    def _scanner(parse_constant):
        try:
            return make_scanner(_Context(parse_constant))
        except (TypeError, AttributeError):
            return None

    def _encoder(sort_keys, separators, allow_nan, seen=None):
        try:
            # What was seen on the way down (for circles), and who makes something of what is not of JSON.
            return make_encoder(seen, _none, encode_basestring_ascii, None, separators[1], separators[0], sort_keys, False, allow_nan)
        except TypeError:
            return None

    def _none(value):
        raise TypeError(f"{type(value).__name__} has no form in JSON")

    _COMPACT = _encoder(False, (",", ":"), True)
    _SCAN = _scanner(None)
