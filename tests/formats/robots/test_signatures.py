"""The signatures of DingTalk and Feishu: in the URL, in the body, and new in each attempt."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from alarm_dispatch import formats
from alarm_dispatch.errors import SigningError
from alarm_dispatch.exchange import Request
from alarm_dispatch.formats import FinishingFormat
from alarm_dispatch.formats.abilities import messages_of
from tests.formats.alarms import METRIC_ALARM
from tests.formats.samples import context

SECRET = "SECa1b2"
AT = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
URL = "https://oapi.dingtalk.com/robot/send?access_token=t"


def hmac_sha256(key: bytes, message: bytes) -> str:
    """By the definition of RFC 2104, without the library that signs."""
    block = key if len(key) <= 64 else hashlib.sha256(key).digest()
    block = block.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return base64.b64encode(hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()).decode()


def request(name: str, at: datetime | None = AT, url: str = URL) -> Request:
    """An unfinished request of the format."""
    (payload,) = messages_of(formats.get(name), METRIC_ALARM, context())
    return Request(url=url, content=payload.content, started_at=at)


def finished(name: str, at: datetime | None = AT, url: str = URL) -> Request:
    """The same, finished."""
    made: Any = formats.get(name, secret=SECRET)
    assert isinstance(made, FinishingFormat)
    return made.finish(request(name, at, url))


def test_the_definition_is_that_of_others() -> None:
    """The tests' own HMAC is OpenSSL's."""
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "key", "-binary"],
        input=b"message",
        capture_output=True,
        check=True,
    )

    assert base64.b64encode(done.stdout).decode() == hmac_sha256(b"key", b"message")


def test_dingtalk_signs_in_the_url() -> None:
    """The secret signs the time in milliseconds, a line break and the secret."""
    done = finished("dingtalk")

    assert done.url.startswith(f"{URL}&timestamp=")
    query = parse_qs(urlsplit(done.url).query, strict_parsing=True)
    assert query["access_token"] == ["t"]
    assert query["timestamp"] == ["1769860800123"]
    assert query["sign"] == [hmac_sha256(SECRET.encode(), f"1769860800123\n{SECRET}".encode())]
    assert attrs.evolve(done, url=URL) == request("dingtalk")


def test_base64_is_quoted_in_the_url() -> None:
    """Neither + nor / nor = stands in it as it is."""
    signs = [finished("dingtalk", AT + timedelta(seconds=n)).url.partition("&sign=")[2] for n in range(50)]

    assert not any(set(sign) & set("+/=") for sign in signs)
    assert any("%2B" in sign for sign in signs)
    assert any("%2F" in sign for sign in signs)
    assert all(sign.endswith("%3D") for sign in signs)


def test_a_url_without_a_query_gets_one() -> None:
    """A relay of one's own may have no token."""
    assert finished("dingtalk", url="https://relay.example/ding").url.startswith(
        "https://relay.example/ding?timestamp=1769860800123&sign="
    )


def test_feishu_signs_in_the_body() -> None:
    """The time in seconds, a line break and the secret sign nothing; both are texts in front."""
    done = finished("feishu")

    body = json.loads(done.content)
    assert list(body)[:3] == ["timestamp", "sign", "msg_type"]
    assert body.pop("timestamp") == "1769860800"
    assert body.pop("sign") == hmac_sha256(f"1769860800\n{SECRET}".encode(), b"")
    assert body == json.loads(request("feishu").content)
    assert attrs.evolve(done, content=b"") == attrs.evolve(request("feishu"), content=b"")
    parsed: Any = formats.get("feishu").parse(done.content, "application/json")
    assert parsed.timestamp == "1769860800"


@pytest.mark.parametrize("kind", ["interactive", "text"])
def test_a_signed_body_of_feishu_is_within_the_limit(kind: str) -> None:
    """The bytes of the signature were left free, no more and no less."""
    made: Any = formats.get("feishu", kind=kind, secret=SECRET)
    long = attrs.evolve(METRIC_ALARM, description="x" * 60_000)

    payloads = messages_of(made, long, context())

    sizes = [
        len(made.finish(Request(url=URL, content=payload.content, started_at=AT)).content)
        for payload in payloads
    ]
    assert sizes[:-1] == [20_000] * (len(sizes) - 1)


@pytest.mark.parametrize("name", ["dingtalk", "feishu"])
def test_each_time_has_its_signature(name: str) -> None:
    """And without a secret there is none."""
    unsigned: Any = formats.get(name)

    assert finished(name) == finished(name)
    assert finished(name) != finished(name, AT + timedelta(seconds=1))
    assert unsigned.finish(request(name)) == request(name)


@pytest.mark.parametrize("name", ["dingtalk", "feishu"])
def test_without_a_time_there_is_no_signature(name: str) -> None:
    """Nothing is sent unsigned by mistake."""
    with pytest.raises(SigningError, match="without a time"):
        finished(name, None)
