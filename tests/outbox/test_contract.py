"""What every outbox does."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from alarm_dispatch.errors import InvalidFieldError, NotReplayableError, OutboxError
from alarm_dispatch.outbox import Claim, Ending, Filter, LaneKey, Outbox, Retry

from .made import (
    DEAD,
    DELIVERED,
    LANE,
    NOW,
    OTHER,
    PENDING,
    SUPERSEDED,
    at,
    attempt,
    claimed,
    ending,
    entry,
    retry,
    statuses,
    worker,
)


def test_it_is_an_outbox(outbox):
    """The protocol's methods are there."""
    assert isinstance(outbox, Outbox)


# -- putting


def test_what_a_worker_puts_is_its_own(outbox):
    """It need not be claimed, and nobody else gets it."""
    mine, other = worker(outbox), worker(outbox)

    assert list(outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)) == [True, True]

    assert claimed(outbox, other) == claimed(outbox, mine) == []
    assert statuses(outbox) == {"a": "pending", "b": "pending"}


def test_an_entry_comes_out_as_it_went_in(outbox):
    """Every field, also with text that is odd."""
    odd = LaneKey("组 'x\"", "cb\n\t\\ 😀")
    put = entry(
        "i-1",
        'alarm "1"\x00',
        odd,
        level=0,
        content=bytes(range(256)),
        created_at=at(0.000001),
        origin="i-0",
        passed=("a", 'b"'),
    )
    outbox.enqueue([put], worker=None, now=at(3))

    (held,) = outbox.claim(worker(outbox, 3), {odd: 1}, now=at(4)).held
    (stored,) = outbox.list()

    assert held.entry == stored.entry == put
    assert (held.due_at, held.number, held.earlier, held.attempts) == (at(3), 0, 0, ())
    assert (stored.due_at, stored.settled_at, stored.error, stored.replays) == (at(3), None, "", ())
    assert held.unreadable == ""


def test_an_id_is_put_once(outbox):
    """The first one stays as it is, in another batch or the same, pending or settled."""
    mine = worker(outbox)

    first = outbox.enqueue([entry("a"), entry("a", content=b"2")], worker=mine, now=NOW)
    again = outbox.enqueue([entry("a", content=b"3"), entry("b")], worker=mine, now=NOW)
    outbox.settle(mine, [ending("a")], now=NOW)
    settled = outbox.enqueue([entry("a")], worker=mine, now=NOW)

    assert [list(first), list(again), list(settled)] == [[True, False], [False, True], [False]]
    assert statuses(outbox) == {"a": "delivered", "b": "pending"}
    assert next(outbox.list(ids="a")).entry.content == b'{"id":"a"}'


def test_one_behind_an_id_that_was_settled_is_the_first(outbox):
    """What comes after it in the same batch must not wait for ever."""
    mine = worker(outbox)
    outbox.enqueue([entry("a", "x")], worker=mine, now=NOW)
    outbox.settle(mine, [ending("a")], now=NOW)

    held = outbox.enqueue([entry("a", "x"), entry("b", "x"), entry("c", "x")], worker=mine, now=NOW)
    outbox.leave(mine)

    assert list(held) == [False, True, True]
    assert claimed(outbox, worker(outbox)) == ["b"]


def test_ids_that_are_there_among_new_ones(outbox):
    """The new ones are the worker's, wherever they stand."""
    mine = worker(outbox)
    outbox.enqueue([entry(name) for name in "abc"], worker=mine, now=NOW)

    batch = [entry(name) for name in "1a2bc34"]
    assert list(outbox.enqueue(batch, worker=mine, now=NOW)) == [one.id not in "abc" for one in batch]

    assert {one.entry.id: one.entry.content for one in outbox.list()} == {
        name: entry(name).content for name in "abc1234"
    }
    assert not outbox.settle(mine, [ending(name) for name in "1234abc"], now=NOW)


def test_a_large_batch(outbox):
    """More than one statement takes, with several of one alarm on both sides of the border."""
    mine = worker(outbox)
    entries = [entry(f"{number:04}", f"alarm {number % 700}") for number in range(1_100)]

    assert all(outbox.enqueue(entries, worker=mine, now=NOW))
    outbox.leave(mine)

    assert len(claimed(outbox, worker(outbox), room=2_000)) == 700
    assert list(statuses(outbox)) == [one.id for one in entries]


