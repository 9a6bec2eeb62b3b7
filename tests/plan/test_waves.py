"""Waves: everything at once, and a `once` task alone on one host while all others wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shipway.model.intent import Host, Task
from shipway.model.plan import Step, Wave
from shipway.plan.runtimes.process import fits
from shipway.plan.waves import runners, waves
from tests.plan.fleet import host

ROLES = ("web", "jobs", "db")

hosts_of = st.lists(st.sets(st.sampled_from(ROLES)), min_size=1, max_size=5).map(
    lambda roles: [host(name, sorted(own)) for name, own in zip("edcba", roles, strict=False)]
)
tasks_of = st.lists(st.tuples(st.sets(st.sampled_from(ROLES)), st.booleans()), max_size=7).map(
    lambda made: [Task(f"t{i}", "run", roles=tuple(sorted(roles)), once=once) for i, (roles, once) in enumerate(made)]
)


def made(hosts: list[Host], tasks: list[Task]) -> tuple[Wave, ...]:
    last = {h.name: (Step("vote", "member"),) for h in hosts}
    return waves("prepare", "prepared", hosts, tasks, lambda task: Step(task.name, "task.run"), last=last)


@given(hosts_of, tasks_of)
def test_a_once_task_runs_on_exactly_one_host_of_the_fleet(hosts: list[Host], tasks: list[Task]) -> None:
    ran = [(h, step.key) for wave in made(hosts, tasks) for h, todo in wave.steps.items() for step in todo]
    for task in tasks:
        names = sorted(h.name for h in hosts if fits(task.roles, h))
        expected = names[:1] if task.once else names
        assert sorted(h for h, key in ran if key == task.name) == expected
        assert runners(task, hosts) == tuple(expected)


@given(hosts_of, tasks_of)
def test_every_host_waits_for_a_once_task_and_keeps_the_order_of_the_file(hosts: list[Host], tasks: list[Task]) -> None:
    numbered = [(i, h, todo) for i, wave in enumerate(made(hosts, tasks)) for h, todo in wave.steps.items()]
    at = {(h, step.key): (i, j) for i, h, todo in numbered for j, step in enumerate(todo)}
    for before, after in ((a, b) for i, a in enumerate(tasks) for b in tasks[i + 1 :]):
        for h in (h.name for h in hosts):
            if (h, before.name) in at and (h, after.name) in at:
                assert at[h, before.name] < at[h, after.name]
        waves_before = [place[0] for (_, key), place in at.items() if key == before.name]
        waves_after = [place[0] for (_, key), place in at.items() if key == after.name]
        if (before.once or after.once) and waves_before and waves_after:
            assert max(waves_before) < min(waves_after), "a barrier stands on both sides of a once task"


@given(hosts_of, tasks_of)
def test_the_last_steps_stand_on_every_host_behind_all_tasks(hosts: list[Host], tasks: list[Task]) -> None:
    found = made(hosts, tasks)
    assert found[-1].name == "prepared" and set(found[-1].steps) == {h.name for h in hosts}
    assert all(todo[-1].key == "vote" for todo in found[-1].steps.values())
    assert all(wave.steps and all(wave.steps.values()) for wave in found), "no empty wave, no host without work in one"
    assert len({wave.name for wave in found}) == len(found), "barriers have names of their own"


def test_a_phase_without_work_has_no_wave() -> None:
    assert waves("activate", "activated", [host("a")], [], lambda task: Step(task.name, "task.run")) == ()
