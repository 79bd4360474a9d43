"""Which reply a step gives to a request, as a value and as the bytes of HTTP/1.1."""

from __future__ import annotations

import http
import json

from alarm_dispatch.confirmation import read_json
from alarm_dispatch.exchange import Reply
from alarm_dispatch.receiver.script import Step, StepKind

__all__ = ["reason_phrase", "reply_to", "wire_form"]

_NO_BODY = (204, 304)


def _confirming(content: bytes) -> bytes:
    """What the older Tencent document asks of a receiver; the other formats look at the status only."""
    try:
        body = read_json(content)
    except ValueError:
        body = None
    if not isinstance(body, dict) or "sessionId" not in body:
        return b"{}"
    return json.dumps({"sessionId": body["sessionId"], "retCode": 0}).encode()


def reply_to(step: Step, *, content: bytes, target: str) -> Reply:
    """The whole reply of a step that has one (``drip`` has that of ``confirm``) to a request.

    ``content`` is the request's body, ``target`` what it asked for.
    """
    headers: tuple[tuple[str, str], ...] = ()
    status_code, body = 200, step.content
    if step.kind is StepKind.STATUS:
        status_code = step.status_code
    elif step.kind is StepKind.REDIRECT:
        status_code, headers = 302, (("Location", step.location or target),)
    else:
        body = _confirming(content)
    if body:
        headers = (*headers, ("Content-Type", "application/json"))
    if status_code not in _NO_BODY:
        headers = (*headers, ("Content-Length", str(len(body))))
    return Reply(status_code=status_code, headers=headers, content=body)


def reason_phrase(status_code: int) -> str:
    """The usual words for a status, "" for one that has none."""
    try:
        return http.HTTPStatus(status_code).phrase
    except ValueError:
        return ""


def wire_form(reply: Reply) -> bytes:
    """The reply's bytes on an HTTP/1.1 connection."""
    lines = [f"HTTP/1.1 {reply.status_code} {reason_phrase(reply.status_code)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + reply.content
