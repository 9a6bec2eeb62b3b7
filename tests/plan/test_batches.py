"""Which hosts go when: whatever the fleet, every host in exactly one batch, the lead in the last, and never more asked than can be had."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shipway.plan.batches import batches, once_more
from shipway.plan.documents import generation_document
from tests.plan.fleet import facts, intent, release, serving

NAMES = ("a", "b", "c", "d", "e")


@given(st.data())
def test_every_host_goes_once_the_lead_last_and_a_floor_is_never_more_than_the_others(data: st.DataObject) -> None:
    names = NAMES[: data.draw(st.integers(1, 5))]
    serve = sorted(data.draw(st.sets(st.sampled_from(names))))
    size, floor = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 5))
    wanted = intent(names)
    wanted = replace(wanted, environment=replace(wanted.environment, strategy="rolling", batch_hosts=size, floor_hosts=floor))
    heard = facts(serving(wanted, [release(1)], only=serve))
    documents = {
        host.name: generation_document(wanted, release(2), host, number=2, deployment="2-new", kind="deploy", who="ann", made=0.0)
        for host in wanted.environment.hosts
    }
    found = batches(wanted, documents, heard)
    order = [name for batch in found for name in batch.hosts]
    assert sorted(order) == list(names) and order[-1] == "a"
    assert [name for name in order if name != "a"] == sorted(set(names) - {"a"}, key=lambda name: (name in serve, name))
    assert {len(batch.hosts) for batch in found[:-1]} <= {size}
    for number, batch in enumerate(found):
        switched = {name for earlier in found[:number] for name in earlier.hosts}
        takes_away = bool(set(batch.hosts) & set(serve))
        assert batch.floor == (min(floor, len(names) - len(batch.hosts)) if takes_away else 0)
        assert not set(batch.looks) & set(batch.hosts) and switched <= set(batch.looks), "what has switched is always looked at"
        assert set(batch.looks) - switched == (set(serve) - switched - set(batch.hosts) if batch.floor else set())
        assert {step.key for look in batch.looks.values() for step in look} <= {f"serves:{number + 1}"}, "a step is done once under its key"
    assert set(once_more(wanted, found, documents, heard)) == {name for batch in found[:-1] for name in batch.hosts}


def test_together_has_no_batches() -> None:
    wanted = intent(("a", "b"))
    assert batches(wanted, {}, facts(serving(wanted, [release(1)]))) == ()
