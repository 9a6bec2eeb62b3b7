"""Documents of generations in; out, which of them are alike, and which served before with other content. Pure.

A repair (a bare machine, a host behind, a file that was changed) makes a new number of what served already, and so does a rollback.
Whoever goes back wants the content that served before, not the same under an older number.
"""

from __future__ import annotations

from typing import Any, Collection, FrozenSet, Iterable, Mapping, Optional, Set

SAME_AS = "same_as"
"""Key of a document: numbers of generations with this very content, configuration and values of the environment included."""

SOURCE = "source"
"""Key of a rollback's document: the generation that it is a copy of."""


def alike(documents: Mapping[int, Mapping[str, Any]], numbers: Iterable[int]) -> FrozenSet[int]:
    """These generations and all that are known to have their content."""
    found: Set[int] = set(numbers)
    links = [_linked(number, document) for number, document in documents.items()]
    while True:
        more = {number for link in links if link & found for number in link} - found
        if not more:
            return frozenset(found)
        found |= more


def previous(documents: Mapping[int, Mapping[str, Any]], good: Collection[int], current: Optional[int]) -> Optional[int]:
    """The newest committed generation (`good`) before `current` with other content; None where there is none among `documents`."""
    if current is None:
        return None
    same = alike(documents, (current,))
    return max((number for number in good if number < current and number in documents and number not in same), default=None)


def _linked(number: int, document: Mapping[str, Any]) -> Set[int]:
    source = document.get(SOURCE)
    return {number, *document.get(SAME_AS, ()), *(() if source is None else (source,))}
