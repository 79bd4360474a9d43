"""Signing on the command line: ``send`` and ``verify`` sign, ``listen`` tells whether it holds."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from alarm_dispatch.signing import StandardWebhooks, StandardWebhooksVerifier
from tests.cli.runs import run
from tests.cli.test_arrivals import arrival, text_of
from tests.cli.test_listen import listening
from tests.paths import ALARMS
from tests.signing.keys import OTHER, PRIVATE, PUBLIC, SHARED

METRIC = str(ALARMS / "tencent-metric.zh.json")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def key_file(tmp_path):
    """A key where no list of processes shows it."""
    path = tmp_path / "key.txt"
    path.write_text(f"{SHARED}\n", encoding="utf-8")
    return f"file:{path}"


@pytest.mark.parametrize("command", [["send", METRIC], ["verify"]])
def test_requests_are_signed(command, key_file, loopback_receiver):
    """With each key that is given."""
    receiver = loopback_receiver("200")

    done = run(
        *command,
        *("--format", "tencent", "--url", receiver.url, "--sign-key", key_file, "--sign-key", PRIVATE),
    )

    assert done.exit_code == 0
    for key in (SHARED, PUBLIC):
        assert StandardWebhooksVerifier(key).verify(
            receiver.requests[0].content, receiver.requests[0].headers
        )
    assert PRIVATE not in done.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["verify", "--sign-key", "hunter2"], "--sign-key: has none of the prefixes of Standard Webhooks"),
        (["verify", "--sign-key", PUBLIC], "--sign-key: is a public key (whpk_)"),
        (
            ["verify", "--sign-key", "env:NO_SUCH_KEY"],
            "--sign-key: the environment variable NO_SUCH_KEY is not",
        ),
        (["listen", "--verify-key", PRIVATE], "--verify-key: is a private key (whsk_)"),
    ],
)
def test_a_wrong_key(arguments, told):
    """Exit code 2, and the key is not repeated."""
    destination = ["--format", "tencent", "--url", "http://127.0.0.1:9"] if arguments[0] == "verify" else []

    done = run(*arguments, *destination)

    assert done.exit_code == 2
    assert told in done.stderr
    assert arguments[-1] not in done.stderr or "NO_SUCH_KEY" in told


def test_a_file_of_groups_has_its_own_signers():
    """An option would leave the question which of the two counts."""
    done = run("verify", "--groups", "groups.toml", "--sign-key", SHARED)

    assert done.exit_code == 2
    assert "--sign-key: a callback of a file has its own" in done.stderr


def _signed(at):
    return StandardWebhooks(SHARED).sign(b"{}", delivery_id="abc", attempt=1, at=at)


@pytest.mark.parametrize(
    ("keys", "seconds", "line", "reason"),
    [
        ((SHARED,), 0, "   signature: holds", None),
        ((OTHER, PUBLIC, SHARED), 0, "   signature: holds", None),
        (
            (OTHER,),
            0,
            "   signature: refused, wrong signature: no signature is by any of the keys",
            "wrong signature",
        ),
        (
            (SHARED,),
            301,
            "   signature: refused, too old: the timestamp is 301 s old; 300 s are allowed",
            "too old",
        ),
        ((), 0, None, None),
    ],
    ids=range(5),
)
def test_whether_a_signature_holds_is_told(keys, seconds, line, reason):
    """To people in a line, to programs with its closed reason; nothing where nobody asks."""
    verifier = (
        StandardWebhooksVerifier(*keys, now=lambda: NOON + timedelta(seconds=seconds)) if keys else None
    )

    arrived = arrival(b"{}", headers=_signed(NOON), verifier=verifier)

    lines, document = text_of(arrived), arrived.document()
    assert [told for told in lines if "signature: " in told and "webhook" not in told] == [line] * bool(line)
    assert document.get("signature") == ({"ok": reason is None, "reason": reason} if keys else None)
    assert "   webhook-id: abc" in lines
    assert "   webhook-signature: ***" in lines


def test_a_listener_verifies(key_file):
    """As a whole: one that is signed, and one that is not."""
    with listening("--json", "--count", "2", "--verify-key", key_file) as (process, url):
        to = ["send", METRIC, "--format", "tencent", "--url", url]
        assert run(*to, "--sign-key", key_file).exit_code == 0
        assert run(*to).exit_code == 0
        output, _ = process.communicate(timeout=10)

    assert [json.loads(line)["signature"] for line in output.splitlines()] == [
        {"ok": True, "reason": None},
        {"ok": False, "reason": "missing header"},
    ]
    headers = dict(json.loads(output.splitlines()[0])["headers"])
    assert headers["Alarm-Dispatch-Attempt"] == "1"
    assert headers["Alarm-Dispatch-Id"] == headers["webhook-id"]
    assert headers["Alarm-Dispatch-Timestamp"] == headers["webhook-timestamp"]
