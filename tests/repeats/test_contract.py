"""What every store of unresolved alarms does."""

from __future__ import annotations

import threading

import pytest

from alarm_dispatch.repeats import RepeatKey, RepeatState, RepeatStore

from .made import at

KEY = RepeatKey("alarm-1", "oncall")


def state(seen: float = 0.0, **fields) -> RepeatState:
    """A state, of an alarm that was evaluated so many seconds after the tests' time."""
    return RepeatState(**{"told": "triggered", "told_at": at(0), "seen_at": at(seen), **fields})


def test_it_is_a_store(store):
    """The protocol's methods are there."""
    assert isinstance(store, RepeatStore)


@pytest.mark.parametrize(
    "fields",
    [
        {"told": "no_data"},
        {
            "started_at": at(-1.5),
            "firing": 2**40,
            "level": "fatal",
            "resolved_since": at(0.000001),
        },
    ],
)
def test_a_state_comes_out_as_it_went_in(store, fields):
    """With few fields, or with all of them."""
    store.put(KEY, state(**fields))

    assert store.get(KEY) == state(**fields)


def test_what_is_not_known(store):
    """Nothing is known of an alarm before it is put, and after it is forgotten, as often as one likes."""
    assert store.get(KEY) is None
    store.put(KEY, state(1))
    store.put(KEY, state(2))
    assert store.get(KEY) == state(2)
    for _ in range(2):
        store.put(KEY, None)
        assert store.get(KEY) is None


@pytest.mark.parametrize("other", [("alarm-1", "second"), ("alarm-2", "oncall"), ("alarm-1\0", 'x"\n组')])
def test_each_alarm_of_each_group_has_its_own(store, other):
    """Also with text that is odd."""
    store.put(KEY, state(1))
    store.put(RepeatKey(*other), state(2))

    assert store.get(KEY) == state(1)
    assert store.get(RepeatKey(*other)) == state(2)


def test_a_transaction_is_done_or_not_done(store):
    """What raises takes back all of it, new states, changed ones and forgotten ones."""
    keys = [RepeatKey(name, "g") for name in "abc"]
    store.put(keys[0], state(1))
    store.put(keys[1], state(1))

    def change() -> None:
        with store.transaction():
            store.put(keys[0], state(2))
            store.put(keys[0], state(3))
            with store.transaction():
                store.put(keys[1], None)
            store.put(keys[2], state(2))
            assert [store.get(key) for key in keys] == [state(3), None, state(2)]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()

    assert [store.get(key) for key in keys] == [state(1), state(1), None]
    with store.transaction():
        store.put(keys[2], state(4))
    assert store.get(keys[2]) == state(4)


def test_nobody_comes_between(store):
    """Several threads that read and write in a transaction lose none of their steps."""
    store.put(KEY, state(firing=0))

    def count() -> None:
        for _ in range(20):
            with store.transaction():
                store.put(KEY, state(firing=store.get(KEY).firing + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert store.get(KEY).firing == 80


def test_what_was_evaluated_long_ago_is_forgotten(store):
    """Before a time, the time itself not."""
    for seen in (3, 1, 2):
        store.put(RepeatKey(str(seen), "g"), state(seen))

    store.trim(before=at(2), most=10)

    assert [seen for seen in (1, 2, 3) if store.get(RepeatKey(str(seen), "g"))] == [2, 3]


def test_no_more_than_so_many_are_kept(store):
    """Those that were evaluated longest ago go, whatever their order."""
    for seen in (4, 1, 3, 2):
        store.put(RepeatKey(str(seen), "g"), state(seen))

    store.trim(before=at(0), most=2)

    assert [seen for seen in (1, 2, 3, 4) if store.get(RepeatKey(str(seen), "g"))] == [3, 4]


def test_what_is_trimmed_in_a_transaction_is_part_of_it(store):
    """It comes back with the rest."""
    store.put(KEY, state(1))

    def change() -> None:
        with store.transaction():
            store.trim(before=at(2), most=1)
            assert store.get(KEY) is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()

    assert store.get(KEY) == state(1)
