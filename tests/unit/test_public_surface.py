"""The names that users rely on."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import alarm_dispatch
from tests.paths import ROOT

_SAMPLES = sorted((ROOT / "tests" / "unit" / "typing_samples").glob("*.py"))


def test_the_public_names_are_these() -> None:
    """A name more or less is a decision, and they are sorted."""
    assert alarm_dispatch.__all__ == [
        "Alarm",
        "AlarmGroup",
        "AlarmState",
        "Anomaly",
        "AnomalyRecord",
        "AsyncDispatcher",
        "Attempt",
        "Callback",
        "Circuit",
        "Delivery",
        "DeliveryStatus",
        "DimensionLabel",
        "DispatchReport",
        "Dispatcher",
        "DispatcherStats",
        "EventCondition",
        "Judgement",
        "LaneStats",
        "Level",
        "Metric",
        "MetricCondition",
        "Observation",
        "Policy",
        "Rate",
        "Repeat",
        "RepeatDecision",
        "RepeatMode",
        "RepeatTracker",
        "Reply",
        "Request",
        "RetrySchedule",
        "Target",
        "Tenant",
        "Verdict",
        "load_alarm",
        "load_groups",
    ]


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "alarm_dispatch",
            "Alarm AlarmState Level Policy MetricCondition EventCondition Target Tenant Repeat",
        ),
        ("alarm_dispatch", "AlarmGroup Callback RetrySchedule AsyncDispatcher Dispatcher Delivery"),
        ("alarm_dispatch", "DispatchReport Attempt Verdict load_alarm load_groups"),
        ("alarm_dispatch", "Circuit Rate DispatcherStats LaneStats"),
        ("alarm_dispatch.clock", "FastClock SystemClock"),
        ("alarm_dispatch.egress", "EgressPolicy"),
        ("alarm_dispatch.formats", "aliyun blueking tencent tencent_legacy get names resolve"),
        ("alarm_dispatch.formats.aliyun", "Format"),
        ("alarm_dispatch.formats.blueking", "Format"),
        ("alarm_dispatch.formats.tencent", "Format"),
        ("alarm_dispatch.formats.tencent_legacy", "Format"),
        ("alarm_dispatch.transports.httpx", "HttpxTransport"),
        ("alarm_dispatch.transports.memory", "MemoryTransport"),
        ("alarm_dispatch.transports.function", "FunctionTransport"),
        ("alarm_dispatch.transports.auth", "BasicAuth BearerAuth"),
        ("alarm_dispatch.secret", "Secret resolve_secret"),
        ("alarm_dispatch.confirmation", "status_is any_2xx json_field_equals session_echo confirmed_by"),
        ("alarm_dispatch.testing", "VirtualClock LoopbackReceiver MemoryReceiver ScriptedReceiver"),
        ("alarm_dispatch.testing", "MemoryOutbox"),
        ("alarm_dispatch.outbox", "SqliteOutbox Outbox Entry LaneKey Filter StoredDelivery StoredStatus"),
        ("alarm_dispatch.repeats", "MemoryRepeats RepeatKey RepeatState RepeatStore decide"),
        ("alarm_dispatch.errors", "OutboxError OutboxUnavailableError NotReplayableError"),
        ("alarm_dispatch.errors", "SigningError SignatureRefusedError"),
        (
            "alarm_dispatch.signing",
            "StandardWebhooks StandardWebhooksVerifier HmacSigner HmacVerifier Signer",
        ),
        ("alarm_dispatch.signing", "SignatureRefusal Verified"),
        ("alarm_dispatch.errors", "AlarmDispatchError InvalidFieldError ConfigurationError TransportError"),
        ("alarm_dispatch.errors", "EgressRefusedError"),
    ],
)
def test_a_public_name_can_be_imported(module: str, names: str) -> None:
    """From the place that the documentation says."""
    for name in names.split():
        try:
            found = getattr(importlib.import_module(module), name)
        except AttributeError:
            found = importlib.import_module(f"{module}.{name}")
        assert found is not None


def _modules() -> list[str]:
    return [
        found.name
        for found in pkgutil.walk_packages(alarm_dispatch.__path__, "alarm_dispatch.")
        if not found.name.startswith(("alarm_dispatch.cli", "alarm_dispatch.__main__"))
    ]


@pytest.mark.parametrize("name", _modules())
def test_every_module_says_what_it_offers(name: str) -> None:
    """The names in ``__all__`` are there, once each, and the module has a docstring."""
    module = importlib.import_module(name)

    assert module.__doc__
    offered = getattr(module, "__all__", [])
    assert len(set(offered)) == len(offered)
    for offer in offered:
        assert hasattr(module, offer), offer


def test_a_name_that_testing_has_not_is_an_attribute_error() -> None:
    """Its names are imported on demand, and only those."""
    testing = importlib.import_module("alarm_dispatch.testing")

    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = testing.Nothing


def test_importing_the_package_starts_nothing() -> None:
    """No thread, no event loop, and no library that is only there for tests or the command line."""
    program = (
        "import sys, threading, alarm_dispatch\n"
        "print(threading.active_count(), *sorted({'pytest', 'h2'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda path: path.stem)
def test_a_users_program_passes_the_strict_type_check(sample, tmp_path) -> None:
    """The package is typed, so that a user's program needs neither Any nor an ignore."""
    pytest.importorskip("mypy")
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nstrict = True\nwarn_unused_ignores = True\n")

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            f"--config-file={settings}",
            f"--cache-dir={tmp_path}",
            str(sample),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith("Success"), done.stdout + done.stderr
