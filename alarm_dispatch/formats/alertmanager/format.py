"""The Alertmanager's format: its options, its delivery rules, its messages of one alarm or many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.confirmation import any_2xx
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats.abilities import Bundle
from alarm_dispatch.formats.alertmanager.build import OWN_LABELS, alert, group_labels_of, message
from alarm_dispatch.formats.alertmanager.labels import label_name
from alarm_dispatch.formats.alertmanager.wire import NAME, Alert, Message, converter
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.fields import json_payload, read_json, structured
from alarm_dispatch.formats.open_rules import open_rules, retried_on_busy_only
from alarm_dispatch.formats.wording import Language, as_language
from alarm_dispatch.model import Alarm
from alarm_dispatch.values import JsonObject

__all__ = ["Format"]

# A 2xx is success, and of the rest the Alertmanager's own sender tries 5xx and 429 again.
_RULES = open_rules(retried_on_busy_only(any_2xx()))

_MOST_ALERTS = 100


def _labels(value: Mapping[str, str]) -> Mapping[str, str]:
    given: object = value
    if not isinstance(given, Mapping):
        raise InvalidFieldError("Format.labels", f"must be a mapping, not {type(given).__name__}")
    for name, text in given.items():
        _check_name(name, "Format.labels")
        if name in OWN_LABELS:
            raise InvalidFieldError(f"Format.labels[{name!r}]", "cannot be set: it tells what the alarm says")
        values.check_text(text, f"Format.labels[{name!r}]")
    return JsonObject(given, field="Format.labels")  # type: ignore[return-value]  # its values are texts


def _group_by(value: Iterable[str]) -> tuple[str, ...]:
    given: object = value
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidFieldError(
            "Format.group_by", f"must be a list of label names, not {type(given).__name__}"
        )
    names = tuple(given)
    for index, name in enumerate(names):
        _check_name(name, f"Format.group_by[{index}]")
    return names


def _check_name(name: object, field_name: str) -> None:
    if label_name(values.check_text(name, field_name)) != name:
        allowed = "letters, digits and _, no digit at the beginning, and not two _ there"
        raise InvalidFieldError(field_name, f"{name!r} is no label name; allowed are {allowed}")


@frozen(kw_only=True)
class Format:
    """The webhook of the Prometheus Alertmanager, version 4: a JSON body with one alarm or many.

    ``receiver`` and ``external_url`` are sent as the names and the address of the sender.  ``labels`` stand
    on every alarm.  Alarms with the same values of the labels ``group_by`` share messages, of at most
    ``max_alerts`` each: what is more comes in the next message, and nothing is cut off.  The annotation
    ``summary`` is in ``language``: ``"en"`` or ``"zh"``.

    Delivery: confirmed by any 2xx, tried again on 429 and 5xx only, as the Alertmanager itself does; timeout
    and waits are ours.  Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    receiver: str = field(default="alarm-dispatch", validator=values.text())
    external_url: str = field(default="", validator=values.text())
    labels: Mapping[str, str] = field(factory=JsonObject, converter=_labels)
    group_by: tuple[str, ...] = field(default=("alertname",), converter=_group_by)
    max_alerts: int = field(default=_MOST_ALERTS, validator=values.non_negative(whole=True, least=1))
    language: Language = field(default=Language.ENGLISH, converter=as_language)

    @property
    def name(self) -> str:
        """``alertmanager``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Any 2xx confirms; other statuses than 429 and 5xx end the delivery."""
        return _RULES

    @property
    def limits(self) -> tuple[str, ...]:
        """How many alarms a message holds."""
        return (f"{self.max_alerts} alarms in a message",)

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:  # noqa: ARG002 - nothing of it is sent
        """The message of one alarm.

        Raises :class:`~alarm_dispatch.errors.BuildError` for a policy without a name, for an ended alarm
        whose end is not known, and for labels that cannot be told apart.
        """
        return self._payload([self._alert(alarm)])

    def bundles(self, alarms: Sequence[Alarm], context: BuildContext) -> Sequence[Bundle]:  # noqa: ARG002
        """The messages of many alarms: by group, and each alarm once in its latest state."""
        places: dict[str, list[int]] = {}
        for place, alarm in enumerate(alarms):
            places.setdefault(alarm.id, []).append(place)
        groups: dict[tuple[tuple[str, str], ...], list[tuple[Alert, list[int]]]] = {}
        for of_alarm in places.values():
            one = self._alert(alarms[of_alarm[-1]])
            key = tuple(group_labels_of(one, self.group_by).items())
            groups.setdefault(key, []).append((one, of_alarm))
        return [
            Bundle(
                alarms=[place for _, of_alarm in part for place in of_alarm],
                messages=[self._payload([one for one, _ in part])],
            )
            for group in groups.values()
            for part in (group[at : at + self.max_alerts] for at in range(0, len(group), self.max_alerts))
        ]

    def _alert(self, alarm: Alarm) -> Alert:
        return alert(alarm, self.labels, self.language)

    def _payload(self, alerts: Sequence[Alert]) -> Payload:
        made = message(alerts, self.group_by, self.receiver, self.external_url)
        return json_payload(converter.unstructure(made))

    def parse(self, content: bytes, content_type: str) -> Message:
        """The message in a body; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return structured(converter, read_json(content, content_type, NAME), Message, NAME)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A POST of a message without alarms, confirmed by any 2xx: the Alertmanager documents none."""
        return Verification(payload=self._payload([]), confirmation=any_2xx())
