"""Which pictures there are, and the HTML page that each is taken of."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from attrs import frozen

from .drawing import DRAWN, drawing
from .shown import ROBOTS, Shown, every_format, in_parts, shown

__all__ = ["PICTURES", "Picture"]

_STYLE = Path(__file__).with_name("style.css")


@frozen(kw_only=True)
class Picture:
    """A picture with what is shown in it and told below it; ``described`` is for those who do not see it."""

    name: str
    title: str
    text: str
    described: str
    messages: Callable[[], Iterable[Shown]]
    both_states: bool = True

    def html(self) -> str:
        """The page, which loads nothing from anywhere."""
        drawn = "\n".join(
            drawing(each) for each in self.messages() if self.both_states or each.case != "resolved"
        )
        style = _STYLE.read_text(encoding="utf-8")
        return (
            '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
            f"<title>{html.escape(self.title)}</title>\n"
            f'<style>\n{style}</style>\n<body class="{self.name}">\n{drawn}\n</body></html>\n'
        )


def _of(*names: str) -> Callable[[], Iterable[Shown]]:
    """Those of these formats: first all that fire, then all that are resolved."""

    def messages() -> list[Shown]:
        found = [each for name in names for each in shown(name)]
        return sorted(found, key=lambda each: each.case != "firing")

    return messages


def _others() -> list[Shown]:
    """Those that have no drawing of their own, the short ones first, so that they fill a column."""
    found = [list(shown(name)) for name in every_format() if name not in DRAWN]
    return [each for states in sorted(found, key=_size) for each in states]


def _size(states: Sequence[Shown]) -> int:
    return len(states[0].messages[0].content)


PICTURES = (
    Picture(
        name="robots",
        title="Chat robots",
        text="WeCom, DingTalk and Feishu get markdown, or a card whose colour tells the level.",
        described="A fatal alarm in WeCom, DingTalk and Feishu, firing above and resolved below",
        messages=_of(*ROBOTS),
    ),
    Picture(
        name="parts",
        title="A long alarm",
        text=(
            "WeCom takes 4096 bytes in a message. This alarm has more to say, so it becomes two messages,\n"
            "each marked, and the first mentions people. They are in Chinese, which the robots speak unless\n"
            "`language` says otherwise."
        ),
        described="A long alarm in WeCom: two messages, marked (1/2) and (2/2)",
        messages=in_parts,
    ),
    Picture(
        name="tools",
        title="Slack, PagerDuty and the Alertmanager's receivers",
        text=(
            "Slack gets a header and a section, PagerDuty an event that opens or ends an incident, and what\n"
            "takes the Alertmanager's webhook gets labels and annotations."
        ),
        described="An alarm in Slack and PagerDuty and as an Alertmanager alert, firing and resolved",
        messages=_of("slack", "pagerduty", "alertmanager"),
    ),
    Picture(
        name="payloads",
        title="What programs read",
        text="The picture has the alarm firing, with a form's values decoded; below it is what is sent.",
        described="The payloads of the formats that programs read, side by side",
        messages=_others,
        both_states=False,
    ),
)