def test_a_large_batch_of_ends(outbox):
    """Each is noted once, one that was tried before in its order."""
    mine = worker(outbox)
    names = [f"{number:04}" for number in range(1_100)]
    outbox.enqueue([entry(name) for name in names], worker=mine, now=NOW)

    assert not outbox.retry_at(mine, [retry(name, 1, 5) for name in names], now=NOW)
    assert not outbox.settle(mine, [ending(name, 2) for name in names], now=at(5))

    assert {(one.status, len(one.attempts)) for one in outbox.list()} == {(DELIVERED, 2)}


def test_nothing_is_a_batch(outbox):
    """As is a question about nothing."""
    mine = worker(outbox)

    assert list(outbox.enqueue([], worker=mine, now=NOW)) == []
    assert not outbox.settle(mine, [], now=NOW)
    assert not outbox.retry_at(mine, [], now=NOW)
    assert outbox.claim(mine, {}, now=NOW) == Claim((), None)
    assert outbox.claim(mine, {LANE: 3}, now=NOW) == Claim((), None)


def test_an_id_that_is_twice_in_a_batch_keeps_its_first_place(outbox):
    """The order is that of the first ones."""
    outbox.enqueue([entry("a", "x"), entry("b", "x"), entry("a", "x")], worker=None, now=NOW)

    assert list(statuses(outbox)) == ["a", "b"]


# -- claiming


def test_the_oldest_come_first_over_all_lanes(outbox):
    """Those that are due at the same time in the order in which they were put."""
    outbox.enqueue([entry("a"), entry("z", lane=OTHER), entry("b")], worker=None, now=NOW)
    mine = worker(outbox)

    assert [held.entry.id for held in outbox.claim(mine, {LANE: 2, OTHER: 2}, now=NOW).held] == [
        "a",
        "z",
        "b",
    ]


def test_what_nobody_holds_is_claimed(outbox):
    """Oldest first, no more of a lane than there is room for, and each once."""
    for second, name in enumerate("abc"):
        outbox.enqueue([entry(name)], worker=None, now=at(second))
    outbox.enqueue([entry("z", lane=OTHER)], worker=None, now=at(1.5))
    mine = worker(outbox)

    first = outbox.claim(mine, {LANE: 2, OTHER: 5}, now=at(4))
    second = outbox.claim(mine, {LANE: 2, OTHER: 0}, now=at(4))

    assert [held.entry.id for held in first.held] == ["a", "b", "z"]
    assert first.next_due == at(2)
    assert [held.entry.id for held in second.held] == ["c"]
    assert second.next_due is None
    assert claimed(outbox, mine, 4) == []


def test_lanes_are_apart(outbox):
    """A lane that is full, or not asked for, holds up no other."""
    outbox.enqueue([entry(f"a{number}") for number in range(50)], worker=None, now=NOW)
    outbox.enqueue([entry("z", lane=OTHER)], worker=None, now=at(1))
    mine = worker(outbox)

    claim = outbox.claim(mine, {OTHER: 1, LaneKey("unknown", "lane"): 1}, now=at(2))

    assert [held.entry.id for held in claim.held] == ["z"]
    assert len(claimed(outbox, mine, 2, room=100)) == 50


def test_what_is_not_due_is_not_claimed(outbox):
    """The claim tells when it will be; when it is, its attempts come with it."""
    gone = worker(outbox, lasts=5)
    outbox.enqueue([entry("a")], worker=gone, now=NOW)
    outbox.retry_at(gone, [retry("a", 1, 20)], now=NOW)
    mine = worker(outbox)

    early = outbox.claim(mine, {LANE: 1}, now=at(19.999999))
    (held,) = outbox.claim(mine, {LANE: 1}, now=at(20)).held

    assert early == Claim((), at(20))
    assert [one.number for one in held.attempts] == [1]
    assert (held.number, held.due_at) == (1, at(20))
    assert attrs.evolve(held.attempts[0], delivery_id="", callback="") == attempt(1, retry_in=5.0)


# -- order


def test_only_the_first_of_an_alarm_is_claimed(outbox):
    """The next one after it has settled, while it waits for a retry none."""
    outbox.enqueue([entry(name, "x") for name in "abc"], worker=None, now=NOW)
    mine = worker(outbox)

    assert claimed(outbox, mine) == ["a"]
    outbox.retry_at(mine, [retry("a", 1, 5)], now=NOW)
    assert claimed(outbox, mine, 6) == []
    outbox.settle(mine, [ending("a", 2)], now=at(6))
    assert claimed(outbox, mine, 6) == ["b"]
    outbox.settle(mine, [ending("b", status=DEAD)], now=at(6))
    assert claimed(outbox, mine, 6) == ["c"]


