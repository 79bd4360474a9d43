"""How much may be unsettled: all or none, in turn, and from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch.engine.backlog import Backlog
from alarm_dispatch.errors import BacklogFullError


class Line:
    """Those who wait for room, and who of them was let in."""

    def __init__(self) -> None:
        self.admitted: list[str] = []

    def wait(self, name: str, *, wanted: bool = True) -> Callable[[], bool]:
        """What is called when ``name`` has room; it takes it when it is still ``wanted``."""

        def admitted() -> bool:
            self.admitted.append(name)
            return wanted

        return admitted


def test_there_is_room_for_all_or_for_none():
    """A group that does not fit as a whole takes nothing."""
    backlog = Backlog(10)
    backlog.reserve(7)

    with pytest.raises(BacklogFullError) as full:
        backlog.reserve(4)

    assert (full.value.unsettled, full.value.wanted, full.value.limit) == (7, 4, 10)
    assert backlog.count == 7
    backlog.reserve(3)
    assert backlog.count == backlog.limit == 10


def test_who_waits_is_let_in_in_turn():
    """A small one does not pass a large one that came before it."""
    backlog, line = Backlog(10), Line()
    backlog.reserve(10)

    assert not backlog.reserve_or_wait(5, line.wait("large"))
    assert not backlog.reserve_or_wait(1, line.wait("small"))
    backlog.release(3)
    assert line.admitted == []
    backlog.release(2)
    assert line.admitted == ["large"]
    backlog.release()
    assert line.admitted == ["large", "small"]
    assert backlog.count == 10


def test_with_room_nobody_waits():
    """The room is taken at once."""
    backlog, line = Backlog(10), Line()

    assert backlog.reserve_or_wait(10, line.wait("first"))
    assert (backlog.count, line.admitted) == (10, [])


def test_nobody_passes_those_who_wait():
    """Neither who would wait as well nor who would not."""
    backlog, line = Backlog(10), Line()
    backlog.reserve(8)
    backlog.reserve_or_wait(5, line.wait("first"))

    with pytest.raises(BacklogFullError):
        backlog.reserve(1)
    assert not backlog.reserve_or_wait(1, line.wait("second"))


def test_what_never_fits_does_not_wait():
    """It would wait for ever, and all others behind it."""
    backlog = Backlog(10)

    with pytest.raises(BacklogFullError):
        backlog.reserve_or_wait(11, Line().wait("too large"))


def test_who_waits_no_longer_lets_the_next_in():
    """There may be room for it that was too little for the first."""
    backlog, line = Backlog(10), Line()
    backlog.reserve(8)
    first = line.wait("first")
    backlog.reserve_or_wait(5, first)
    backlog.reserve_or_wait(2, line.wait("second"))

    assert backlog.withdraw(first)

    assert line.admitted == ["second"]
    assert backlog.count == 10
    assert not backlog.withdraw(first)


def test_room_that_is_no_longer_wanted_goes_to_the_next():
    """However many gave up since they began to wait."""
    backlog, line = Backlog(1), Line()
    backlog.reserve(1)
    for _ in range(5_000):
        backlog.reserve_or_wait(1, line.wait("gone", wanted=False))
    backlog.reserve_or_wait(1, line.wait("there"))

    backlog.release()

    assert line.admitted == ["gone"] * 5_000 + ["there"]
    assert backlog.count == 1


def test_threads_share_the_room():
    """Eight at a time take and give; never is there more than the limit, and nothing is left over."""
    backlog = Backlog(5)
    taken: list[int] = []
    started = threading.Barrier(8)

    def work() -> None:
        started.wait()
        for _ in range(500):
            try:
                backlog.reserve(2)
            except BacklogFullError:
                continue
            taken.append(backlog.count)
            backlog.release(2)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken
    assert max(taken) <= 4
    assert backlog.count == 0


@settings(deadline=None)
@given(
    limit=st.integers(1, 8),
    steps=st.lists(
        st.tuples(st.sampled_from(["take", "wait", "give", "leave"]), st.integers(1, 8)), max_size=60
    ),
)
def test_the_count_is_what_was_given_and_not_returned(limit, steps):
    """And those who wait are let in as soon as the first of them fits."""
    backlog, held, line = Backlog(limit), list[int](), list[tuple[int, Callable[[], bool]]]()

    def waiter(count: int) -> Callable[[], bool]:
        def admitted() -> bool:
            held.append(count)
            line.pop(0)
            return True

        return admitted

    for verb, count in steps:
        if verb == "take" and not line and sum(held) + count <= limit:
            backlog.reserve(count)
            held.append(count)
        elif verb == "wait" and count <= limit:
            one = waiter(count)
            line.append((count, one))
            if backlog.reserve_or_wait(count, one):
                one()
        elif verb == "give" and held:
            backlog.release(held.pop(0))
        elif verb == "leave" and line:
            place = count % len(line)
            _, one = line[place]
            del line[place]
            assert backlog.withdraw(one)

        assert backlog.count == sum(held) <= limit
        assert not line or backlog.count + line[0][0] > limit
