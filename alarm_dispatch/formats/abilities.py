"""What a format may have beyond the least: several messages or alarms, a last touch, words on itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Request
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Format, Payload
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm

__all__ = [
    "About",
    "Bundle",
    "BundlingFormat",
    "FinishingFormat",
    "about_of",
    "bundles_of",
    "can_bundle",
    "finisher_of",
    "limits_of",
    "messages_of",
    "rate_of",
    "secrets_of",
]


# Named functions, because only those tell mypy what a constructor takes.
def _places(value: Iterable[int]) -> tuple[int, ...]:
    return tuple(value)


def _payloads(value: Iterable[Payload]) -> tuple[Payload, ...]:
    return tuple(value)


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidFieldError("About", f"takes a list of texts, not the text {value!r}")
    return tuple(value)


@frozen(kw_only=True)
class About:
    """What can be said of a format's class before one is made: its member ``about``.

    ``needs`` are the options without which none can be made; where any one of several will do, they are one
    text, such as ``"text or file"``.  ``extra`` is what is installed for it (``"our-package[pager]"``), and
    ``module`` the module that comes with that.  ``rules``, ``content_type``, ``rate`` and ``limits`` are
    those of a format that is made with nothing else.
    """

    needs: tuple[str, ...] = field(default=(), converter=_texts)
    extra: str = ""
    module: str = ""
    rules: DeliveryRules | None = None
    content_type: str = ""
    rate: Rate | None = None
    limits: tuple[str, ...] = field(default=(), converter=_texts)

    @property
    def installed(self) -> bool:
        """Whether the extra's module is there; True where there is none."""
        try:
            return not self.module or find_spec(self.module) is not None
        except (ImportError, ValueError):  # its parent is missing, or was put there by hand
            return False


@frozen(kw_only=True)
class Bundle:
    """Some of the alarms that were to be told together, and the messages that tell them.

    ``alarms`` are their places among those given, from 0.  Several alarms share one message; one alarm may
    take several, which are sent in their order, each when the one before is confirmed.
    """

    alarms: tuple[int, ...] = field(converter=_places)
    messages: tuple[Payload, ...] = field(converter=_payloads)

    def __attrs_post_init__(self) -> None:
        if not self.alarms or not self.messages:
            raise InvalidFieldError("Bundle", "needs at least one alarm and one message")
        if len(self.alarms) > 1 and len(self.messages) > 1:
            told = "several alarms share one message; only a single alarm may take several"
            raise InvalidFieldError("Bundle.messages", told)


@runtime_checkable
class BundlingFormat(Format, Protocol):
    """A format whose message can hold several alarms, or whose alarm may take several messages.

    Such a format is asked for bundles only; its ``build`` answers the first message of a single alarm.
    """

    def bundles(self, alarms: Sequence[Alarm], context: BuildContext) -> Sequence[Bundle]:
        """The messages for these alarms, oldest first, each alarm in one bundle.

        What passes the vendor's limit is split, never cut off.  ``context.session_id`` names what is told
        together.  Raises :class:`~alarm_dispatch.errors.BuildError` as ``build`` does.
        """
        ...


@runtime_checkable
class FinishingFormat(Format, Protocol):
    """A format whose requests get something that is new in each attempt: a signature with its time."""

    def finish(self, request: Request) -> Request:
        """The request as it is sent; ``request.started_at`` is the aware time of the attempt.

        It may change the query of the URL, the body and add headers.  It is called before the callback's
        signer.
        """
        ...


# A format of somebody's own has the five members that Format names, so each of the others is asked for.


def bundles_of(made: Format, alarms: Sequence[Alarm], context: BuildContext) -> tuple[Bundle, ...]:
    """What the format makes of these alarms; a message for each where it cannot bundle.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when an alarm is in none of
    the bundles, or in two.
    """
    ask: Any = getattr(made, "bundles", None)
    if ask is None:
        return tuple(
            Bundle(alarms=(place,), messages=(made.build(alarm, context),))
            for place, alarm in enumerate(alarms)
        )
    bundles = tuple(ask(alarms, context))
    if not all(isinstance(bundle, Bundle) for bundle in bundles):
        raise InvalidFieldError(f"format {made.name}", "answered bundles with something that is no Bundle")
    told = sorted(place for bundle in bundles for place in bundle.alarms)
    if told != list(range(len(alarms))):
        raise InvalidFieldError(f"format {made.name}", "has an alarm in none of its bundles, or in two")
    return bundles


def about_of(made: object) -> About:
    """What a format, or what makes one, says of itself; nothing where it says nothing."""
    about = getattr(made, "about", None)
    return about if isinstance(about, About) else About()


def can_bundle(made: Format) -> bool:
    """Whether several alarms can be told in one message."""
    return callable(getattr(made, "bundles", None))


def messages_of(made: Format, alarm: Alarm, context: BuildContext) -> tuple[Payload, ...]:
    """The messages that tell one alarm, nearly always one."""
    if not can_bundle(made):
        return (made.build(alarm, context),)
    return bundles_of(made, (alarm,), context)[0].messages


def finisher_of(made: Format) -> Callable[[Request], Request] | None:
    """What gives each request its last touch, None where nothing does."""
    return getattr(made, "finish", None)


def rate_of(made: Format) -> Rate | None:
    """The rate that the vendor takes; a callback may set another."""
    return getattr(made, "rate", None)


def secrets_of(made: Format) -> tuple[str, ...]:
    """The texts of the format's that nothing may show."""
    return tuple(getattr(made, "secrets", ()))


def limits_of(made: Format) -> tuple[str, ...]:
    """The vendor's limits in words, for people."""
    return tuple(getattr(made, "limits", ()))
