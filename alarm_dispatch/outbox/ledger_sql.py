"""The statements by which people look at an outbox, and by which it is kept small."""

from __future__ import annotations

from collections.abc import Mapping

from alarm_dispatch.json_text import tolerant_json
from alarm_dispatch.outbox.base import Filter
from alarm_dispatch.outbox.rows import STATUS_CODES, microseconds
from alarm_dispatch.outbox.sql import ANSWER, WITH_CONTENT

__all__ = [
    "COUNT_SETTLED",
    "HAS_PENDING",
    "LAST_SEQ",
    "OLDEST_SETTLED",
    "REMEMBER_LAST",
    "REMOVE",
    "REMOVE_CONTENT",
    "conditions",
    "dead_ids",
    "list_page",
    "lower_bound",
    "replay",
]

_CONDITIONS: Mapping[str, str] = {
    "ids": "d.id IN (SELECT value FROM json_each(:ids))",
    "group": "d.lane IN (SELECT id FROM alarm_dispatch_lane WHERE group_name = :group)",
    "callback": "d.lane IN (SELECT id FROM alarm_dispatch_lane WHERE callback = :callback)",
    # The plus keeps the order by seq, which is what lists are read in, before an index of a part.
    "alarm_id": "+d.alarm = :alarm_id",
    "status": "+d.status = :status",
    "since": "d.created_at >= :since",
    "before": "d.created_at < :before",
}


def conditions(wanted: Filter) -> tuple[str, dict[str, object]]:
    """The filter as an SQL expression on ``d``, and its parameters."""
    given = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
    if wanted.ids is not None:
        given["ids"] = tolerant_json(wanted.ids)
    if wanted.status is not None:
        given["status"] = STATUS_CODES[wanted.status]
    for name in ("since", "before"):
        if name in given:
            given[name] = microseconds(given[name])
    return " AND ".join(_CONDITIONS[name] for name in given) or "1", given


def list_page(where: str) -> str:
    """The next rows after ``:after``, at most ``:most``."""
    page = f"""
        (
            SELECT d.* FROM alarm_dispatch_delivery AS d
            WHERE d.seq > :after AND {where} ORDER BY d.seq LIMIT :most
        ) AS d
        {WITH_CONTENT}
    """  # noqa: S608 - made of constants
    return ANSWER % page


def lower_bound(where: str) -> str:
    """The seq before the newest ``:limit`` rows."""
    return f"""
        SELECT coalesce(min(seq), 0) - 1 FROM (
            SELECT d.seq FROM alarm_dispatch_delivery AS d WHERE {where} ORDER BY d.seq DESC LIMIT :limit
        )
    """  # noqa: S608 - made of constants


HAS_PENDING = """
    SELECT EXISTS (
        SELECT 1 FROM json_each(:lanes) AS l
        WHERE EXISTS (SELECT 1 FROM alarm_dispatch_delivery AS d WHERE d.lane = l.value AND d.status = 0)
    )
"""


def dead_ids(where: str) -> str:
    """The ids of the dead rows."""
    return f"""
        SELECT CAST(json_group_array(d.id) AS BLOB) FROM alarm_dispatch_delivery AS d
        WHERE d.status = 2 AND {where}
    """  # noqa: S608 - made of constants


def replay(where: str, *, limited: bool) -> str:
    """Make dead rows pending, behind all others, in their old order; when limited, the newest ``:limit``."""
    return f"""
        UPDATE alarm_dispatch_delivery
        SET seq = r.seq, body = coalesce(body, alarm_dispatch_delivery.seq), status = 0, settled_at = NULL,
            owner = 0, due_at = :now, set_at = :now, error = '', history = history || :line
        FROM (
            SELECT n.seq AS old, :last + row_number() OVER (ORDER BY n.seq) AS seq
            FROM (
                SELECT d.seq FROM alarm_dispatch_delivery AS d WHERE d.status = 2 AND {where}
                ORDER BY d.seq DESC LIMIT {":limit" if limited else "-1"}
            ) AS n
            LIMIT -1
        ) AS r
        WHERE alarm_dispatch_delivery.seq = r.old
    """  # noqa: S608 - made of constants


LAST_SEQ = """
    SELECT max(
        coalesce((SELECT max(seq) FROM alarm_dispatch_delivery), 0),
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alarm_dispatch_delivery'), 0)
    )
"""
# SQLite itself does not count what an UPDATE gave.
REMEMBER_LAST = "UPDATE sqlite_sequence SET seq = :last WHERE name = 'alarm_dispatch_delivery'"

# -- what is kept no longer

OLDEST_SETTLED = """
    SELECT CAST(json_group_array(json_array(seq, coalesce(body, seq))) AS BLOB) FROM (
        SELECT seq, body FROM alarm_dispatch_delivery
        WHERE status > 0 AND (status = 2) = :dead AND settled_at < :before
        ORDER BY settled_at LIMIT :most
    )
"""

COUNT_SETTLED = """
    SELECT count(*) FROM (
        SELECT 1 FROM alarm_dispatch_delivery WHERE status > 0 AND (status = 2) = :dead LIMIT :most
    )
"""

REMOVE = """
    DELETE FROM alarm_dispatch_delivery
    WHERE seq IN (SELECT json_extract(value, '$[0]') FROM json_each(:batch))
"""
REMOVE_CONTENT = """
    DELETE FROM alarm_dispatch_content
    WHERE seq IN (SELECT json_extract(value, '$[1]') FROM json_each(:batch))
"""
