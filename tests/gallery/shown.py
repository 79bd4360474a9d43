"""Which messages are shown: each registered format's, built as a delivery would build them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from attrs import field, frozen

from alarm_dispatch import formats
from alarm_dispatch.formats import BuildContext, Format, Payload
from alarm_dispatch.formats.abilities import messages_of
from alarm_dispatch.model import Alarm

from ..formats.open_formats import OPEN_FORMATS
from .alarms import FIRING, LONG, RESOLVED, told_at

__all__ = ["ROBOTS", "Shown", "every_format", "in_parts", "shown", "text_of"]

ROBOTS = ("wecom", "dingtalk", "feishu")

# Their own language is Chinese; the one alarm is told in the language of the page.
_ENGLISH: dict[str, Any] = {"language": "en"}
_OWN = "alarm_dispatch."
# Of a line of JSON: what half a picture can hold.
_WIDTH = 66


@frozen(kw_only=True)
class Shown:
    """What a format makes of the alarm; ``case`` says which state of it, ``code`` how the format is made."""

    name: str
    case: str
    code: str
    messages: tuple[Payload, ...] = field(converter=tuple)


def every_format() -> tuple[str, ...]:
    """The names of the formats that are the project's own, sorted."""
    return tuple(name for name in formats.names() if type(_made(name)).__module__.startswith(_OWN))


def shown(name: str) -> Iterator[Shown]:
    """The messages of one format, firing and resolved."""
    for case, alarm in (("firing", FIRING), ("resolved", RESOLVED)):
        yield _shown(name, case, alarm, _options(name))


def in_parts() -> Iterator[Shown]:
    """A long alarm, as the robot with the smallest messages takes it."""
    yield _shown("wecom", "in parts", LONG, {"mentions": ["zhang.wei"]})


def _shown(name: str, case: str, alarm: Alarm, options: dict[str, Any]) -> Shown:
    context = BuildContext(session_id="019c13a0-6f00", now=told_at(alarm), url="https://ops.example.com/")
    given = ", ".join(f"{option}={value!r}" for option, value in options.items())
    messages = messages_of(_made(name, options), alarm, context)
    return Shown(name=name, case=case, code=f"{name}.Format({given})", messages=messages)


def _options(name: str) -> dict[str, Any]:
    return {**OPEN_FORMATS.get(name, {}), **(_ENGLISH if name in ROBOTS else {})}


def _made(name: str, options: dict[str, Any] | None = None) -> Format:
    return formats.get(name, **(_options(name) if options is None else options))


def text_of(message: Payload) -> str:
    """The body as it can be read: JSON over several lines, a form's parameters each on its own."""
    text = message.content.decode("utf-8")
    if "json" in message.content_type:
        return _spread(json.loads(text), "")
    return text.replace("&", "\n&") if "form-urlencoded" in message.content_type else text


def _spread(value: Any, indent: str, taken: int = 0) -> str:
    """JSON with a line for each part of what does not fit on one; ``taken`` is what stands before it."""
    whole = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent) + taken + len(whole) <= _WIDTH:
        return whole
    deeper = f"{indent}  "
    if isinstance(value, list):
        parts = [f"{deeper}{_spread(item, deeper)}" for item in value]
        return "[\n{}\n{}]".format(",\n".join(parts), indent)
    keys = {key: f"{json.dumps(key, ensure_ascii=False)}: " for key in value}
    parts = [f"{deeper}{keys[key]}{_spread(value[key], deeper, len(keys[key]))}" for key in value]
    return "{{\n{}\n{}}}".format(",\n".join(parts), indent)
