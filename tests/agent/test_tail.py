"""The logs of what serves, or of one generation: their last lines, and then each line as soon as it is whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import logs
from shipway_agent.call import Call, Place
from shipway_agent.tail import tail
from tests.agent.workshop import Workshop, workshop

ESCAPES = "\x1b[31mred\x1b[0m\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "root") as one:
        (one.home / "logs").mkdir(exist_ok=True)
        os.symlink("generations/000002", one.home / "current")
        write(one, "web.1.000002", "one\ntwo\n")
        write(one, "web.2.000002", ESCAPES)
        write(one, "mail.1.000002", "sent\n")
        write(one, "web.1.000001", "of an earlier generation\n")
        write(one, "supervisor", "up\n")
        yield one


def write(shop: Workshop, log: str, text: str) -> None:
    with (shop.home / "logs" / f"{log}.log").open("a") as file:
        file.write(text)


def ask(shop: Workshop, **args: Any) -> dict[str, Any]:
    place = Place(shop.root, str(shop.home / "proxy"), "a", "agent")
    with Call(place, args, (), lambda event: None, shop.ended) as call:
        return tail(call)


def told(answer: dict[str, Any]) -> dict[str, list[str]]:
    return {f"{log['process']}.{log['instance']}": log["lines"] for log in answer["logs"]}


def since(answer: dict[str, Any]) -> dict[str, int]:
    return {log["log"]: log["at"] for log in answer["logs"]}


def test_what_serves_is_told_process_by_process_without_what_a_terminal_would_obey(shop: Workshop) -> None:
    answer = ask(shop)
    assert told(answer) == {"mail.1": ["sent"], "web.1": ["one", "two"], "web.2": ["red"]}
    assert answer["generation"] == 2
    assert answer["known"] == ["mail", "supervisor", "web"]


def test_a_periodic_job_has_one_log_whichever_generation_it_ran_in(shop: Workshop) -> None:
    write(shop, "job.nightly", "begins\nended\n")
    answer = ask(shop, processes=["nightly"])
    assert [(log["log"], log["process"], log["lines"]) for log in answer["logs"]] == [("job.nightly.log", "nightly", ["begins", "ended"])]
    assert "nightly" in answer["known"]


def test_some_processes_some_lines_another_generation(shop: Workshop) -> None:
    assert told(ask(shop, processes=["web"], lines=1)) == {"web.1": ["two"], "web.2": ["red"]}
    assert told(ask(shop, processes=["web"], lines=0)) == {"web.1": [], "web.2": []}
    assert told(ask(shop, generation=1)) == {"web.1": ["of an earlier generation"]}
    assert told(ask(shop, processes=["supervisor"])) == {"supervisor.None": ["up"]}
    assert told(ask(shop, processes=["../../etc/passwd"])) == {}


def test_a_host_that_serves_nothing_has_nothing_to_tell(shop: Workshop) -> None:
    os.unlink(shop.home / "current")
    answer = ask(shop)
    assert (answer["generation"], answer["logs"]) == (None, [])


def test_lines_come_when_they_are_whole_and_each_of_them_once(shop: Workshop) -> None:
    write(shop, "web.1.000002", "thr")
    first = ask(shop, processes=["web"], follow=True)
    assert told(first)["web.1"] == ["one", "two"]
    at = since(first)
    assert told(ask(shop, processes=["web"], since=at)) == {}
    write(shop, "web.1.000002", "ee\nfour\nfi")
    second = ask(shop, processes=["web"], since=at)
    assert told(second) == {"web.1": ["three", "four"]}
    at |= since(second)
    write(shop, "web.1.000002", "ve\n")
    assert told(ask(shop, processes=["web"], since=at)) == {"web.1": ["five"]}


def test_what_is_not_followed_ends_with_what_is_not_a_whole_line_yet(shop: Workshop) -> None:
    write(shop, "mail.1.000002", "and on its w")
    assert told(ask(shop, processes=["mail"])) == {"mail.1": ["sent", "and on its w"]}


def test_a_line_without_an_end_is_told_once_it_is_longer_than_a_line_may_be(shop: Workshop) -> None:
    at = since(ask(shop, processes=["mail"], follow=True))
    write(shop, "mail.1.000002", "x" * 5000)
    answer = ask(shop, processes=["mail"], since=at)
    assert [len(line) for line in told(answer)["mail.1"]] == [4096]
    assert told(ask(shop, processes=["mail"], since=since(answer))) == {}


def test_a_question_is_answered_as_soon_as_a_line_is_there(shop: Workshop) -> None:
    at = since(ask(shop, follow=True))
    answers: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(shop, since=at, wait_seconds=2.0)))
    waiting.start()
    write(shop, "mail.1.000002", "news\n")
    waiting.join(30)
    if not answers[0]["logs"]:  # a slow machine may have written after the 2 s
        answers = [ask(shop, since=at, wait_seconds=2.0)]
    assert told(answers[0]) == {"mail.1": ["news"]}


def test_a_new_generation_is_followed_from_its_first_line(shop: Workshop) -> None:
    at = since(ask(shop, follow=True))
    write(shop, "web.1.000003", "hello\n")
    assert told(ask(shop, since=at)) == {}
    os.unlink(shop.home / "current")
    os.symlink("generations/000003", shop.home / "current")
    assert told(ask(shop, since=at)) == {"web.1": ["hello"]}


def test_a_log_that_was_rotated_is_read_from_its_beginning_and_says_so(shop: Workshop) -> None:
    at = since(ask(shop, processes=["mail"], follow=True))
    with shop.root.at(logs.FOLDER) as folder:
        logs.rotate(folder, most_bytes=1)
    write(shop, "mail.1.000002", "a\n")
    answer = ask(shop, processes=["mail"], since=at)
    assert told(answer) == {"mail.1": ["a"]}
    assert answer["logs"][0]["left_out"] is True


def test_of_a_flood_the_newest_lines_are_told_and_the_rest_is_said_to_be_left_out(shop: Workshop) -> None:
    at = since(ask(shop, processes=["mail"], follow=True))
    write(shop, "mail.1.000002", "".join(f"{number}\n" for number in range(100_000)))
    answer = ask(shop, processes=["mail"], since=at)
    assert told(answer)["mail.1"][-1] == "99999"
    assert len(told(answer)["mail.1"]) < 100_000
    assert answer["logs"][0]["left_out"] is True
    assert told(ask(shop, processes=["mail"], since=since(answer))) == {}
