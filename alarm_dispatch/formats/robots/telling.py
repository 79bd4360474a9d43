"""Which lines tell an alarm: a headline and its facts, or what the user's template says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from attrs import field, frozen

from alarm_dispatch.formats.robots.cutting import Line
from alarm_dispatch.formats.robots.escaping import Escape, is_link, link_target
from alarm_dispatch.formats.robots.mentions import Mentions, as_mentions
from alarm_dispatch.formats.robots.template import Template, as_template, called, filled
from alarm_dispatch.formats.wording import (
    Fact,
    FactName,
    Language,
    as_language,
    as_zone,
    facts,
    headline,
    state_text,
)
from alarm_dispatch.model import Alarm

__all__ = ["Markup", "Robot", "Told", "several", "test_text"]

_CHINA = timezone(timedelta(hours=8))

_COLONS = {Language.ENGLISH: ": ", Language.CHINESE: "："}
_SEVERAL = {Language.ENGLISH: "{} alarms", Language.CHINESE: "{} 条告警"}
_TEST = {
    Language.ENGLISH: "Test message: this robot is set up to tell alarms. There is no alarm.",
    Language.CHINESE: "测试消息：此机器人已配置为发送告警。当前没有告警。",
}


def several(count: int, language: Language) -> str:
    """What a message of so many alarms is called."""
    return _SEVERAL[language].format(count)


def test_text(language: Language) -> str:
    """What a robot is tried with: people read it, so it says that it is no alarm."""
    return _TEST[language]


@frozen(kw_only=True)
class Markup:
    """How a vendor's text marks what it tells.

    ``escaped`` keeps values from being markup themselves.  ``again`` stands before what is left of a value in
    the next part, so that no part of one stands at the beginning of a line, where more is markup.
    """

    escaped: Escape
    bold: str = ""
    again: str = ""
    links: bool = False


@frozen(kw_only=True)
class Told:
    """An alarm as people read it: ``title`` is its headline in plain text, ``lines`` are the message.

    ``under_title`` are the lines where the title stands above them, so that it is not told twice.
    """

    alarm: Alarm
    title: str
    lines: tuple[Line, ...]
    under_title: tuple[Line, ...]


def _template(value: Template | None) -> Template | None:
    return as_template(value)


def _mentions(value: Any) -> Mentions:
    return as_mentions(value)


@frozen(kw_only=True)
class Robot:
    r"""The options that all robots have.

    ``language`` is ``"zh"`` or ``"en"``.  ``zone`` is where the times are read: ``"Asia/Shanghai"``,
    ``"+08:00"`` or a tzinfo.  ``mentions`` are the people that each message mentions.  ``template`` replaces
    our text: a text with placeholders (``"{headline}\\n{facts}"``), or a function from an alarm to a text.
    """

    language: Language = field(default=Language.CHINESE, converter=as_language)
    zone: tzinfo = field(default=_CHINA, converter=as_zone)
    mentions: Mentions = field(factory=Mentions, converter=_mentions)
    template: Template | None = field(default=None, converter=_template)

    def tell(self, alarm: Alarm, now: datetime, markup: Markup, name: str) -> Told:
        """The alarm in the words of these options; ``name`` is the format's."""
        title = headline(alarm, self.language)
        known = facts(alarm, now, self.language, self.zone)
        if self.template is None:
            bold = markup.bold
            head = Line(markup.escaped(title, not bold), before=bold, again=bold, after=bold)
            under = tuple(self._fact_lines(known, markup))
            return Told(alarm=alarm, title=title, lines=(head, *under), under_title=under)
        if isinstance(self.template, str):
            lines = tuple(self._filled(self.template, alarm, title, known, markup))
        else:
            lines = tuple(map(Line, called(self.template, alarm, name).split("\n")))
        return Told(alarm=alarm, title=title, lines=lines, under_title=lines)

    def _fact_lines(self, known: tuple[Fact, ...], markup: Markup) -> Iterator[Line]:
        for fact in known:
            first, *further = markup.escaped(_broken(fact.value), False).split("\n")
            label = f"{markup.bold}{fact.label}{_COLONS[self.language].rstrip()}{markup.bold}"
            space = " " if markup.bold or self.language is Language.ENGLISH else ""
            line = Line(first, before=label + space, again=markup.again)
            if fact.name is FactName.LINK and markup.links and is_link(fact.value):
                yield Line(f"[{fact.label}]({link_target(fact.value)})", instead=line)
                continue
            yield line
            yield from (Line(text, again=markup.again) for text in further)

    def _filled(
        self, template: str, alarm: Alarm, title: str, known: tuple[Fact, ...], markup: Markup
    ) -> Iterator[Line]:
        values = {"headline": title, "state": state_text(alarm, self.language), "id": alarm.id}
        values |= {fact.name.value: fact.value for fact in known}

        def shown(name: str, begins: bool) -> str:
            value = values.get(name, "")
            if name == FactName.LINK and markup.links and is_link(value):
                return link_target(value)
            return markup.escaped(_broken(value), begins)

        for line in filled(template, shown):
            if line is None:
                yield from self._fact_lines(known, markup)
            else:
                yield Line(line)


def _broken(value: str) -> str:
    """The value with every kind of line break written as one."""
    return "\n".join(value.splitlines())
