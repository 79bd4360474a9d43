"""What an alarm is: the alarm and its parts, in the field's own words and in no vendor's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from alarm_dispatch import states, values
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.states import AlarmState, Level, RepeatMode
from alarm_dispatch.values import JsonObject, Number

__all__ = [
    "Alarm",
    "AlarmState",
    "Anomaly",
    "AnomalyRecord",
    "DimensionLabel",
    "EventCondition",
    "Level",
    "Metric",
    "MetricCondition",
    "Policy",
    "Repeat",
    "RepeatMode",
    "Target",
    "Tenant",
]


# Converters are named functions, one a field, because only those tell mypy what a constructor takes.
def _policy_labels(value: Mapping[str, Any]) -> JsonObject:
    return values.freeze_object(value, "Policy.labels")


def _target_dimensions(value: Mapping[str, Any]) -> JsonObject:
    return values.freeze_object(value, "Target.dimensions")


def _record_fields(value: Mapping[str, Any]) -> JsonObject:
    return values.freeze_object(value, "AnomalyRecord.fields")


def _record_dimensions(value: Mapping[str, Any]) -> JsonObject:
    return values.freeze_object(value, "AnomalyRecord.dimensions")


def _alarm_details(value: Mapping[str, Any]) -> JsonObject:
    return values.freeze_object(value, "Alarm.details")


def _as_tuple(items: object) -> tuple[Any, ...]:
    # One item is a tuple of it.  A text is iterable too, and tuple("abc") would hide the mistake; what is
    # of a wrong kind is left for the validator, which names the field.
    if isinstance(items, Iterable) and not isinstance(items, str | bytes | Mapping):
        return tuple(items)
    return (items,)


def _texts(items: Iterable[str]) -> tuple[str, ...]:
    return _as_tuple(items)


def _metrics(items: Iterable[Metric]) -> tuple[Metric, ...]:
    return _as_tuple(items)


def _dimension_labels(items: Iterable[DimensionLabel]) -> tuple[DimensionLabel, ...]:
    return _as_tuple(items)


def _anomalies(items: Iterable[Anomaly]) -> tuple[Anomaly, ...]:
    return _as_tuple(items)


def _anomaly_records(items: Iterable[AnomalyRecord]) -> tuple[AnomalyRecord, ...]:
    return _as_tuple(items)


@frozen
class Repeat:
    """Whether and how often an unresolved alarm is notified again; ``period`` is in seconds.

    ``daily_after`` counts in the mode ``continuous``: what is sent that many seconds after the first trigger,
    or later, is followed by the next one a day after it.  Tencent Cloud does so after 24 hours
    (``daily_after=86_400``); without it the alarm goes on every ``period``.
    """

    mode: RepeatMode = field(default=RepeatMode.ONCE, converter=states.as_repeat_mode)
    period: Number = field(default=0, validator=values.non_negative())
    daily_after: Number | None = field(
        default=None, kw_only=True, validator=values.non_negative(optional=True)
    )

    def __attrs_post_init__(self) -> None:
        if self.mode is RepeatMode.CONTINUOUS and not self.period:
            raise InvalidFieldError("Repeat.period", "must be more than 0 when the mode is 'continuous'")
        if self.mode is not RepeatMode.CONTINUOUS and self.daily_after is not None:
            raise InvalidFieldError("Repeat.daily_after", "is for the mode 'continuous' only")


@frozen(kw_only=True)
class Tenant:
    """Whose alarm it is: a business, a project, a cloud account.

    ``account_id`` and ``application_id`` are the numbers that a cloud gives the account, where it has
    them beside ``id``.
    """

    id: int | str = field(validator=values.identifier())
    name: str | None = field(default=None, validator=values.text(optional=True))
    account_id: int | str | None = field(default=None, validator=values.identifier(optional=True))
    application_id: int | str | None = field(default=None, validator=values.identifier(optional=True))


@frozen(kw_only=True)
class Policy:
    """The rule that raised the alarm.

    ``type`` is the kind of rule by its name, ``type_name`` and ``type_english_name`` its displayed names.
    ``url`` leads a person to the rule.
    """

    id: int | str = field(validator=values.identifier())
    name: str = field(validator=values.text())
    type: str | None = field(default=None, validator=values.text(optional=True))
    type_name: str | None = field(default=None, validator=values.text(optional=True))
    type_english_name: str | None = field(default=None, validator=values.text(optional=True))
    scenario: str | None = field(default=None, validator=values.text(optional=True))
    tags: tuple[str, ...] = field(default=(), converter=_texts, validator=values.text_tuple)
    labels: JsonObject = field(factory=JsonObject, converter=_policy_labels)
    url: str | None = field(default=None, validator=values.text(optional=True))


@frozen(kw_only=True)
class Metric:
    """One watched quantity: ``name`` as the system calls it, ``display_name`` as people read it.

    ``id`` is its full identifier, and the four ``source_*`` and ``kind_*`` values say where its data come
    from and of what kind they are, by label and by displayed name.
    """

    name: str = field(validator=values.text(empty=False))
    display_name: str | None = field(default=None, validator=values.text(optional=True))
    id: str | None = field(default=None, validator=values.text(optional=True))
    source_label: str | None = field(default=None, validator=values.text(optional=True))
    source_name: str | None = field(default=None, validator=values.text(optional=True))
    kind_label: str | None = field(default=None, validator=values.text(optional=True))
    kind_name: str | None = field(default=None, validator=values.text(optional=True))


def _as_metric(value: Metric | str) -> Metric:
    if isinstance(value, Metric):
        return value
    return Metric(name=values.check_text(value, "MetricCondition.metric", empty=False))


@frozen(kw_only=True)
class MetricCondition:
    """A metric against a threshold, or a metric without one.

    ``metric`` may be given as its bare name.  ``operator`` and ``threshold`` come together or not at all;
    ``threshold_unit`` only where it is not ``unit``.  ``period`` is the statistical period in seconds,
    ``periods`` how many of them in a row raised the alarm.  ``expression`` is the rule in the monitoring
    system's own words; without it a format that needs one composes it of statistic, operator, threshold.
    """

    metric: Metric = field(converter=_as_metric)
    other_metrics: tuple[Metric, ...] = field(
        default=(), converter=_metrics, validator=values.instances(Metric)
    )
    statistic: str | None = field(default=None, validator=values.text(optional=True))
    operator: str | None = field(default=None, validator=values.text(optional=True, empty=False))
    threshold: Number | None = field(default=None, validator=values.number(optional=True))
    threshold_unit: str | None = field(default=None, validator=values.text(optional=True))
    unit: str | None = field(default=None, validator=values.text(optional=True))
    period: Number | None = field(default=None, validator=values.non_negative(optional=True))
    periods: int | None = field(default=None, validator=values.non_negative(optional=True, whole=True))
    expression: str | None = field(default=None, validator=values.text(optional=True))
    group_by: tuple[str, ...] = field(default=(), converter=_texts, validator=values.text_tuple)
    repeat: Repeat | None = field(default=None, validator=values.instance(Repeat, optional=True))

    def __attrs_post_init__(self) -> None:
        if (self.operator is None) != (self.threshold is None):
            absent = "operator" if self.operator is None else "threshold"
            raise InvalidFieldError(
                f"MetricCondition.{absent}", "operator and threshold are given together, or neither is"
            )


@frozen(kw_only=True)
class EventCondition:
    """Something that happened to a product.

    ``resolvable`` is False for an event that has no resolved state.
    """

    name: str = field(validator=values.text(empty=False))
    display_name: str | None = field(default=None, validator=values.text(optional=True))
    product: str | None = field(default=None, validator=values.text(optional=True))
    product_display_name: str | None = field(default=None, validator=values.text(optional=True))
    resolvable: bool = field(default=True, validator=values.instance(bool))
    repeat: Repeat | None = field(default=None, validator=values.instance(Repeat, optional=True))


@frozen(kw_only=True)
class DimensionLabel:
    """How the dimension ``key`` and its value are shown to people."""

    key: str = field(validator=values.text(empty=False))
    display_name: str = field(validator=values.text())
    display_value: str = field(validator=values.text())


@frozen(kw_only=True)
class Target:
    """What the alarm is about.

    ``dimensions`` identify it: a plain mapping, or one of a format's typed dimension classes, which are
    mappings too.  ``region`` is absent for products without regions.  ``name`` is the instance's name;
    ``group_id`` and ``group_name`` are the resource group it belongs to.
    """

    dimensions: JsonObject = field(factory=JsonObject, converter=_target_dimensions)
    dimension_labels: tuple[DimensionLabel, ...] = field(
        default=(), converter=_dimension_labels, validator=values.instances(DimensionLabel)
    )
    namespace: str | None = field(default=None, validator=values.text(optional=True))
    region: str | None = field(default=None, validator=values.text(optional=True))
    region_name: str | None = field(default=None, validator=values.text(optional=True))
    name: str | None = field(default=None, validator=values.text(optional=True))
    group_id: int | str | None = field(default=None, validator=values.identifier(optional=True))
    group_name: str | None = field(default=None, validator=values.text(optional=True))


@frozen(kw_only=True)
class Anomaly:
    """One level that a data point violated."""

    level: Level = field(converter=states.as_anomaly_level)
    id: str = field(validator=values.text(empty=False))
    message: str = field(validator=values.text())
    time: datetime = field(validator=values.aware_time())


@frozen(kw_only=True)
class AnomalyRecord:
    """One data point that violated the condition, at one level or at several.

    ``observed_at`` is the time of the data, ``created_at`` when the record was made.  ``data_id`` names
    the data point; ``fields`` are all its values by name, ``value`` the one that was compared.
    """

    id: int | str = field(validator=values.identifier())
    anomalies: tuple[Anomaly, ...] = field(converter=_anomalies, validator=values.instances(Anomaly))
    data_id: str = field(validator=values.text(empty=False))
    value: Number = field(validator=values.number())
    fields: JsonObject = field(converter=_record_fields)
    dimensions: JsonObject = field(converter=_record_dimensions)
    observed_at: datetime = field(validator=values.aware_time())
    created_at: datetime = field(validator=values.aware_time())

    def __attrs_post_init__(self) -> None:
        levels = [anomaly.level for anomaly in self.anomalies]
        if len(set(levels)) != len(levels):
            raise InvalidFieldError("AnomalyRecord.anomalies", "each level may occur only once in a record")


@frozen(kw_only=True)
class Alarm:
    """One state of one alarm occurrence.

    ``id`` names the occurrence: the same for its trigger, its repeats and its resolution.  ``number`` is
    the row number that the monitoring system gave it, where it has one beside the id.

    Times are aware.  ``started_at`` is when the condition was first violated, ``created_at`` when the
    monitoring system made the alarm, ``evaluated_at`` when it was evaluated to this state, ``ended_at``
    when it ended.  ``duration`` is in seconds, as counted by the monitoring system; without it a format
    counts from ``started_at`` to ``ended_at``, or to the sending while the alarm goes on.

    ``level`` of an ended alarm is the level it had.  ``details`` are further named values.
    ``muted`` says that people are not notified of it.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which names the field.
    """

    id: str = field(validator=values.text(empty=False))
    policy: Policy = field(validator=values.instance(Policy))
    condition: MetricCondition | EventCondition = field(
        validator=values.instance(MetricCondition, EventCondition)
    )
    target: Target = field(validator=values.instance(Target))
    started_at: datetime = field(validator=values.aware_time())
    state: AlarmState = field(default=AlarmState.TRIGGERED, converter=states.as_alarm_state)
    level: Level | None = field(default=None, converter=states.as_alarm_level)
    previous_level: Level | None = field(default=None, converter=states.as_previous_level)
    tenant: Tenant | None = field(default=None, validator=values.instance(Tenant, optional=True))
    number: int | str | None = field(default=None, validator=values.identifier(optional=True))
    created_at: datetime | None = field(default=None, validator=values.aware_time(optional=True))
    evaluated_at: datetime | None = field(default=None, validator=values.aware_time(optional=True))
    ended_at: datetime | None = field(default=None, validator=values.aware_time(optional=True))
    duration: Number | None = field(default=None, validator=values.non_negative(optional=True))
    current_value: Number | None = field(default=None, validator=values.number(optional=True))
    previous_value: Number | None = field(default=None, validator=values.number(optional=True))
    anomaly_records: tuple[AnomalyRecord, ...] = field(
        default=(), converter=_anomaly_records, validator=values.instances(AnomalyRecord)
    )
    description: str | None = field(default=None, validator=values.text(optional=True))
    related_info: str | None = field(default=None, validator=values.text(optional=True))
    details: JsonObject = field(factory=JsonObject, converter=_alarm_details)
    muted: bool | None = field(default=None, validator=values.instance(bool, optional=True))

    @property
    def latest_anomaly_record(self) -> AnomalyRecord | None:
        """The last of the records, None when there never was one."""
        return self.anomaly_records[-1] if self.anomaly_records else None
