"""The older Tencent format's own rules; what it shares with the current one is tested there."""

from __future__ import annotations

import attrs
import pytest

from alarm_dispatch.errors import InvalidFieldError, UnsupportedAlarmError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.formats import Dialect, tencent_legacy
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM
from tests.formats.samples import context

every_dialect = pytest.mark.parametrize("dialect", list(Dialect))

_STRICT = b'{"sessionId": "d-1", "retCode": 0}'
_BARE = b'{\n    sessionId: "d-1",\n    retCode: 0\n}'


@every_dialect
@pytest.mark.parametrize(
    ("content", "unquoted", "wanted"),
    [
        (_STRICT, False, Verdict.CONFIRMED),
        (_STRICT, True, Verdict.CONFIRMED),
        (_BARE, False, Verdict.UNCONFIRMED),
        (_BARE, True, Verdict.CONFIRMED),
        (_STRICT.replace(b"0", b"1"), False, Verdict.UNCONFIRMED),
        (_STRICT.replace(b"d-1", b"d-2"), False, Verdict.UNCONFIRMED),
        (b"", True, Verdict.UNCONFIRMED),
    ],
)
def test_the_older_reply_confirms_with_its_body(
    dialect: Dialect, content: bytes, unquoted: bool, wanted: Verdict
) -> None:
    """``retCode`` 0 and the session that was sent; bare keys only where the option allows them."""
    made = tencent_legacy.Format(dialect=dialect, accept_unquoted_reply=unquoted)
    request = Request(url="https://x/", content=b"", delivery_id="d-1")

    judged = made.rules.confirmation(Reply(status_code=200, content=content, request=request))

    assert judged.verdict is wanted


def test_the_option_for_bare_keys_is_a_bool() -> None:
    """A text such as "no" would count as true."""
    with pytest.raises(InvalidFieldError, match="accept_unquoted_reply"):
        tencent_legacy.Format(accept_unquoted_reply="no")


def test_the_older_format_parses_both_nestings_whatever_its_dialect() -> None:
    """A receiver's test reads a body without knowing the sender's dialect."""
    documented, observed = (tencent_legacy.Format(dialect=dialect) for dialect in Dialect)

    nested, flat = (made.build(METRIC_ALARM, context()) for made in (documented, observed))

    assert type(observed.parse(nested.content, nested.content_type)) is tencent_legacy.DocumentedAlarm
    assert type(documented.parse(flat.content, flat.content_type)) is tencent_legacy.ObservedAlarm


@every_dialect
def test_an_event_is_told_before_what_it_lacks(dialect: Dialect) -> None:
    """Whatever would be set, there is no payload for it."""
    alarm = attrs.evolve(EVENT_ALARM, target=attrs.evolve(EVENT_ALARM.target, namespace=None))

    with pytest.raises(UnsupportedAlarmError, match="no payload for an event"):
        tencent_legacy.Format(dialect=dialect).build(alarm, context())
