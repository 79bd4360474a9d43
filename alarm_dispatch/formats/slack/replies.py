"""What Slack's replies to a webhook mean."""

from __future__ import annotations

from alarm_dispatch.confirmation import Confirmation
from alarm_dispatch.exchange import Judgement, Reply, Verdict

__all__ = ["answered_ok", "takes_messages"]

_OK = 200
_FIRST_REDIRECT = 300
_LONGEST = 60

# Slack, "Sending messages using incoming webhooks", Handling errors; and "Changes to errors for incoming
# webhooks" for those of 2016.  None of them goes away by itself.  rollup_error is not among them: that is
# Slack's own trouble.
_FINAL = frozenset(
    {
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_payload",
        "invalid_token",
        "missing_text_or_fallback_or_attachments",
        "no_active_hooks",
        "no_service",
        "no_service_id",
        "no_team",
        "no_text",
        "posting_to_general_channel_denied",
        "team_disabled",
        "too_many_attachments",
        "user_not_found",
    }
)
# What it answers to a message without text where the webhook is in order.
_EMPTY = frozenset({"no_text", "missing_text_or_fallback_or_attachments"})


def _word(reply: Reply) -> str:
    return reply.content.decode("utf-8", "replace").strip()


def _told(reply: Reply, word: str) -> str:
    shown = word if word in _FINAL else ascii(word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…")
    return f"status {reply.status_code}: {shown}" if word else f"status {reply.status_code}, an empty body"


def _denied(reply: Reply) -> Judgement:
    word = _word(reply)
    success = _OK <= reply.status_code < _FIRST_REDIRECT
    verdict = Verdict.UNCONFIRMED if success else Verdict.REJECTED
    return Judgement(verdict, f"{_told(reply, word)}, not ok", final=word in _FINAL)


def _answered_ok(reply: Reply) -> Judgement:
    if reply.status_code == _OK and reply.content == b"ok":
        return Judgement(Verdict.CONFIRMED)
    return _denied(reply)


answered_ok = Confirmation(_answered_ok, "status is 200 and the body is ok", reads_request=False)
"""Confirms a message."""


def _takes_messages(reply: Reply) -> Judgement:
    word = _word(reply)
    if word in _EMPTY:
        return Judgement(Verdict.CONFIRMED)
    return _answered_ok(reply)


takes_messages = Confirmation(_takes_messages, "the body is no_text or ok", reads_request=False)
"""Confirms that a message with a text would have been taken."""
