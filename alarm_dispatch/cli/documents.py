"""What ``--json`` prints: deliveries and reports as JSON values, without a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.redaction import redact_url

__all__ = ["attempt_document", "delivery_document", "report_document", "verifications_document"]


def report_document(report: DispatchReport) -> dict[str, Any]:
    """A whole report."""
    return {
        "ok": report.ok,
        "alarm_id": report.alarm_id,
        "group": report.group,
        "deliveries": [delivery_document(delivery) for delivery in report.deliveries],
    }


def verifications_document(deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """Deliveries that are no report, such as verifications."""
    return {
        "ok": all(delivery.ok for delivery in deliveries),
        "verifications": [delivery_document(delivery) for delivery in deliveries],
    }


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """One delivery; times are in ISO 8601, durations in seconds."""
    error = delivery.error
    return {
        "id": delivery.id,
        "callback": delivery.callback.name,
        "format": delivery.callback.format.name,
        "url": redact_url(delivery.callback.url),
        "status": str(delivery.status),
        "error": None if error is None else f"{type(error).__name__}: {error}",
        "attempts": [attempt_document(attempt) for attempt in delivery.attempts],
    }


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    """One attempt."""
    return {
        "number": attempt.number,
        "started_at": attempt.started_at.isoformat(),
        "duration": attempt.duration,
        "verdict": str(attempt.verdict),
        "status_code": attempt.status_code,
        "reason": attempt.reason,
        "retry_in": attempt.retry_in,
    }
