"""The statements by which deliveries go through an outbox, by name; each takes a whole batch."""

from __future__ import annotations

from functools import cache

__all__ = [
    "ANSWER",
    "CLAIMABLE",
    "CLAMP_LEASES",
    "CLAMP_WAITS",
    "END_LEASES",
    "EXTEND",
    "FORGET_WORKERS",
    "JOIN",
    "LANES",
    "LAST",
    "LEAVE",
    "LIVE",
    "NEW_HEADS",
    "NEW_HEADS_AFTER",
    "NEW_LANE",
    "NEW_SEQS",
    "REFUSED",
    "ROW_BATCHES",
    "SEQS",
    "TAKE",
    "TAKEABLE",
    "WITH_CONTENT",
    "put_content",
    "put_rows",
    "retry",
    "settle",
]

# A batch is one statement and its answer one row, since sqlite3 lets go of the interpreter's lock in every
# step, and another thread's event loop keeps it for up to 5 ms each time.  An answer is a JSON array, and the
# contents one after the other beside it.  Both are blobs, so that bytes which a disk has turned do not make
# the whole answer undecodable.

# Rows to be put are parameters, in statements of these sizes, filled up with NULL: twice as fast as JSON.
ROW_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


# The first parameters of such a statement, each used several times.  Not numbered ones: to sqlite3 those are
# names, which from Python 3.14 on go with no sequence.  Nor a WITH before the statement: then sqlite3 does
# not tell how many rows it wrote.
_GIVEN = "(SELECT ? AS worker, ? AS now, ? AS step LIMIT -1) AS given"


