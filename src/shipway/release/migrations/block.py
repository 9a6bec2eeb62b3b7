"""A DO block in; out, the text that it runs, and each of its statements without the conditions and loops around it."""

from __future__ import annotations

from shipway.release.migrations.tokens import Statement, Token

_BEHIND = {
    **dict.fromkeys(("IF", "ELSIF", "ELSEIF", "CASE", "WHEN", "EXCEPTION"), "THEN"),
    **dict.fromkeys(("FOR", "FOREACH", "WHILE"), "LOOP"),
    "<": ">",
}
"""A statement is behind the second of these where it begins with the first."""

_PASSED = frozenset({"BEGIN", "ELSE", "LOOP", ">"})


def body_of(statement: Statement) -> str | None:
    """The text of the block; None for one in another language than PostgreSQL's own."""
    words = [token.word or token.text.strip("'\"").upper() for token in statement]
    if "LANGUAGE" in words and words[words.index("LANGUAGE") + 1 :][:1] not in (["PLPGSQL"], ["SQL"]):
        return None
    texts = [token for token in statement if token.kind == "text" and token.text.strip("'").upper() not in ("PLPGSQL", "SQL")]
    return plain(texts[0]) if len(texts) == 1 else None


def plain(token: Token) -> str:
    """What a string of SQL holds."""
    text = token.text
    if text.startswith("$"):
        mark = text[: text.index("$", 1) + 1]
        return text[len(mark) : -len(mark)]
    return text[text.index("'") + 1 : -1].replace("''", "'")


def inner(statement: Statement) -> Statement:
    """What is done where it is reached: `IF … THEN DROP TABLE a` drops."""
    while statement:
        first = statement[0].word or statement[0].text
        if first in _PASSED:
            statement = statement[1:]
        elif first in _BEHIND:
            end = next((number for number, token in enumerate(statement) if (token.word or token.text) == _BEHIND[first]), len(statement))
            statement = statement[end + 1 :]
        else:
            break
    return statement
