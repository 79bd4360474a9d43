"""``drill``: a test alarm to each callback, and what came of it."""

import json

from tests.cli.runs import run
from tests.cli.test_send import AT_ONCE, group_text, groups_file


def test_all_confirm(loopback_receiver, tmp_path):
    """Each callback of the group gets it in its own format; the exit code is 0."""
    receiver = loopback_receiver()
    names = ("blueking", "tencent", "aliyun")
    path = groups_file(tmp_path, group_text("ops", *((name, f"{receiver.url}/{name}") for name in names)))

    result = run("drill", "--groups", path, "--group", "ops", env={"COLUMNS": "120"})

    assert result.exit_code == 0
    assert result.stdout.count("delivered") == 3
    assert {request.path for request in receiver.requests} == {f"/{name}" for name in names}
    assert all(b"DRILL" in request.content for request in receiver.requests)


def test_one_does_not_confirm(loopback_receiver, tmp_path):
    """It is tried as it is told, and the exit code is 1."""
    good, bad = loopback_receiver(), loopback_receiver("500")
    path = groups_file(tmp_path, group_text("ops", ("tencent", good.url), ("aliyun", bad.url)))

    result = run("drill", "--groups", path, "--json", "--attempts", "2", *AT_ONCE[:1], "0")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert [one["status"] for one in told["deliveries"]] == ["delivered", "failed"]
    assert len(bad.requests) == 2
    assert "attempt 1 rejected" in result.stderr


def test_a_fallback_is_not_told(loopback_receiver, tmp_path):
    """The drill is of the callback alone, and takes no outbox."""
    bad, other = loopback_receiver("500"), loopback_receiver()
    text = (
        f'[groups.ops]\ncallbacks = [{{format = "tencent", url = "{bad.url}", fallback = "second"}}]\n'
        + group_text("second", ("tencent", other.url))
    )

    result = run("drill", "--groups", groups_file(tmp_path, text), "--group", "ops", "--attempts", "1")

    assert result.exit_code == 1
    assert len(bad.requests) == 1
    assert other.requests == ()


def test_to_a_url(loopback_receiver):
    """A callback need not be in a file."""
    receiver = loopback_receiver()

    result = run("drill", "--format", "tencent", "--url", f"{receiver.url}/?key=open-sesame")

    assert result.exit_code == 0
    assert "sesame" not in result.output


def test_an_unknown_group(tmp_path):
    """The error names those that are there."""
    path = groups_file(tmp_path, group_text("ops", ("tencent", "http://127.0.0.1:1")))

    result = run("drill", "--groups", path, "--group", "dba")

    assert result.exit_code == 2
    assert "has no group 'dba'; there are: ops" in result.stderr
