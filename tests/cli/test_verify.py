"""``verify``: one request to each callback, and what came of it."""

import json

import pytest

from tests.cli.runs import run
from tests.cli.test_send import group_text, groups_file


def test_verified(loopback_receiver):
    """A callback that answers 200 is verified, with one request."""
    receiver = loopback_receiver()

    result = run("verify", "--format", "tencent", "--url", f"{receiver.url}/a?token=open-sesame")

    assert result.exit_code == 0
    assert " verified " in result.stdout
    assert "sesame" not in result.output
    assert [request.content for request in receiver.requests] == [b"{}"]


def test_one_of_a_group_is_not(loopback_receiver, tmp_path):
    """All callbacks of a group are verified at once; the exit code is 1 when one is not."""
    good, bad = loopback_receiver(), loopback_receiver("404")
    path = groups_file(tmp_path, group_text("ops", ("tencent", good.url), ("aliyun", bad.url)))

    plain = run("verify", "--groups", path, "--group", "ops", env={"COLUMNS": "120"})
    document = run("verify", "--groups", path, "--json")

    assert (plain.exit_code, document.exit_code) == (1, 1)
    assert "not verified     404" in plain.stdout
    assert "status 404, not 200" in plain.stdout
    told = json.loads(document.stdout)
    assert told["ok"] is False
    assert [one["status"] for one in told["verifications"]] == ["delivered", "failed"]


def test_nobody_there():
    """Where nobody listens, the reason is told."""
    result = run("verify", "--format", "blueking", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert "connection refused" in result.stdout


def test_a_fault_of_our_own(monkeypatch):
    """What a format raises is told in place of an answer."""

    def fail(_format, _context):
        raise RuntimeError("a defect")

    monkeypatch.setattr("alarm_dispatch.formats.tencent.Format.verification", fail)

    result = run("verify", "--format", "tencent", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert "RuntimeError: a defect" in result.stdout


@pytest.mark.parametrize(("egress", "code"), [("internal", 0), ("public_only", 1), ("anything", 0)])
def test_which_addresses_may_be_called(loopback_receiver, egress, code):
    """A preset is said by its name; what it refuses is told by its rule."""
    receiver = loopback_receiver()

    result = run("verify", "--format", "tencent", "--url", receiver.url, "--egress", egress, "--json")

    assert result.exit_code == code
    assert len(receiver.requests) == 1 - code
    assert ("refused by the egress policy (loopback)" in result.stdout) is bool(code)


def test_no_preset():
    """The error lists them."""
    result = run("verify", "--format", "tencent", "--url", "http://h/", "--egress", "public")

    assert result.exit_code == 2
    assert "'public' is not one of 'internal', 'public_only', 'anything'" in result.stderr
