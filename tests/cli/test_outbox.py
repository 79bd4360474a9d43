"""``outbox``: what is stored is listed, shown, replayed and removed, by whatever chooses it."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from alarm_dispatch.cli import outbox
from alarm_dispatch.cli.stored import _age
from alarm_dispatch.outbox import LaneKey, SqliteOutbox, StoredStatus
from tests.cli.kept import DEAD_ID, NOW, filled, stored
from tests.cli.runs import run
from tests.paths import ALARMS

FALLBACK_ID = "f" * 24


@pytest.fixture
def path(tmp_path):
    """An outbox with one of each kind."""
    return filled(tmp_path / "alarms.db")


def listed(path, *arguments):
    """The ids that ``outbox list --json`` prints."""
    result = run("outbox", "list", "--outbox", path, "--json", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


# -- list


def test_a_table(path):
    """A row for each, with its status, its attempts, and why it is not delivered."""
    result = run("outbox", "list", "--outbox", path, env={"COLUMNS": "140"})

    head, _, *rows = [line.split() for line in result.stdout.splitlines() if line]
    assert result.exit_code == 0
    assert head == ["id", "age", "status", "#", "alarm", "group", "/", "callback", "why"]
    assert {row[0] for row in rows} == {DEAD_ID, "delivered", "superseded", "pending", FALLBACK_ID}
    told = {row[0]: row[3:] for row in rows}
    assert told["delivered"] == ["delivered", "1", "cpu-2", "oncall", "/", "ops"]
    assert told["pending"] == ["pending", "0", "cpu-4", "oncall", "/", "hooks"]
    assert told[DEAD_ID] == ["dead", "3", "cpu-1", "oncall", "/", "hooks", "unknown"]


LONG = "tencent https://ops.example.com/cgi-bin/alarms/receiver"


def put_to(path, callback):
    """A delivery to a callback of that name."""
    outbox = SqliteOutbox(path)
    entry = next(outbox.list(ids="pending")).entry
    lane = LaneKey("oncall", callback)
    outbox.enqueue([attrs.evolve(entry, id="long", lane=lane)], worker=None, now=NOW)
    outbox.close()


@pytest.mark.parametrize(
    ("columns", "callback", "told"),
    [
        ("200", LONG, [f"oncall / {LONG}"]),
        ("80", LONG, ["oncall /", "tencent https://ops.e…i-bin/alarms/receiver"]),
        ("60", LONG, ["oncall /", "tencent htt…ms/receiver"]),
        ("80", "告警平台" * 20, ["oncall /", "告警平台告警平台告警…平台告警平台告警平台"]),
    ],
)
def test_a_long_name_is_shortened(path, columns, callback, told):
    """In its middle, where there is no room for it, so that a delivery is two lines and not five."""
    put_to(path, callback)
    arguments = ("--outbox", path, "--callback", callback)

    result = run("outbox", "list", *arguments, env={"COLUMNS": columns})

    head, _, *rows = [line for line in result.stdout.splitlines() if line]
    place = head.index("group / callback") if "group / callback" in head else head.index("group")
    assert [row[place:].strip() for row in rows] == told
    assert json.loads(run("outbox", "list", *arguments, "--json").stdout)["callback"] == callback
    assert f"callback  {callback}\n" in run("outbox", "show", "long", "--outbox", path).stdout


def test_ages():
    """In the largest unit that is full; what is said to come from the future is new."""
    ages = [_age(seconds) for seconds in (-5, 0.5, 59, 60, 7_199, 7_200, 86_400, 1e7)]

    assert ages == ["0 s", "0 s", "59 s", "1 min", "1 h", "2 h", "1 d", "115 d"]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], ["delivered", "superseded", "pending", FALLBACK_ID, DEAD_ID]),
        (["--group", "second"], [FALLBACK_ID]),
        (["--callback", "hooks"], ["superseded", "pending", DEAD_ID]),
        (["--alarm", "cpu-1"], [FALLBACK_ID, DEAD_ID]),
        (["--status", "dead"], [DEAD_ID]),
        (["--status", "pending"], ["pending", FALLBACK_ID]),
        (["--since", "2026-01-31T18:00:00+08:00"], ["superseded", "pending", FALLBACK_ID]),
        (["--before", "2026-01-31T10:00:00Z"], ["delivered", DEAD_ID]),
        (
            ["--since", "2026-01-31T09:00:00Z", "--before", "2026-01-31T11:00:00Z"],
            ["delivered", "superseded"],
        ),
        (["--limit", "2"], [FALLBACK_ID, DEAD_ID]),
        (["--since", "1s"], []),
        (["--before", "1.5h", "--group", "nobody"], []),
    ],
)
def test_filters(path, arguments, ids):
    """All that is given must match."""
    assert listed(path, *arguments) == ids


def test_a_line_of_json_is_a_delivery(path):
    """With all that a program may want, but for the alarm."""
    result = run("outbox", "list", "--outbox", path, "--json", "--status", "dead")

    document = json.loads(result.stdout)
    attempts = document.pop("attempts")
    settled_at = document.pop("settled_at")
    assert settled_at == "2026-01-31T08:00:00+00:00"
    assert document == {
        "id": DEAD_ID,
        "group": "oncall",
        "callback": "hooks",
        "alarm_id": "cpu-1",
        "status": "dead",
        "created_at": "2026-01-31T08:00:00+00:00",
        "due_at": None,
        "error": "",
        "origin": "",
        "passed": [],
        "replays": ["2026-01-31T13:00:00+00:00"],
    }
    assert [attempt["number"] for attempt in attempts] == [1, 2, 3]
    assert attempts[0]["retry_in"] == 5.0


def test_a_long_table_is_cut(path, monkeypatch):
    """To the newest, and that is told."""
    monkeypatch.setattr(outbox, "SHOWN", 4)

    short = run("outbox", "list", "--outbox", path)
    asked = run("outbox", "list", "--outbox", path, "--limit", "1")
    whole = run("outbox", "list", "--outbox", path, "--limit", "5")

    assert short.stdout.endswith("These are the newest 4; --limit shows more.\n")
    assert "cpu-2" not in short.stdout
    assert asked.stdout.count("cpu-") == 1
    assert "newest" not in whole.stdout


def test_nothing_matches(path):
    """That is no error."""
    result = run("outbox", "list", "--outbox", path, "--alarm", "cpu-9")

    assert (result.exit_code, result.stdout) == (0, "No delivery matches.\n")


def test_what_others_wrote_cannot_control_the_terminal(tmp_path):
    """An alarm's id may be anything."""
    path = filled(tmp_path / "alarms.db")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alarm_dispatch_delivery SET alarm = ?", ("\x1b[2J[red]",))
    connection.close()

    for arguments in (["list"], ["show", DEAD_ID], ["list", "--json"]):
        result = run("outbox", *arguments, "--outbox", path)

        assert "\x1b" not in result.stdout


# -- show


def test_a_delivery_with_its_history(path):
    """Its attempts before and after it was replayed, and its alarm."""
    result = run("outbox", "show", DEAD_ID, "--outbox", path)

    lines = result.stdout.splitlines()
    told = dict(line.strip().split("  ", 1) for line in lines[1 : lines.index("")])
    table = lines[lines.index("") :]
    assert result.exit_code == 0
    assert lines[0] == f"dead  id {DEAD_ID}"
    assert told.keys() == {
        "alarm", "group", "callback", "put", "settled", "replayed", "attempts", "content",
    }  # fmt: skip
    assert (told["attempts"], told["content"]) == ("3", '{"id":"cpu-1"}')
    numbers = [line.split()[0] for line in table if line[:1].isdigit()]
    assert numbers == ["1", "2", "3"]
    between = table[next(i for i, line in enumerate(table) if line[:1] == "2") + 1]
    assert between.strip() == ""


def test_a_fallback_tells_whose_it_is(path):
    """And which groups had the alarm before; one that waits tells for when."""
    result = run("outbox", "show", FALLBACK_ID, "--outbox", path)

    assert f"  fallback of  {DEAD_ID}\n" in result.stdout
    assert "groups before  oncall\n" in result.stdout
    assert "next attempt  2026-" in result.stdout
    assert "reason" not in result.stdout


def test_one_as_json(path):
    """With its alarm."""
    result = run("outbox", "show", DEAD_ID, "--outbox", path, "--json")

    (line,) = result.stdout.splitlines()
    assert json.loads(line)["alarm"] == {"id": "cpu-1"}
    assert len(json.loads(line)["attempts"]) == 3


def test_a_damaged_alarm_is_shown_as_it_is(path):
    """And said to be damaged."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alarm_dispatch_content SET content = ?", (b'{"id\xff',))
    connection.close()

    document = json.loads(run("outbox", "show", DEAD_ID, "--outbox", path, "--json").stdout)
    plain = run("outbox", "show", DEAD_ID, "--outbox", path)

    assert document["alarm"] == '{"id\\xff'
    assert "its content is damaged" in document["error"]
    assert '{"id\\xff' in plain.stdout


# -- replay


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ([DEAD_ID], 1),
        (["--all"], 1),
        (["--since", "2026-01-31T08:00:00Z"], 1),
        (["--since", "2026-01-31T09:00:00Z"], 0),
        (["--before", "12h", "--callback", "hooks"], 1),
        (["--all", "--group", "second"], 0),
        (["--alarm", "cpu-1"], 1),
    ],
)
def test_replaying(path, arguments, count):
    """By ids, all of them, or those that match; the history says it."""
    plain = run("outbox", "replay", "--outbox", path, *arguments)

    told = stored(path)[DEAD_ID]
    words = "1 delivery" if count else "0 deliveries"
    assert (plain.exit_code, plain.stdout) == (0, f"{words} to be sent again\n")
    assert (told.status is StoredStatus.PENDING) == bool(count)
    assert len(told.replays) == 1 + count


def test_what_is_not_dead_is_not_replayed(path):
    """Each wrong id is told, and the right one is not replayed either."""
    result = run("outbox", "replay", DEAD_ID, "pending", "nobody", "--outbox", path)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: no dead delivery has the id 'pending', 'nobody'\n"
    assert stored(path)[DEAD_ID].status is StoredStatus.DEAD


# -- purge


def test_removing(path):
    """What was settled before then; what is to be sent stays."""
    nothing = run("outbox", "purge", "--outbox", path, "--before", "2026-01-31T07:00:00Z", "--json")
    all_of_it = run("outbox", "purge", "--outbox", path, "--before", "0s")

    assert json.loads(nothing.stdout) == {"removed": 0}
    assert (all_of_it.exit_code, all_of_it.stdout) == (0, "3 deliveries removed\n")
    assert set(stored(path)) == {"pending", FALLBACK_ID}


def test_replaying_is_told_to_programs(path):
    """As one line."""
    assert json.loads(run("outbox", "replay", "--outbox", path, "--all", "--json").stdout) == {"replayed": 1}


# -- misuse


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nobody", "--outbox", "PATH"], "PATH has no delivery of the id 'nobody'"),
        (["replay", "--outbox", "PATH"], "say which to replay: ids, --all, or such as --since TIME"),
        (["replay", "a", "--outbox", "PATH", "--all"], "they go together with no other choice"),
        (["replay", "a", "--outbox", "PATH", "--group", "b"], "they go together with no other choice"),
        (["list", "--outbox", "PATH", "--since", "noon"], "--since: 'noon' is no time in ISO 8601"),
        (["list", "--outbox", "PATH", "--before", "2026-01-31"], "and no age such as 30min, 12h or 7d"),
        (["purge", "--outbox", "PATH", "--before", "9999999w"], "9999999w ago is before all times"),
        (["purge", "--outbox", "PATH", "--before", f"{'9' * 400}d"], "ago is before all times"),
        (["purge", "--outbox", "PATH"], "Missing option '--before'"),
        (["list", "--outbox", "/nowhere/alarms.db"], "/nowhere/alarms.db is not there"),
        (["list", "--outbox", str(ALARMS / "tencent-event.en.json")], "is no SQLite database"),
        (["list", "--outbox", ""], "an outbox must be in a file"),
        (["list"], "Missing option '--outbox'"),
        (["list", "--outbox", "PATH", "--status", "lost"], "'lost' is not one of"),
        (["list", "--outbox", "PATH", "--limit", "0"], "0 is not in the range"),
    ],
)
def test_misuse(path, arguments, message):
    """It is told with exit code 2, and nothing is printed."""
    result = run("outbox", *(argument.replace("PATH", path) for argument in arguments))

    assert (result.exit_code, result.stdout) == (2, "")
    assert message.replace("PATH", path) in result.stderr


def test_looking_makes_nothing(tmp_path):
    """Neither a file that was not there, nor tables in somebody else's."""
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    before = other.read_bytes()

    absent = run("outbox", "list", "--outbox", str(tmp_path / "none.db"))
    foreign = run("outbox", "list", "--outbox", str(other))

    assert (absent.exit_code, foreign.exit_code) == (2, 2)
    assert f"{other} has no outbox in it" in foreign.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]
    assert other.read_bytes() == before


def test_an_age_is_counted_from_now(tmp_path):
    """``--since 2h`` is what was made in the last two hours."""
    now = datetime.now(UTC)

    for text, ago in [("90s", 90), ("30min", 1_800), ("2h", 7_200), ("7d", 604_800), ("1w", 604_800)]:
        time = outbox.time_or_age(text, "--since", now)

        assert now - time == timedelta(seconds=ago)
