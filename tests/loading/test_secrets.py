"""Secrets in files of alarm groups: where they are kept stands there, not what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alarm_dispatch import load_groups
from alarm_dispatch.errors import ConfigurationError

MARK = "5ecret"


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """References, of which each stands for something else."""
    (tmp_path / "token").write_text(f"{MARK}-token\n")
    for name, value in {
        "OPS_URL": f"https://ops.example.com/{MARK}?a={MARK}",
        "OPS_KEY": f"{MARK}-key",
        "OPS_BROKEN": f"{MARK}\nbroken",
        "OPS_EMPTY": "",
        "OPS_PROXY": f"http://u:{MARK}@proxy.example.com:3128",
    }.items():
        monkeypatch.setenv(name, value)
    return {"token": f"file:{tmp_path / 'token'}"}


def _group(**settings: Any) -> dict[str, Any]:
    callback = {"url": "https://ops.example.com/", "format": "tencent", **settings}
    return {"name": "oncall", "callbacks": [callback]}


def test_a_url_and_headers(places: dict[str, str]) -> None:
    """They are sent whole and shown masked, and are pickled by reference."""
    written = _group(
        url="env:OPS_URL", headers={"X-Key": "env:OPS_KEY", "X-Token": places["token"], "A": "b"}
    )

    (callback,) = load_groups(written)["oncall"].callbacks

    assert callback.url == f"https://ops.example.com/{MARK}?a={MARK}"
    assert callback.headers == (("X-Key", f"{MARK}-key"), ("X-Token", f"{MARK}-token"), ("A", "b"))
    assert callback.name == "tencent https://ops.example.com/***"
    assert MARK not in repr(callback)


@pytest.mark.parametrize(
    ("settings", "secret"),
    [
        ({"proxy": "env:OPS_PROXY"}, MARK),
        ({"auth": {"token": "env:OPS_KEY"}}, f"{MARK}-key"),
        ({"auth": {"user": "u", "password": "env:OPS_KEY"}}, f"{MARK}-key"),
        ({"headers": {"X-Key": "env:OPS_KEY"}}, f"{MARK}-key"),
    ],
)
def test_a_transports_settings(settings: dict[str, Any], secret: str, places: dict[str, str]) -> None:
    """Each place that may hold a secret."""
    (callback,) = load_groups(_group(transport=settings))["oncall"].callbacks

    assert secret in callback.transport.secrets  # type: ignore[union-attr]


def test_the_password_of_a_clients_key(places: dict[str, str]) -> None:
    """It is looked up, and then the files are."""
    settings = {"client_cert": ["missing.pem", "missing.key", "env:OPS_KEY"]}

    with pytest.raises(ConfigurationError) as caught:
        load_groups(_group(transport=settings))

    assert caught.value.problems == (
        (
            "$.callbacks[0].transport.client_cert",
            "the file missing.pem cannot be read: No such file or directory",
        ),
    )


@pytest.mark.parametrize(
    ("settings", "path", "problem"),
    [
        ({"url": "env:OPS_NONE"}, "url", "the environment variable OPS_NONE is not set"),
        ({"url": "env:OPS_EMPTY"}, "url", "the environment variable OPS_EMPTY is empty"),
        ({"url": "env:OPS_KEY"}, "url", "must be an http or https URL; its scheme is missing"),
        ({"url": "file:/nowhere/url"}, "url", "the file /nowhere/url cannot be read: No such file or dir"),
        ({"url": 5}, "url", "must be text, not an integer"),
        ({"headers": {"X": "env:OPS_NONE"}}, "headers.X", "the environment variable OPS_NONE is not set"),
        ({"headers": {"X": "env:OPS_BROKEN"}}, "headers.X", "has a line break, a control character or"),
        ({"transport": {"proxy": "env:OPS_NONE"}}, "transport.proxy", "the environment variable OPS_NONE"),
        ({"transport": {"auth": {"token": "env:OPS_NONE"}}}, "transport.auth.token", "the environment var"),
        (
            {"transport": {"auth": {"user": "u", "password": "env:OPS_NONE"}}},
            "transport.auth.password",
            "the environment variable OPS_NONE is not set",
        ),
        (
            {"transport": {"client_cert": ["a", "b", "env:OPS_NONE"]}},
            "transport.client_cert",
            "the environment variable OPS_NONE is not set",
        ),
        (
            {"transport": {"insecure_tls": True, "ca_file": "a"}},
            "transport.insecure_tls",
            "is True, and what it is given with verifies certificates",
        ),
    ],
)
def test_what_cannot_be_found(
    settings: dict[str, Any], path: str, problem: str, places: dict[str, str]
) -> None:
    """The error names the field and the variable or file, and no secret."""
    with pytest.raises(ConfigurationError) as caught:
        load_groups(_group(**settings))

    ((where, told),) = caught.value.problems
    assert where == f"$.callbacks[0].{path}"
    assert told.startswith(problem)
    assert MARK not in str(caught.value)


def test_a_broken_file_is_not_kept_in_its_error(tmp_path: Path) -> None:
    """JSON's own error holds the whole text."""
    file = tmp_path / "groups.json"
    file.write_text(f'{{"url": "{MARK}"')

    with pytest.raises(ConfigurationError) as caught:
        load_groups(file)

    assert caught.value.__cause__ is None
    assert MARK not in str(caught.value)