def test_the_same_alarm_in_two_lanes_is_two_orders(outbox):
    """As it is two receivers."""
    outbox.enqueue([entry("a", "x"), entry("z", "x", OTHER)], worker=None, now=NOW)
    mine = worker(outbox)

    assert claimed(outbox, mine) + claimed(outbox, mine, lane=OTHER) == ["a", "z"]


def test_a_worker_gets_what_it_puts_behind_its_own(outbox):
    """And not what it puts behind another's or nobody's."""
    mine, other = worker(outbox), worker(outbox)
    outbox.enqueue([entry("a", "x")], worker=mine, now=NOW)
    outbox.enqueue([entry("m", "y")], worker=other, now=NOW)
    outbox.enqueue([entry("s", "z")], worker=None, now=NOW)

    behind = [entry("b", "x"), entry("n", "y"), entry("t", "z"), entry("c", "x")]
    assert list(outbox.enqueue(behind, worker=mine, now=NOW)) == [True, False, False, True]

    outbox.enqueue([entry("d", "x")], worker=None, now=NOW)
    assert list(outbox.enqueue([entry("e", "x")], worker=mine, now=NOW)) == [False]
    outbox.settle(mine, [ending("a"), ending("b"), ending("c")], now=NOW)
    assert claimed(outbox, mine) == ["s", "d"]
    assert claimed(outbox, other) == []


def test_what_a_worker_holds_behind_a_dead_workers_is_taken_in_order(outbox):
    """It was held by the one that died, as was what is before it."""
    gone, mine = worker(outbox, lasts=1), worker(outbox)
    outbox.enqueue([entry(name, "x") for name in "abc"], worker=gone, now=NOW)

    order = []
    while got := claimed(outbox, mine, 2):
        order += got
        outbox.settle(mine, [ending(got[0])], now=at(2))

    assert order == ["a", "b", "c"]


def test_superseding_takes_the_ones_behind(outbox):
    """The one in flight goes on, and the one that came last is next."""
    mine = worker(outbox)
    outbox.enqueue([entry(name, "x") for name in "abcd"], worker=mine, now=NOW)

    ends = [Ending(id=name, status=SUPERSEDED, number=0) for name in "bc"]
    assert not outbox.settle(mine, ends, now=NOW)
    outbox.leave(mine)

    heir = worker(outbox)
    assert claimed(outbox, heir) == ["a"]
    outbox.settle(heir, [ending("a")], now=NOW)
    assert claimed(outbox, heir) == ["d"]
    assert statuses(outbox) == {"a": "delivered", "b": "superseded", "c": "superseded", "d": "pending"}


# -- leases


def test_a_dead_workers_deliveries_are_others(outbox):
    """When its lease has ended, not before; it can no longer extend it."""
    gone, mine = worker(outbox, lasts=10), worker(outbox)
    outbox.enqueue([entry("a")], worker=gone, now=NOW)

    assert claimed(outbox, mine, 9.9) == []
    assert claimed(outbox, mine, 10) == ["a"]
    assert not outbox.extend(gone, now=at(10), until=at(40))


def test_a_lease_is_extended(outbox):
    """With one call for all that it holds."""
    mine, other = worker(outbox, lasts=10), worker(outbox)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)

    assert outbox.extend(mine, now=at(9), until=at(25))

    assert claimed(outbox, other, 24) == []
    assert not outbox.settle(mine, [ending("a")], now=at(24))


def test_a_worker_leaves(outbox):
    """What it holds is others' at once."""
    mine, other = worker(outbox), worker(outbox)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)

    outbox.leave(mine)

    assert claimed(outbox, other) == ["a"]
    assert outbox.settle(mine, [ending("a")], now=NOW) == {"a"}


@pytest.mark.parametrize("name", ["", "0", "nobody", "-1", "ff"])
def test_a_name_that_was_never_given_may_nothing(outbox, name):
    """It holds nothing, and gets nothing."""
    outbox.enqueue([entry("a")], worker=None, now=NOW)

    assert list(outbox.enqueue([entry("b")], worker=name, now=NOW)) == [False]
    assert outbox.claim(name, {LANE: 1}, now=NOW) == Claim((), None)
    assert outbox.settle(name, [ending("a")], now=NOW) == {"a"}
    assert not outbox.extend(name, now=NOW, until=at(5))
    outbox.leave(name)
    assert statuses(outbox) == {"a": "pending", "b": "pending"}


