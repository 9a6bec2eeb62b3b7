"""What hosts keep of a generation: everything that makes it this one, and no value of its environment."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shipway.plan.documents import SAME, env_digests, env_document, generation_document, same_generation
from tests.plan.fleet import WEB, WHO, host, intent, release

HOST = host("a")
values = st.dictionaries(st.from_regex(r"[A-Z]{1,8}", fullmatch=True), st.text(min_size=6, max_size=20).map("canary {}".format), max_size=4)


def document(wanted_env: dict[str, str], deployment: str = "1-x") -> dict[str, object]:
    wanted = intent(("a",), env=wanted_env)
    return generation_document(wanted, release(1), HOST, number=1, deployment=deployment, kind="deploy", who=WHO, made=1.0)


@given(values)
def test_no_value_of_the_environment_is_in_the_document(env: dict[str, str]) -> None:
    text = json.dumps(document(env), ensure_ascii=False)
    assert not [value for value in env.values() if json.dumps(value, ensure_ascii=False) in text]


@given(values, values)
def test_the_environment_is_the_same_exactly_when_every_value_is(before: dict[str, str], after: dict[str, str]) -> None:
    wanted = intent(("a",), env=after)
    now = generation_document(wanted, release(1), HOST, number=2, deployment="2-y", kind="deploy", who="bob", made=9.0)
    assert same_generation(document(before), now, env_document(wanted, HOST)) == (before == after)


def test_one_value_has_another_digest_in_every_deployment_and_place() -> None:
    env = {"common": {"A": "v", "B": "v"}, "process": {"web": {"A": "v"}}, "task": {"A": {"A": "v"}}}
    digests = [*env_digests(env, "1-x").values(), *env_digests(env, "2-y").values()]
    assert len(set(digests)) == len(digests) == 8


def test_a_generation_is_another_one_when_any_of_its_keys_differs() -> None:
    wanted = intent(("a",))
    live, env = document({}), env_document(wanted, HOST)
    for key in SAME:
        assert not same_generation(live, {**live, key: "another"}, env), key
    assert same_generation(live, {**live, "number": 2, "made": 5.0, "who": "bob", "deployment": "9-z"}, env)


def test_values_of_the_environment_win_over_those_of_the_app() -> None:
    wanted = intent(("a",), app_env={"A": "app", "B": "app"}, env={"A": "here"}, processes=(replace(WEB, env={"A": "web"}),))
    assert env_document(wanted, HOST) == {"common": {"A": "here", "B": "app"}, "process": {"web": {"A": "web"}}, "task": {}}
