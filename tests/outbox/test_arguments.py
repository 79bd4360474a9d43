"""What an outbox's methods and options are given: all that is wrong is told by its name."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from alarm_dispatch import AlarmGroup, Callback
from alarm_dispatch.errors import InvalidFieldError, NotReplayableError
from alarm_dispatch.outbox import Filter, LaneKey, SqliteOutbox
from alarm_dispatch.testing import MemoryOutbox

from ..unit.made import alarm
from .made import DEAD, NOW, at, ending, entry, statuses, worker

GROUP = AlarmGroup("oncall", callbacks=[Callback("https://a.example/", format="tencent", name="ops")])
NAIVE = NOW.replace(tzinfo=None)


@pytest.fixture
def dead(outbox):
    """Five dead letters, ``a`` to ``e``, two of them of the group ``night``; ``f`` is pending."""
    mine = worker(outbox)
    night = LaneKey("night", "ops")
    entries = [entry(name, lane=night) if name in "de" else entry(name) for name in "abcdef"]
    outbox.enqueue(entries, worker=mine, now=NOW)
    outbox.settle(mine, [ending(name, status=DEAD) for name in "abcde"], now=NOW)
    return outbox


def replayed(outbox) -> str:
    """The ids of those that were replayed."""
    return "".join(one.entry.id for one in outbox.list() if one.replays)


# -- which are replayed


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (None, {}),
        (None, {"group": None}),
        (None, {"ids": None}),
        (None, {"group": None, "callback": None, "since": None, "all": False}),
        (Filter(), {}),
        (None, {"status": "dead"}),
        (None, {"status": DEAD, "group": None}),
        (Filter(status="dead"), {}),
    ],
)
def test_only_all_is_all(dead, asked, fields):
    """What narrows nothing, as a variable that is None by mistake, is no choice."""
    with pytest.raises(InvalidFieldError, match=r"replay: say which: ids, a filter, or all=True"):
        dead.replay(asked, **fields)

    assert replayed(dead) == ""
    assert dead.replay(asked, **{**fields, "all": True}) == 5


@pytest.mark.parametrize("every", ["no", 1, None])
def test_all_is_yes_or_no(dead, every):
    """No word is taken for yes."""
    with pytest.raises(InvalidFieldError, match=r"replay\.all: must be a bool, not "):
        dead.replay(all=every)


@pytest.mark.parametrize("status", ["pending", "delivered", "superseded"])
def test_only_dead_ones_are_replayed(dead, status):
    """To ask for others is a misunderstanding."""
    for asked, fields in ((None, {"status": status}), (Filter(status=status), {"all": True})):
        with pytest.raises(InvalidFieldError, match=f"replay.status: is '{status}'; only dead deliveries"):
            dead.replay(asked, **fields)


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ([*"abd"], {"group": "oncall"}),
        ([*"abd"], {"since": NOW, "callback": entry("a").lane.callback}),
        (Filter(ids=[*"abd"], group="oncall"), {}),
        (None, {"ids": [*"abd"], "group": "oncall"}),
    ],
)
def test_each_id_must_match(dead, asked, fields):
    """An id that the rest of the choice leaves out is named, and none is replayed."""
    with pytest.raises(NotReplayableError, match="no dead delivery that matches has the id 'd'") as raised:
        dead.replay(asked, **fields)

    assert raised.value.ids == ("d",)
    assert replayed(dead) == ""


def test_ids_that_match(dead):
    """They are replayed, the newest so many where that is asked for."""
    assert dead.replay(["a", "b"], group="oncall", now=at(1)) == 2
    assert dead.replay(["d", "e"], limit=1, now=at(1)) == 1

    assert replayed(dead) == "abe"


def test_ids_are_given_once(dead):
    """Or one of the two would be left out."""
    with pytest.raises(TypeError, match="give ids once"):
        dead.replay(["a"], ids=["b"])


# -- kinds


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda outbox: outbox.list(group=GROUP), "Filter.group: must be text, not AlarmGroup"),
        (lambda outbox: outbox.list(callback=5), "Filter.callback: must be text, not int"),
        (lambda outbox: outbox.list(alarm_id=5), "Filter.alarm_id: must be text, not int"),
        (lambda outbox: outbox.list(ids=5), "Filter.ids: must be ids, not int"),
        (lambda outbox: outbox.list(ids=b"a"), "Filter.ids: must be ids, not bytes"),
        (lambda outbox: outbox.list(ids=["a", 5]), "Filter.ids[1]: must be text, not int"),
        (lambda outbox: outbox.list(limit=0), "Filter.limit: must be at least 1, not 0"),
        (lambda outbox: outbox.list(limit=True), "Filter.limit: must be an integer, not True"),
        (lambda outbox: outbox.list("dead"), "list: takes a Filter or its fields, not str"),
        (lambda outbox: outbox.replay(5), "Filter.ids: must be ids, not int"),
        (lambda outbox: outbox.replay(all=True, now=NAIVE), "replay.now: is a naive datetime"),
        (lambda outbox: outbox.replay(all=True, now="now"), "replay.now: must be an aware datetime, not str"),
        (lambda outbox: outbox.purge(NAIVE), "purge.before: is a naive datetime"),
        (
            lambda outbox: outbox.purge(timedelta(days=3)),
            "purge.before: must be an aware datetime, not timedelta",
        ),
        (lambda outbox: outbox.purge("30d"), "purge.before: must be an aware datetime, not str"),
    ],
)
def test_wrong_kinds(outbox, call, told):
    """They are told when the method is called, not later."""
    with pytest.raises(InvalidFieldError) as raised:
        call(outbox)

    assert str(raised.value).startswith(told)


def test_what_a_list_gave_is_not_what_replay_takes(dead):
    """But its entry's id is."""
    with pytest.raises(InvalidFieldError, match=r"ids\[0\]: is a StoredDelivery; give its entry\.id"):
        dead.replay(dead.list(status="dead"))

    assert dead.replay(one.entry.id for one in dead.list(status="dead")) == 5