def test_an_ended_lease_may_nothing(outbox):
    """Neither put as its own, nor claim, note or settle, even if nobody has taken anything yet."""
    mine = worker(outbox, lasts=10)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)
    outbox.enqueue([entry("b")], worker=None, now=NOW)

    assert outbox.claim(mine, {LANE: 5}, now=at(10)) == Claim((), None)
    assert outbox.settle(mine, [ending("a")], now=at(10)) == {"a"}
    assert outbox.retry_at(mine, [retry("a", 1, 20)], now=at(10)) == {"a"}
    assert list(outbox.enqueue([entry("c")], worker=mine, now=at(10))) == [False]
    assert claimed(outbox, worker(outbox, 10), 10) == ["a", "b", "c"]


# -- the fence


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_attempt_must_follow(outbox, number):
    """One that is known, or leaves one out, is refused, as is an end that knows of too few or too many."""
    mine = worker(outbox)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)
    assert not outbox.retry_at(mine, [retry("a", 1, 5)], now=NOW)

    assert outbox.retry_at(mine, [retry("a", number, 5)], now=NOW) == {"a"}
    assert outbox.settle(mine, [ending("a", number)], now=NOW) == {"a"}
    without = Ending(id="a", status=DEAD, number=2 * number)
    assert outbox.settle(mine, [without], now=NOW) == {"a"}

    assert [len(one.attempts) for one in outbox.list()] == [1]
    assert not outbox.settle(mine, [ending("a", 2)], now=NOW)


def test_refused_ones_harm_no_others(outbox):
    """The rest of the batch is done, and a settled one cannot be settled again."""
    mine, other = worker(outbox), worker(outbox)
    outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)
    outbox.enqueue([entry("z")], worker=other, now=NOW)

    batch = [ending("a"), ending("z"), ending("b", 2), ending("unknown")]
    assert outbox.settle(mine, batch, now=NOW) == {"z", "b", "unknown"}
    assert outbox.settle(mine, batch[:1], now=NOW) == {"a"}

    assert statuses(outbox) == {"a": "delivered", "b": "pending", "z": "pending"}
    assert outbox.retry_at(mine, [retry("unknown", 1, 5)], now=NOW) == {"unknown"}


def test_several_attempts_in_one_batch(outbox):
    """What happened to a delivery first comes first."""
    mine = worker(outbox)
    outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)

    batch = [retry("a", 1, 1), retry("b", 1, 1), retry("a", 2, 2), retry("a", 4, 2)]
    assert outbox.retry_at(mine, batch, now=NOW) == {"a"}

    assert {one.entry.id: len(one.attempts) for one in outbox.list()} == {"a": 2, "b": 1}


# -- ends


def test_how_it_ended_is_kept(outbox):
    """Status, time, attempts and the fault of ours, whatever text is in it."""
    mine = worker(outbox)
    outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)
    odd = attempt(1, reason='"\\\n\x01\ud800😀', status_code=503, duration=0.1)

    outbox.settle(
        mine,
        [
            Ending(id="a", status=DEAD, attempt=odd, number=1, error='ours: "x"'),
            Ending(id="b", status=DELIVERED, number=0),
        ],
        now=at(3),
    )

    first, second = outbox.list()
    assert (first.status, first.settled_at, first.due_at, first.error) == (DEAD, at(3), None, 'ours: "x"')
    assert attrs.evolve(first.attempts[0], delivery_id="", callback="") == odd
    assert (second.status, second.attempts) == (DELIVERED, ())


def test_a_fallback_is_put_with_the_end(outbox):
    """And not with an end that is refused."""
    mine = worker(outbox)
    outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)
    to = [entry(f"{name}-2", lane=OTHER, origin=name, passed=("oncall",)) for name in "ab"]

    refused = outbox.settle(
        mine,
        [
            ending("a", status=DEAD, fallback=(to[0],)),
            ending("b", 7, DEAD, fallback=(to[1],)),
        ],
        now=NOW,
    )

    assert refused == {"b"}
    assert statuses(outbox) == {"a": "dead", "b": "pending", "a-2": "pending"}
    assert claimed(outbox, mine, lane=OTHER) == ["a-2"]


# -- the clock


