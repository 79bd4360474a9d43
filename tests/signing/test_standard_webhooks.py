"""Standard Webhooks: against the specification's vectors, the reference package, and itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError, SignatureRefusedError, SigningError
from alarm_dispatch.signing import StandardWebhooks, StandardWebhooksVerifier

from .keys import (
    CONTENT,
    NOW,
    OTHER,
    PAIR,
    PRIVATE,
    PUBLIC,
    SHARED,
    VECTOR_AT,
    VECTOR_CONTENT,
    VECTOR_ID,
    VECTORS,
    Holder,
)

_IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="."), min_size=1)


def signature(signer: StandardWebhooks, at: datetime = NOW, content: bytes = CONTENT) -> dict[str, str]:
    """The headers of a delivery's first attempt."""
    return dict(signer.sign(content, delivery_id="abc", attempt=1, at=at))


def verifier(*keys: Any, now: datetime = NOW, **settings: Any) -> StandardWebhooksVerifier:
    """One whose clock stands still."""
    return StandardWebhooksVerifier(*keys, now=lambda: now, **settings)


@pytest.mark.parametrize(("key", "expected"), VECTORS.items())
def test_the_specifications_vectors(key, expected):
    """As the reference implementations test themselves."""
    headers = StandardWebhooks(key).sign(VECTOR_CONTENT, delivery_id=VECTOR_ID, attempt=1, at=VECTOR_AT)

    assert headers == (
        ("webhook-id", VECTOR_ID),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", expected),
    )


@given(content=st.binary(), key=st.binary(min_size=24, max_size=64), delivery_id=_IDS)
def test_the_reference_package_takes_our_signatures(content, key, delivery_id):
    """Any text as a body, as that package takes only text."""
    text = content.decode("latin-1")
    headers = dict(
        StandardWebhooks(key).sign(text.encode(), delivery_id=delivery_id, attempt=3, at=datetime.now(UTC))
    )

    standardwebhooks.Webhook(key).verify(text, headers, json_parse=False)

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(key).verify(text + " ", headers, json_parse=False)


@given(text=st.text(), key=st.binary(min_size=24, max_size=64), delivery_id=_IDS)
def test_we_take_the_reference_packages_signatures(text, key, delivery_id):
    """To the second."""
    made = standardwebhooks.Webhook(key).sign(delivery_id, NOW, text)
    headers = {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": made,
    }

    verified = verifier(key).verify(text.encode(), headers)

    assert (verified.delivery_id, verified.at) == (delivery_id, NOW)


@pytest.mark.parametrize(
    ("signing", "verifying"),
    [
        ([SHARED], [SHARED]),
        ([SHARED], [SHARED.rstrip("=")]),
        ([SHARED.encode()], [SHARED]),
        ([Holder(SHARED)], [Holder(SHARED)]),
        ([OTHER, SHARED], [SHARED]),
        ([SHARED], [OTHER, SHARED]),
        ([PRIVATE], [PUBLIC]),
        ([PAIR], [PUBLIC.encode()]),
        ([PRIVATE, SHARED], [PUBLIC]),
        ([PRIVATE, SHARED], [SHARED]),
        ([SHARED], [PUBLIC, SHARED]),
    ],
    ids=range(11),
)
def test_any_one_key_in_common_will_do(signing, verifying):
    """So keys can be changed on one side after the other."""
    headers = signature(StandardWebhooks(*signing))

    assert len(headers["webhook-signature"].split(" ")) == len(signing)
    assert verifier(*verifying).verify(CONTENT, headers).delivery_id == "abc"


@pytest.mark.parametrize(
    ("signing", "verifying", "reason"),
    [
        (SHARED, OTHER, "wrong signature"),
        (PRIVATE, SHARED, "no suitable signature"),
        (SHARED, PUBLIC, "no suitable signature"),
    ],
)
def test_no_key_in_common(signing, verifying, reason):
    """The refusal tells whether the kind or the key is another."""
    headers = signature(StandardWebhooks(signing))

    with pytest.raises(SignatureRefusedError) as caught:
        verifier(verifying).verify(CONTENT, headers)

    assert caught.value.reason == reason


def test_each_attempt_is_signed_with_its_own_time():
    """Under the same id, or a receiver could not drop repeats."""
    signer = StandardWebhooks(SHARED)

    first = signature(signer)
    second = dict(signer.sign(CONTENT, delivery_id="abc", attempt=2, at=NOW + timedelta(seconds=5.9)))

    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 5
    assert first["webhook-signature"] != second["webhook-signature"]


def test_an_id_with_a_full_stop_is_not_signed():
    """The specification forbids it: "a.1" at 2 and "a" at 1.2 would have one signature."""
    with pytest.raises(SigningError, match="has a full stop"):
        StandardWebhooks(SHARED).sign(CONTENT, delivery_id="a.1", attempt=1, at=NOW)


@pytest.mark.parametrize("make", [StandardWebhooks, StandardWebhooksVerifier])
def test_there_must_be_a_key(make):
    """Without one all would be unsigned, or refused."""
    with pytest.raises(InvalidFieldError, match=r"\.keys: is empty"):
        make()


@pytest.mark.parametrize("tolerance", [0, -1, float("nan"), "300"])
def test_a_window_must_be_open(tolerance):
    """In which nothing can arrive is a mistake."""
    with pytest.raises(InvalidFieldError) as caught:
        StandardWebhooksVerifier(SHARED, tolerance=tolerance)

    assert caught.value.field == "StandardWebhooksVerifier.tolerance"


def test_an_ed25519_key_without_its_library_is_told_where_it_is_given():
    """Another interpreter has no cryptography; HMAC goes on there."""
    program = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from alarm_dispatch.signing import StandardWebhooks, StandardWebhooksVerifier\n"
        f"StandardWebhooks({SHARED!r}), StandardWebhooksVerifier({SHARED!r})\n"
        f"for make, key in (StandardWebhooks, {PRIVATE!r}), (StandardWebhooksVerifier, {PUBLIC!r}):\n"
        "    try:\n"
        "        make(key)\n"
        "    except ValueError as error:\n"
        "        print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    told = "Ed25519 needs cryptography: install alarm-dispatch[signing]"
    assert done.stdout.splitlines() == [
        f"StandardWebhooks.keys[0]: {told}",
        f"StandardWebhooksVerifier.keys[0]: {told}",
    ]