# -- put


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"connection": "alarms.db"}, "put.connection: must be an sqlite3.Connection, not str"),
        ({"alarm": GROUP}, "put.alarm: must be an Alarm, not AlarmGroup"),
        ({"group": "oncall"}, "put.group: must be an AlarmGroup, not str"),
        ({"id": ""}, "put.id: must not be empty"),
        ({"id": 3}, "put.id: must be text, not int"),
        ({"now": NAIVE}, "put.now: is a naive datetime"),
        ({"now": 0}, "put.now: must be an aware datetime, not int"),
    ],
)
def test_wrong_kinds_to_put(sqlite_outbox, wrong, told):
    """They are told by name, and nothing is written."""
    connection = sqlite3.connect(sqlite_outbox.path)
    given = {"connection": connection, "alarm": alarm(), "group": GROUP, **wrong}

    with pytest.raises(InvalidFieldError) as raised:
        sqlite_outbox.put(given.pop("connection"), given.pop("alarm"), given.pop("group"), **given)

    assert str(raised.value).startswith(told)
    assert not connection.in_transaction
    connection.close()


def test_a_wrong_connection_to_create(sqlite_outbox):
    """It is told in the same way."""
    with pytest.raises(InvalidFieldError, match=r"create\.connection: must be an sqlite3\.Connection"):
        sqlite_outbox.create(SimpleNamespace(path=sqlite_outbox.path))


def test_put_refuses_what_submit_refuses(sqlite_outbox):
    """Two callbacks of one name, which the outbox could not tell apart."""
    urls = ("https://a.example/", "https://b.example/")
    group = AlarmGroup("x", callbacks=[Callback(url, format="tencent", name="ops") for url in urls])
    connection = sqlite3.connect(sqlite_outbox.path)

    with pytest.raises(InvalidFieldError, match=r"put\.group\.callbacks\['ops'\]: has callbacks of one name"):
        sqlite_outbox.put(connection, alarm(), group)

    connection.close()
    assert statuses(sqlite_outbox) == {}


# -- options


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keep_settled": "7d"}, "keep_settled: must be an int or a float, not str"),
        ({"keep_settled": timedelta(days=7)}, "keep_settled: must be an int or a float, not timedelta"),
        ({"keep_settled": -1}, "keep_settled: must be at least 0, not -1"),
        ({"keep_dead": None}, "keep_dead: must be an int or a float, not NoneType"),
        ({"keep_dead": float("inf")}, "keep_dead: must be finite, not inf"),
        ({"max_settled": 1.5}, "max_settled: must be an integer, not 1.5"),
        ({"max_dead": None}, "max_dead: must be an integer, not None"),
        ({"max_dead": -1}, "max_dead: must be at least 0, not -1"),
    ],
)
def test_what_is_kept_is_checked(tmp_path, options, told):
    """When it is given, as a trim is long after; for both outboxes."""
    for kind, path in ((SqliteOutbox, [tmp_path / "alarms.db"]), (MemoryOutbox, [])):
        with pytest.raises(InvalidFieldError) as raised:
            kind(*path, **options)
        assert str(raised.value) == f"{kind.__name__}.{told}"


@pytest.mark.parametrize(
    ("path", "options", "told"),
    [
        ("a.db", {"busy_timeout": "5"}, "busy_timeout: must be an int or a float, not str"),
        ("a.db", {"busy_timeout": float("nan")}, "busy_timeout: must be finite, not nan"),
        ("a.db", {"busy_timeout": -0.1}, "busy_timeout: must be at least 0, not -0.1"),
        ("a.db", {"must_exist": "no"}, "must_exist: must be a bool, not str"),
        (5, {}, "path: must be text or a path, not int"),
        (None, {}, "path: must be text or a path, not NoneType"),
        ("a\0.db", {}, "path: has a NUL in it, which no file's name may have"),
        ("\ud800.db", {}, "path: has a lone surrogate at position 0; no file can have that name"),
    ],
)
def test_other_options_are_checked(path, options, told):
    """When they are given."""
    with pytest.raises(InvalidFieldError) as raised:
        SqliteOutbox(path, **options)

    assert str(raised.value) == f"SqliteOutbox.{told}"


@pytest.mark.parametrize("path", [str, Path, lambda path: str(path).encode()])
def test_kinds_of_paths(tmp_path, path):
    """Text, bytes, and what is a path."""
    outbox = SqliteOutbox(path(tmp_path / "alarms.db"))

    assert statuses(outbox) == {}
    outbox.close()
    assert (tmp_path / "alarms.db").exists()


def test_the_largest_options(tmp_path):
    """They are as good as for ever, and no error later."""
    large = {"keep_settled": 1e300, "keep_dead": 1e300, "max_settled": 10**30, "max_dead": 10**30}
    for outbox in (SqliteOutbox(tmp_path / "alarms.db", busy_timeout=1e300, **large), MemoryOutbox(**large)):
        mine = worker(outbox)
        outbox.enqueue([entry("a")], worker=mine, now=NOW)
        outbox.settle(mine, [ending("a")], now=NOW)

        assert outbox.trim(now=NOW + timedelta(days=36_500)) is False

        assert list(statuses(outbox)) == ["a"]
        outbox.close()
