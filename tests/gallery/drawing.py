"""How a message is drawn: a bubble, a card, an incident, an alert, and anything else as its text."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from alarm_dispatch.formats import Payload

from .markup import markdown, mrkdwn
from .shown import Shown, text_of

__all__ = ["DRAWN", "drawing"]


def drawing(each: Shown) -> str:
    """The messages under the format's name."""
    draw = DRAWN.get(each.name, _payload)
    caption = f"<h2>{html.escape(each.name)}<small>{html.escape(each.case)}</small></h2>"
    drawn = "".join(draw(message) for message in each.messages)
    return f'<figure class="{html.escape(each.name)}">{caption}{drawn}</figure>'


def _body(message: Payload) -> Any:
    return json.loads(message.content)


def _said(inner: str, mark: str = "BOT") -> str:
    return (
        '<div class="chat"><div class="avatar">A</div><div class="said">'
        f'<div class="sender">Alarms<span class="bot">{mark}</span></div>{inner}</div></div>'
    )


def _wecom(message: Payload) -> str:
    text = markdown(_body(message)["markdown"]["content"], breaks=True)
    return _said(f'<div class="bubble">{text}</div>')


def _dingtalk(message: Payload) -> str:
    # One line break does not break a line there.
    text = markdown(_body(message)["markdown"]["text"], breaks=False)
    return _said(f'<div class="bubble">{text}</div>')


def _feishu(message: Payload) -> str:
    card = _body(message)["card"]
    title = html.escape(card["header"]["title"]["content"])
    text = "".join(markdown(element["content"], breaks=True) for element in card["elements"])
    header = f'<div class="title {card["header"]["template"]}">{title}</div>'
    return _said(f'<div class="card">{header}<div class="text">{text}</div></div>')


def _slack(message: Payload) -> str:
    return _said("".join(_block(block) for block in _body(message)["blocks"]), "APP")


def _block(block: Mapping[str, Any]) -> str:
    if block["type"] == "divider":
        return "<hr>"
    text = block["text"]["text"]
    # Both are escaped by Slack's rule, which is HTML's, too.
    return f'<div class="{block["type"]}">{text if block["type"] == "header" else mrkdwn(text)}</div>'


def _facts(values: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(_text(value))}</td></tr>"
        for key, value in values.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _headed(kind: str, state: str, title: str, inner: str) -> str:
    head = f'<div class="title"><span class="state">{html.escape(state)}</span>{html.escape(title)}</div>'
    return f'<div class="{kind} {html.escape(state.lower())}">{head}{inner}</div>'


def _pagerduty(message: Payload) -> str:
    event = _body(message)
    # What resolves an incident names it, and says no more.
    told = dict(event.get("payload", {}))
    summary, details = told.pop("summary", ""), told.pop("custom_details", {})
    inner = _facts({"dedup_key": event["dedup_key"], **told})
    if details:
        inner += f"<h3>Details</h3>{_facts(details)}"
    for link in event.get("links", ()):
        inner += f'<p><a href="{html.escape(link["href"])}">{html.escape(link["text"])}</a></p>'
    return _headed("incident", _INCIDENT[event["event_action"]], summary, inner)


_INCIDENT = {"trigger": "Triggered", "resolve": "Resolved"}


def _alertmanager(message: Payload) -> str:
    return "".join(_alert(alert) for alert in _body(message)["alerts"])


def _alert(alert: Mapping[str, Any]) -> str:
    labels = "".join(
        f'<span class="label">{html.escape(f"{name}={json.dumps(value, ensure_ascii=False)}")}</span>'
        for name, value in alert["labels"].items()
    )
    rest = {key: value for key, value in alert.items() if key not in {"status", "labels", "annotations"}}
    inner = (
        f'<div class="labels">{labels}</div>'
        f"<h3>Annotations</h3>{_facts(alert['annotations'])}<h3>Alert</h3>{_facts(rest)}"
    )
    return _headed("alert", alert["status"], alert["labels"]["alertname"], inner)


def _payload(message: Payload) -> str:
    text = text_of(message)
    if "form-urlencoded" in message.content_type:
        text = unquote_plus(text)
    kind = html.escape(message.content_type)
    return f'<div class="type">{kind}</div><pre>{html.escape(text)}</pre>'


DRAWN: Mapping[str, Callable[[Payload], str]] = {
    "wecom": _wecom,
    "dingtalk": _dingtalk,
    "feishu": _feishu,
    "slack": _slack,
    "pagerduty": _pagerduty,
    "alertmanager": _alertmanager,
}
"""By format; a format that is not here is drawn as its payload."""