def _values(rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return ",".join([row] * rows)


@cache
def put_rows(rows: int) -> str:
    """Put so many deliveries.

    Parameters: the worker's number (0 for none), now, the call; then for each id, lane, alarm, level,
    created_at, origin, passed, and whether it is behind another of the batch.  The worker holds what has none
    before it, or only the worker's own: since it is given what is behind its own, the last one tells.
    """
    return f"""
        INSERT INTO alarm_dispatch_delivery
            (id, lane, alarm, level, created_at, origin, passed, head, owner, due_at, set_at, step)
        WITH given(worker, now, step) AS (VALUES (?, ?, ?))
        SELECT b.id, b.lane, b.alarm, b.level, b.created_at, b.origin, b.passed,
            b.last IS NULL AND NOT b.behind,
            iif(b.last IS NULL OR b.last = w.id, w.id, 0), w.now, w.now, w.step
        FROM (
            SELECT now, step, coalesce(
                (SELECT id FROM alarm_dispatch_worker WHERE id = given.worker AND expires_at > given.now), 0
            ) AS id
            FROM given LIMIT -1
        ) AS w, (
            SELECT column1 AS id, column2 AS lane, column3 AS alarm, column4 AS level,
                column5 AS created_at, column6 AS origin, column7 AS passed, column8 AS behind,
                (
                    SELECT d.owner FROM alarm_dispatch_delivery AS d
                    WHERE d.lane = column2 AND d.alarm = column3 AND d.status = 0
                    ORDER BY d.seq DESC LIMIT 1
                ) AS last
            FROM (VALUES {_values(rows, 8)})
            LIMIT -1
        ) AS b
        WHERE b.id IS NOT NULL
        ON CONFLICT (id) DO NOTHING
    """  # noqa: S608 - made of numbers


@cache
def put_content(rows: int) -> str:
    """Put the contents of new deliveries: for each seq, checksum, content."""
    return f"""
        INSERT INTO alarm_dispatch_content (seq, checksum, content)
        SELECT column1, column2, column3 FROM (VALUES {_values(rows, 3)}) WHERE column1 IS NOT NULL
    """  # noqa: S608 - made of numbers


NEW_LANE = "INSERT OR IGNORE INTO alarm_dispatch_lane (group_name, callback) VALUES (?, ?)"

LANES = """
    SELECT CAST(json_group_array(json_array(id, group_name, callback)) AS BLOB)
    FROM alarm_dispatch_lane WHERE id > ?
"""

# Which deliveries are the worker's of those from seq to seq.
LAST = """
    SELECT CAST(json_group_array(seq) AS BLOB) FROM alarm_dispatch_delivery
    WHERE seq BETWEEN :first AND :last AND owner = :worker
"""

# Those of the ids that this call put.  A row that was there before has used up a seq all the same.
NEW_SEQS = """
    SELECT CAST(json_group_array(json_array(id, seq)) AS BLOB)
    FROM alarm_dispatch_delivery WHERE id IN (SELECT value FROM json_each(:ids)) AND step = :step
"""

SEQS = """
    SELECT CAST(json_group_array(json_array(id, seq)) AS BLOB)
    FROM alarm_dispatch_delivery WHERE id IN (SELECT value FROM json_each(:ids))
"""

# -- workers

JOIN = "INSERT INTO alarm_dispatch_worker (id, renewed_at, expires_at) VALUES (:worker, :now, :until)"

EXTEND = """
    UPDATE alarm_dispatch_worker SET renewed_at = :now, expires_at = :until
    WHERE id = :worker AND expires_at > :now
"""

LEAVE = "UPDATE alarm_dispatch_worker SET renewed_at = 0, expires_at = 0 WHERE id = :worker"

LIVE = "SELECT 1 FROM alarm_dispatch_worker WHERE id = :worker AND expires_at > :now"

# A lease that was taken when the clock was ahead lasts as long as it was meant to, from now.
CLAMP_LEASES = """
    UPDATE alarm_dispatch_worker SET renewed_at = :now, expires_at = :now + expires_at - renewed_at
    WHERE renewed_at > :now AND expires_at > 0
"""

# Once something of it is taken, a lease is over for good, even if the clock should go back.
END_LEASES = "UPDATE alarm_dispatch_worker SET expires_at = 0 WHERE expires_at BETWEEN 1 AND :now"

FORGET_WORKERS = """
    DELETE FROM alarm_dispatch_worker
    WHERE expires_at <= :now AND NOT EXISTS (
        SELECT 1 FROM alarm_dispatch_lane AS l WHERE EXISTS (
            SELECT 1 FROM alarm_dispatch_delivery AS d
            WHERE d.lane = l.id AND d.owner = alarm_dispatch_worker.id AND d.head = 1
        )
    )
"""

# -- claiming

# Those whose rows may be taken: nobody, and workers whose lease has ended.  What a worker has left is found
# by its name, so that nothing is rewritten when it dies.
_FREE = """
    free (owner) AS (
        SELECT 0 UNION ALL SELECT id FROM alarm_dispatch_worker WHERE expires_at <= :now
    )
"""
_LANES = """
    lanes (lane, room) AS (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:room)
    )
"""
# How many of those that wait are looked at for a time that was set when the clock was ahead.
_LOOKED_AT = 8

# Whether the worker's lease lasts; whether a lease was taken when the clock was ahead; when the first is due,
# and whether times of those that wait were set when the clock was ahead.
CLAIMABLE = f"""
    WITH {_FREE}, {_LANES}, first (lane, owner, due_at) AS (
        SELECT lanes.lane, free.owner, (
            SELECT d.due_at FROM alarm_dispatch_delivery AS d
            WHERE d.lane = lanes.lane AND d.owner = free.owner AND d.head = 1
            ORDER BY d.due_at LIMIT 1
        )
        FROM lanes, free
        LIMIT -1
    )
    SELECT EXISTS ({LIVE}),
        EXISTS (SELECT 1 FROM alarm_dispatch_worker WHERE renewed_at > :now AND expires_at > 0),
        min(due_at),
        max(due_at > :now AND (
            SELECT max(w.set_at) FROM (
                SELECT d.set_at FROM alarm_dispatch_delivery AS d
                WHERE d.lane = first.lane AND d.owner = first.owner AND d.head = 1
                ORDER BY d.due_at LIMIT {_LOOKED_AT}
            ) AS w
        ) > :now)
    FROM first WHERE due_at IS NOT NULL
"""  # noqa: S608 - made of constants

# Waits that were reckoned when the clock was ahead are reckoned from now, a little at a time.
CLAMP_WAITS = f"""
    UPDATE alarm_dispatch_delivery SET due_at = :now + max(due_at - set_at, 0), set_at = :now
    WHERE seq IN (
        WITH {_FREE}, {_LANES}
        SELECT d.seq FROM lanes CROSS JOIN free CROSS JOIN alarm_dispatch_delivery AS d
        WHERE d.lane = lanes.lane AND d.owner = free.owner AND d.head = 1
            AND d.due_at > :now AND d.set_at > :now
        LIMIT 500
    )
"""  # noqa: S608 - made of constants

_COLUMNS = """
    json_array(
        d.seq, CAST(d.id AS TEXT), CAST(d.lane AS INTEGER), CAST(d.alarm AS TEXT), CAST(d.level AS INTEGER),
        CAST(d.created_at AS INTEGER), CAST(d.origin AS TEXT), CAST(d.passed AS TEXT),
        CAST(d.status AS INTEGER), CAST(d.number AS INTEGER), CAST(d.due_at AS INTEGER),
        CAST(d.settled_at AS INTEGER), CAST(d.error AS TEXT), CAST(d.history AS TEXT),
        CAST(c.checksum AS INTEGER), length(coalesce(CAST(c.content AS BLOB), x''))
    )
"""
ANSWER = f"""
    SELECT CAST(json_group_array(json(a.columns)) AS BLOB),
        CAST(group_concat(CAST(a.content AS TEXT), '') AS BLOB)
    FROM (
        SELECT {_COLUMNS} AS columns, coalesce(c.content, x'') AS content
        FROM %s
        LIMIT -1
    ) AS a
"""  # noqa: S608 - made of constants
WITH_CONTENT = "LEFT JOIN alarm_dispatch_content AS c ON c.seq = coalesce(d.body, d.seq)"

# The first due ones of each lane, up to its room, oldest first: a walk from each to the next by the index,
# which reads no more than it answers.
_DUE = f"""
    (
        WITH RECURSIVE {_FREE}, {_LANES}, walk (lane, room, due_at, seq) AS (
            SELECT lane, room, -9223372036854775808, 0 FROM lanes
            UNION ALL
            SELECT walk.lane, walk.room - 1, d.due_at, d.seq
            FROM walk CROSS JOIN alarm_dispatch_delivery AS d
            WHERE walk.room > 0 AND d.seq = (
                SELECT n.seq FROM free CROSS JOIN alarm_dispatch_delivery AS n
                WHERE n.seq = (
                    SELECT h.seq FROM alarm_dispatch_delivery AS h
                    WHERE h.lane = walk.lane AND h.owner = free.owner AND h.head = 1 AND h.due_at <= :now
                        AND (h.due_at, h.seq) > (walk.due_at, walk.seq)
                    ORDER BY h.due_at, h.seq LIMIT 1
                )
                ORDER BY n.due_at, n.seq LIMIT 1
            )
        )
        -- without the limit SQLite may leave the order out
        SELECT seq FROM walk WHERE seq > 0 ORDER BY due_at, seq LIMIT -1
    ) AS t
    CROSS JOIN alarm_dispatch_delivery AS d ON d.seq = t.seq
    {WITH_CONTENT}
"""  # noqa: S608 - made of constants
TAKEABLE = ANSWER % _DUE

TAKE = f"""
    UPDATE alarm_dispatch_delivery SET owner = :worker
    WHERE seq IN (SELECT value FROM json_each(:seqs)) AND EXISTS ({LIVE})
"""  # noqa: S608 - made of constants

# -- attempts and ends

# Parameters: the worker's number, now, the call; then for each seq, the number before and after, the lines
# for the history, and what else is set.
_FENCE = """
    alarm_dispatch_delivery.seq = b.column1 AND status = 0 AND owner = given.worker AND number = b.column2
        AND EXISTS (SELECT 1 FROM alarm_dispatch_worker WHERE id = given.worker AND expires_at > given.now)
"""


@cache
def settle(rows: int) -> str:
    """Note so many ends; the columns that are left are the status and our fault."""
    return f"""
        UPDATE alarm_dispatch_delivery
        SET step = given.step, settled_at = given.now, head = 0, owner = 0, number = b.column3,
            history = history || b.column4, status = b.column5, error = b.column6
        FROM {_GIVEN}, (SELECT * FROM (VALUES {_values(rows, 6)}) LIMIT -1) AS b
        WHERE {_FENCE}
    """  # noqa: S608 - made of numbers


@cache
def retry(rows: int) -> str:
    """Note so many attempts; the column that is left is when the next one is due."""
    return f"""
        UPDATE alarm_dispatch_delivery
        SET step = given.step, set_at = given.now, number = b.column3, history = history || b.column4,
            due_at = b.column5
        FROM {_GIVEN}, (SELECT * FROM (VALUES {_values(rows, 5)}) LIMIT -1) AS b
        WHERE {_FENCE}
    """  # noqa: S608 - made of numbers


# Which of them that statement did not write.
REFUSED = """
    SELECT CAST(json_group_array(value) AS BLOB) FROM json_each(:seqs)
    WHERE NOT EXISTS (
        SELECT 1 FROM alarm_dispatch_delivery WHERE seq = value AND step = :step
    )
"""

# The first unsettled of an alarm is its head; the worker keeps what it holds, and what was another's, who is
# gone, is nobody's.
_NEW_HEADS = """
    UPDATE alarm_dispatch_delivery
    SET head = 1, owner = iif(owner = :worker, owner, 0),
        due_at = min(due_at, :now), set_at = min(set_at, :now)
    WHERE head = 0 AND seq IN (
        SELECT (
            SELECT n.seq FROM alarm_dispatch_delivery AS n
            WHERE n.lane = p.lane AND n.alarm = p.alarm AND n.status = 0
            ORDER BY n.seq LIMIT 1
        )
        FROM %s
    )
"""
NEW_HEADS = _NEW_HEADS % "json_each(:seqs) AS s CROSS JOIN alarm_dispatch_delivery AS p ON p.seq = s.value"
NEW_HEADS_AFTER = _NEW_HEADS % "alarm_dispatch_delivery AS p WHERE p.seq > :after"