def test_the_clock_is_set_back(outbox):
    """Nobody waits longer than it was meant to, neither a new delivery nor one between two attempts."""
    gone = worker(outbox, lasts=1)
    outbox.enqueue([entry("a")], worker=gone, now=NOW)
    outbox.retry_at(gone, [retry("a", 1, 10)], now=NOW)
    outbox.enqueue([entry("b")], worker=None, now=NOW)
    outbox.leave(gone)
    mine = worker(outbox, -3600, 60)

    assert claimed(outbox, mine, -3600) == ["b"]
    assert outbox.claim(mine, {LANE: 5}, now=at(-3599)).held == ()
    assert claimed(outbox, mine, -3589) == ["a"]


def test_a_lease_of_a_clock_that_was_ahead(outbox):
    """It lasts as long as it was meant to, not an hour more."""
    gone = worker(outbox, lasts=30)
    outbox.enqueue([entry("a")], worker=gone, now=NOW)
    mine = worker(outbox, -3600, 600)

    assert claimed(outbox, mine, -3600) == []
    assert claimed(outbox, mine, -3571) == []
    assert claimed(outbox, mine, -3569) == ["a"]


def test_a_lease_that_others_took_from_stays_ended(outbox):
    """Even if the clock goes back to when it lasted."""
    gone, mine = worker(outbox, lasts=10), worker(outbox, lasts=90)
    outbox.enqueue([entry("a", "x"), entry("b", "x")], worker=gone, now=NOW)
    assert claimed(outbox, mine, 20) == ["a"]

    assert outbox.settle(gone, [ending("b")], now=at(5)) == {"b"}
    assert not outbox.extend(gone, now=at(5), until=at(50))


# -- transactions


def test_a_transaction_is_one_step(outbox):
    """All of it stays when it ends."""
    mine = worker(outbox)
    with outbox.transaction():
        outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)
        outbox.settle(mine, [ending("a")], now=NOW)
        with outbox.transaction():
            outbox.retry_at(mine, [retry("b", 1, 3)], now=NOW)
        assert statuses(outbox) == {"a": "delivered", "b": "pending"}

    assert statuses(outbox) == {"a": "delivered", "b": "pending"}


def test_a_transaction_that_fails_was_nothing(outbox):
    """Whatever was done in it, also what is remembered of it."""
    mine = worker(outbox)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)

    with pytest.raises(KeyError), outbox.transaction():  # noqa: PT012 - the block is what is tried
        outbox.settle(mine, [ending("a")], now=NOW)
        outbox.enqueue([entry("b", lane=OTHER)], worker=mine, now=NOW)
        raise KeyError

    assert statuses(outbox) == {"a": "pending"}
    assert not outbox.settle(mine, [ending("a")], now=NOW)
    outbox.enqueue([entry("c", lane=OTHER)], worker=None, now=NOW)
    assert claimed(outbox, mine, lane=OTHER) == ["c"]


# -- for people


def _filled(outbox):
    mine = worker(outbox)
    outbox.enqueue(
        [
            entry("a", "x"),
            entry("b", "y", OTHER, created_at=at(1)),
            entry("c", "x", LaneKey("night", LANE.callback), created_at=at(2)),
            entry("d", "z", created_at=at(3)),
        ],
        worker=mine,
        now=NOW,
    )
    ends = [ending("a"), ending("b", status=DEAD), ending("c", status=DEAD)]
    assert not outbox.settle(mine, ends, now=at(5))
    return mine


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, "abcd"),
        ({"ids": ["d", "a", "unknown"]}, "ad"),
        ({"ids": "b"}, "b"),
        ({"ids": []}, ""),
        ({"group": "oncall"}, "abd"),
        ({"callback": LANE.callback}, "acd"),
        ({"alarm_id": "x"}, "ac"),
        ({"status": "dead"}, "bc"),
        ({"status": PENDING}, "d"),
        ({"since": at(1), "before": at(3)}, "bc"),
        ({"limit": 2}, "cd"),
        ({"limit": 1, "status": "dead"}, "c"),
        ({"limit": 9}, "abcd"),
        ({"limit": 10**30}, "abcd"),
        ({"group": "unknown"}, ""),
        ({"status": "dead", "alarm_id": "x", "group": "night"}, "c"),
    ],
)
def test_a_list_is_filtered(outbox, fields, wanted):
    """By all that is given, as keywords or as a filter."""
    _filled(outbox)

    assert [one.entry.id for one in outbox.list(**fields)] == list(wanted)
    assert [one.entry.id for one in outbox.list(Filter(**fields))] == list(wanted)


