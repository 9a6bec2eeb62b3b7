"""Questions in, their answers out, in the same order: all are asked at once, each by a thread of its own."""

from __future__ import annotations

import threading

from shipway_agent.typed import Callable, List, Sequence, TypeVar

T = TypeVar("T")


def all_at_once(questions: Sequence[Callable[[], T]]) -> List[T]:
    """Every answer, as soon as the last one is there. Raises what the first of those raised that raised anything."""
    answers: List[T] = [None] * len(questions)  # type: ignore[list-item]  # each is set, or something is raised
    faults: List[BaseException] = []

    def ask(place: int) -> None:
        try:
            answers[place] = questions[place]()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=ask, args=(place,), name="at once") for place in range(1, len(questions))]
    for thread in threads:
        thread.start()
    if questions:
        ask(0)
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return answers
