"""Signers out of files: each kind, with keys openly, out of the environment, or out of a file."""

from __future__ import annotations

from typing import Any

import pytest

from alarm_dispatch import Callback, load_groups
from alarm_dispatch.signing import HmacSigner, HmacVerifier, StandardWebhooks, StandardWebhooksVerifier
from tests.loading.written import group, problems
from tests.signing.keys import CONTENT, NOW, OTHER, PRIVATE, PUBLIC, SHARED

_TABLE = (
    'must be a table such as {kind = "standard-webhooks", keys = ["env:NAME"]}, '
    'or {kind = "hmac", key = "env:NAME", header = "X-Signature"}'
)
_NO_PREFIX = "has none of the prefixes of Standard Webhooks; it must begin with whsec_ or whsk_"
_RAW = "hunter2 and hunter3"


def loaded(signer: Any) -> Callback:
    """The callback that a file has with this signer."""
    (found,) = load_groups(group(signer=signer)).values()
    return found.callbacks[0]


def signature(signer: Any) -> Any:
    """The headers of an attempt."""
    return signer.sign(CONTENT, delivery_id="abc", attempt=1, at=NOW)


def test_standard_webhooks(monkeypatch, tmp_path):
    """Several keys, each from another place."""
    monkeypatch.setenv("ALARM_KEY", SHARED)
    path = tmp_path / "key.txt"
    path.write_text(f"{PRIVATE}\n", encoding="utf-8")

    signer = loaded({"kind": "standard-webhooks", "keys": ["env:ALARM_KEY", f"file:{path}", OTHER]}).signer

    assert isinstance(signer, StandardWebhooks)
    for key in (SHARED, PUBLIC, OTHER):
        verified = StandardWebhooksVerifier(key, now=lambda: NOW).verify(CONTENT, signature(signer))
        assert verified.delivery_id == "abc"


def test_a_generic_hmac(monkeypatch):
    """With all of its settings."""
    monkeypatch.setenv("ALARM_KEY", _RAW)
    settings: dict[str, Any] = {
        "header": "X-Sig",
        "algorithm": "sha512",
        "encoding": "base64",
        "prefix": "v0=",
        "signs": "{timestamp}.{body}",
        "timestamp_header": "X-Time",
    }

    signer = loaded({"kind": "hmac", "key": "env:ALARM_KEY", **settings}).signer

    assert isinstance(signer, HmacSigner)
    verifier = HmacVerifier(_RAW, now=lambda: NOW, **settings)
    assert verifier.verify(CONTENT, signature(signer)).at == NOW


def test_no_signer():
    """As when the key is not there."""
    assert loaded(None).signer is None


@pytest.mark.parametrize(
    ("signer", "expected"),
    [
        ("standard-webhooks", {"": _TABLE}),
        ({}, {"": _TABLE}),
        ({"keys": [SHARED]}, {"": _TABLE}),
        ({"kind": "hunter2"}, {".kind": "must be one of: standard-webhooks, hmac"}),
        ({"kind": ["hmac"]}, {".kind": "must be one of: standard-webhooks, hmac"}),
        ({"kind": "standard-webhooks"}, {".keys": "is missing"}),
        ({"kind": "standard-webhooks", "keys": SHARED}, {".keys": "must be a list, not text"}),
        (
            {"kind": "standard-webhooks", "keys": []},
            {".keys": "is empty; nothing can be signed without a key"},
        ),
        (
            {
                "kind": "standard-webhooks",
                "keys": [SHARED, "hunter2", "env:NO_SUCH_KEY", PUBLIC, "file:/no/such/key"],
                "key": "hunter2",
            },
            {
                ".keys[1]": _NO_PREFIX,
                ".keys[2]": "the environment variable NO_SUCH_KEY is not set",
                ".keys[3]": "is a public key (whpk_); it must begin with whsec_ or whsk_",
                ".keys[4]": "the file /no/such/key cannot be read: No such file or directory",
                ".key": "unknown key; allowed are: kind, keys",
            },
        ),
        ({"kind": "standard-webhooks", "keys": [5]}, {".keys[0]": "must be text, not an integer"}),
        (
            {"kind": "hmac", "key": "hunter2"},
            {".key": "has 7 bytes; a key has 16 to 4096", ".header": "is missing"},
        ),
        (
            {"kind": "hmac", "key": _RAW, "header": "Host"},
            {".header": "cannot be set: the transport writes it from the URL"},
        ),
        (
            {"kind": "hmac", "key": _RAW, "header": "X-Sig", "algorithm": "md5"},
            {".algorithm": "is 'md5'; allowed are: sha256, sha384, sha512, sha1"},
        ),
        (
            {
                "kind": "hmac",
                "key": "hunter2",
                "header": "X Sig",
                "algorithm": "md5",
                "encoding": "b64",
                "prefix": "a\n",
                "signs": "all",
                "timestamp_header": "Host",
            },
            {
                ".key": "has 7 bytes; a key has 16 to 4096",
                ".header": "'X Sig' is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~",
                ".algorithm": "is 'md5'; allowed are: sha256, sha384, sha512, sha1",
                ".encoding": "is 'b64'; allowed are: hex, base64",
                ".prefix": "has a line break, a control character or a character outside of ASCII; "
                "none is allowed",
                ".signs": "is 'all'; allowed are: body, {timestamp}.{body}, {id}.{timestamp}.{body}",
                ".timestamp_header": "cannot be set: the transport writes it from the URL",
            },
        ),
        (
            {"kind": "hmac", "key": _RAW, "header": "X-Sig", "timestamp_header": "x-sig"},
            {".timestamp_header": "is the header of the signature"},
        ),
    ],
    ids=range(15),
)
def test_what_is_wrong_with_a_signer(signer, expected):
    """Told with its place, and without the key."""
    found = problems(load_groups, group(signer=signer))

    assert found == {f"$.callbacks[0].signer{place}": problem for place, problem in expected.items()}
    assert "hunter2" not in str(found)


def test_a_header_of_the_signers():
    """Told as it is in code."""
    signer = {"kind": "standard-webhooks", "keys": [SHARED]}

    assert problems(load_groups, group(signer=signer, headers={"webhook-id": "1"})) == {
        "$.callbacks[0].headers['webhook-id']": (
            "cannot be set: the callback's signer (StandardWebhooks) writes it"
        )
    }