def test_a_long_list(outbox):
    """It is read as it is asked for, while the outbox is used."""
    outbox.enqueue([entry(f"{number:03}") for number in range(450)], worker=None, now=NOW)
    mine = worker(outbox)

    names = []
    for one in outbox.list(limit=430):
        names.append(one.entry.id)
        if len(names) == 10:
            outbox.settle(mine, [ending(name) for name in claimed(outbox, mine)], now=NOW)

    assert names == [f"{number:03}" for number in range(20, 450)]


def test_a_filter_is_checked(outbox):
    """A status that is none, a naive time, no text; and either a filter or its fields."""
    wrong = [{"status": "lost"}, {"since": NOW.replace(tzinfo=None)}, {"limit": -1}, {"ids": ["a", 7]}]
    wrong += [{name: value} for name in ("group", "callback", "alarm_id") for value in (7, "\udcff")]
    for fields in wrong:
        with pytest.raises(InvalidFieldError):
            outbox.list(**fields)
    with pytest.raises(TypeError):
        outbox.list(Filter(), status="dead")


def test_a_replayed_one_is_sent_again(outbox):
    """Under its id, with its attempts, from a fresh schedule; its history says so."""
    mine = _filled(outbox)

    assert outbox.replay("b", now=at(7)) == 1

    (held,) = outbox.claim(mine, {OTHER: 5}, now=at(8)).held
    assert (held.entry.id, held.number, held.earlier, len(held.attempts)) == ("b", 1, 1, 1)
    assert held.due_at == at(7)
    assert not outbox.settle(mine, [ending("b", 2)], now=at(9))
    (stored,) = outbox.list(ids="b")
    assert (stored.status, stored.replays, len(stored.attempts)) == (DELIVERED, (at(7),), 2)


def test_a_replayed_one_goes_behind(outbox):
    """Behind what is unsettled of its alarm, so that the order of what is new is kept."""
    mine = worker(outbox)
    outbox.enqueue([entry("a", "x"), entry("b", "x"), entry("c", "x")], worker=mine, now=NOW)
    outbox.settle(mine, [ending("a", status=DEAD)], now=NOW)

    assert outbox.replay(all=True, now=at(1)) == 1

    assert list(statuses(outbox)) == ["b", "c", "a"]
    assert claimed(outbox, mine, 2) == []
    outbox.settle(mine, [ending("b"), ending("c")], now=at(2))
    assert claimed(outbox, mine, 2) == ["a"]


def test_replays_in_the_order_they_were_put(outbox):
    """Several of one alarm keep theirs, and ones that come later are behind them."""
    mine = worker(outbox)
    outbox.enqueue([entry(name, "x") for name in "abc"], worker=mine, now=NOW)
    outbox.settle(mine, [ending(name, status=DEAD) for name in "abc"], now=NOW)

    assert outbox.replay(["c", "a", "a"], now=NOW) == 2
    outbox.enqueue([entry("d", "x")], worker=None, now=NOW)

    order = []
    while got := claimed(outbox, mine):
        order += got
        outbox.settle(mine, [ending(got[0], 2 if got[0] in "ac" else 1)], now=NOW)
    assert order == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("asked", "fields", "wanted"),
    [
        (None, {"all": True}, "bc"),
        (None, {"since": at(2)}, "c"),
        (None, {"limit": 1}, "c"),
        (Filter(group="night"), {}, "c"),
        (Filter(ids=["c"], group="night"), {}, "c"),
        (["b", "c"], {}, "bc"),
        ([], {}, ""),
    ],
)
def test_which_are_replayed(outbox, asked, fields, wanted):
    """The dead ones among those that are asked for."""
    _filled(outbox)

    assert outbox.replay(asked, now=at(9), **fields) == len(wanted)

    assert [one.entry.id for one in outbox.list() if one.replays] == list(wanted)


def test_what_cannot_be_replayed_is_named(outbox):
    """Unknown or not dead: then none is."""
    _filled(outbox)
    before = list(outbox.list())

    with pytest.raises(NotReplayableError) as raised:
        outbox.replay(["a", "b", "unknown", "d"])
    with pytest.raises(InvalidFieldError, match="say which"):
        outbox.replay()

    assert raised.value.ids == ("a", "unknown", "d")
    assert isinstance(raised.value, OutboxError)
    assert list(outbox.list()) == before


def test_replaying_now(outbox):
    """Without a time it is the system's."""
    _filled(outbox)

    outbox.replay("c")

    (one,) = outbox.list(ids="c")
    assert one.replays[0] - NOW > timedelta(0)
    assert one.due_at == one.replays[0]


def test_purging(outbox):
    """What was settled before that time, dead letters too; what is not settled stays."""
    mine = _filled(outbox)
    outbox.settle(mine, [ending("d")], now=at(6))
    outbox.enqueue([entry("e")], worker=None, now=NOW)

    assert outbox.purge(at(5)) == 0
    assert outbox.purge(at(6)) == 3
    assert statuses(outbox) == {"d": "delivered", "e": "pending"}


def test_trimming_by_age(outbox):
    """Seven days for what was settled, ninety for what is dead."""
    _filled(outbox)
    day = 86_400.0

    assert not outbox.trim(now=at(5 + 7 * day))
    assert list(statuses(outbox)) == ["a", "b", "c", "d"]
    assert not outbox.trim(now=at(6 + 7 * day))
    assert list(statuses(outbox)) == ["b", "c", "d"]
    assert not outbox.trim(now=at(6 + 90 * day))
    assert list(statuses(outbox)) == ["d"]


def test_a_lease_survives_trimming(outbox):
    """And so does the way to what a dead worker left."""
    gone, mine = worker(outbox, lasts=1), worker(outbox)
    outbox.enqueue([entry("a", "x"), entry("b", "x")], worker=gone, now=NOW)

    outbox.trim(now=at(2))

    assert claimed(outbox, mine, 3) == ["a"]
    outbox.trim(now=at(3))
    assert not outbox.settle(mine, [ending("a")], now=at(3))
    assert claimed(outbox, mine, 3) == ["b"]


def test_closing_loses_nothing(outbox):
    """A later call goes on."""
    mine = worker(outbox)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)

    outbox.close()
    outbox.close()

    assert not outbox.settle(mine, [ending("a")], now=NOW)
    assert statuses(outbox) == {"a": "delivered"}


def test_an_attempt_without_its_optional_values(outbox):
    """None stays None."""
    mine = worker(outbox)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)
    least = attempt(1, reason="")

    outbox.retry_at(mine, [Retry(id="a", attempt=least, due_at=at(1))], now=NOW)

    (one,) = outbox.list()
    assert (one.attempts[0].status_code, one.attempts[0].retry_in, one.attempts[0].reason) == (None, None, "")


# -- what a dispatcher asks beside


def test_it_tells_its_lanes(outbox):
    """All that have a delivery, whoever sends it, settled or not."""
    assert set(outbox.lanes()) == set()
    mine = worker(outbox)
    outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)
    outbox.enqueue([entry("c", lane=OTHER)], worker=None, now=NOW)
    outbox.settle(mine, [ending("a")], now=NOW)

    assert set(outbox.lanes()) == {LANE, OTHER}


def test_it_tells_whether_anything_is_pending(outbox):
    """In these lanes, and whoever holds it; a lane that was never heard of has nothing."""
    mine = worker(outbox)
    outbox.enqueue([entry("a"), entry("b", lane=OTHER)], worker=mine, now=NOW)
    never = LaneKey("never", "heard of")
    assert outbox.has_pending([LANE])
    assert not outbox.has_pending([never])
    assert not outbox.has_pending([])

    outbox.settle(mine, [ending("a")], now=NOW)

    assert not outbox.has_pending([LANE, never])
    assert outbox.has_pending([LANE, OTHER])


def test_a_claim_tells_when_it_was_replayed_last(outbox):
    """So that its age counts from then."""
    mine = worker(outbox, lasts=1e6)
    outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)
    for number, seconds in ((1, 100), (2, 200)):
        assert not outbox.settle(mine, [ending("a", number, DEAD)], now=at(seconds - 1))
        outbox.replay("a", now=at(seconds))
        (held,) = outbox.claim(mine, {LANE: 10}, now=at(seconds)).held
        assert (held.entry.id, held.earlier, held.replayed_at) == ("a", number, at(seconds))
    outbox.leave(mine)

    other = worker(outbox, lasts=1e6)
    claim = outbox.claim(other, {LANE: 10}, now=at(300))
    assert {held.entry.id: held.replayed_at for held in claim.held} == {"a": at(200), "b": None}
