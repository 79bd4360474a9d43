"""Which keys are taken, and that nothing shows one."""

from __future__ import annotations

import base64
import copy
import io
import json
import pickle
import traceback
from typing import Any

import attrs
import cattrs
import pytest

from alarm_dispatch import Callback
from alarm_dispatch.errors import InvalidFieldError, SigningError
from alarm_dispatch.secret import Secret
from alarm_dispatch.signing import HmacSigner, HmacVerifier, StandardWebhooks, StandardWebhooksVerifier

from .keys import CONTENT, NOW, OTHER, PAIR, PRIVATE, PUBLIC, PUBLIC_BYTES, SHARED, Holder, written

_NO_PREFIX = "has none of the prefixes of Standard Webhooks; it must begin with whsec_ or whsk_"
_RAW_KEY = "a key that is hunter2, and more"


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (None, "must be text, bytes or a Secret, not NoneType"),
        (5, "must be text, bytes or a Secret, not int"),
        (Holder(5), "must be text, bytes or a Secret, not int"),
        (Holder, "must be text, bytes or a Secret, not type"),
        ("", _NO_PREFIX),
        ("hunter2" * 6, _NO_PREFIX),
        (SHARED.removeprefix("whsec_"), _NO_PREFIX),
        (SHARED.upper(), _NO_PREFIX),
        (f" {SHARED}", _NO_PREFIX),
        (PUBLIC, "is a public key (whpk_); it must begin with whsec_ or whsk_"),
        (Secret(PUBLIC), "is a public key (whpk_); it must begin with whsec_ or whsk_"),
        ("whsec_hunter2!", "is not base64 after its prefix"),
        (f"{SHARED}\n", "is not base64 after its prefix"),
        (f"{SHARED}===", "is not base64 after its prefix"),
        ("whsec_hunter2-_" + "A" * 40, "is not base64 after its prefix"),
        ("whsec_" + "A" * 41, "is not base64 after its prefix"),
        ("whsec_é" + "A" * 40, "is not base64 after its prefix"),
        ("whsec_", "has 0 bytes; a shared secret has 24 to 64"),
        (b"h", "has 1 byte; a shared secret has 24 to 64"),
        (written("whsk_", b"h"), "has 1 byte; an Ed25519 private key has 32, or 64 with the public one"),
        (written("whsec_", b"h" * 23), "has 23 bytes; a shared secret has 24 to 64"),
        (written("whsec_", b"h" * 65), "has 65 bytes; a shared secret has 24 to 64"),
        (b"h" * 23, "has 23 bytes; a shared secret has 24 to 64"),
        (b"", "has 0 bytes; a shared secret has 24 to 64"),
        (b"whsec_hunter2\xff", "is not base64 after its prefix"),
        (
            written("whsk_", b"h" * 31),
            "has 31 bytes; an Ed25519 private key has 32, or 64 with the public one",
        ),
        (
            written("whsk_", b"h" * 32 + PUBLIC_BYTES),
            "has a public half that does not belong to its private half",
        ),
    ],
    ids=str,
)
def test_a_wrong_key_to_sign_with(key: Any, problem: str) -> None:
    """Told when the signer is made, by its place and without the key."""
    with pytest.raises(InvalidFieldError) as caught:
        StandardWebhooks(OTHER, key)

    assert caught.value.field == "StandardWebhooks.keys[1]"
    assert caught.value.problem == problem
    assert "hunter2" not in "".join(traceback.format_exception(caught.value, chain=True))


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (PRIVATE, "is a private key (whsk_); it must begin with whsec_ or whpk_"),
        (PAIR, "is a private key (whsk_); it must begin with whsec_ or whpk_"),
        (written("whpk_", b"h" * 31), "has 31 bytes; an Ed25519 public key has 32"),
        (written("whpk_", b"h"), "has 1 byte; an Ed25519 public key has 32"),
    ],
)
def test_a_wrong_key_to_verify_with(key: str, problem: str) -> None:
    """A private key has no business with a receiver."""
    with pytest.raises(InvalidFieldError) as caught:
        StandardWebhooksVerifier(key)

    assert caught.value.problem == problem


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (None, "must be text, bytes or a Secret, not NoneType"),
        ("hunter2", "has 7 bytes; a key has 16 to 4096"),
        (b"h" * 15, "has 15 bytes; a key has 16 to 4096"),
        ("h" * 4097, "has 4097 bytes; a key has 16 to 4096"),
        ("hunter2 and so on \ud800", "has a lone surrogate; text must be encodable as UTF-8"),
    ],
    ids=ascii,
)
def test_a_wrong_key_of_a_generic_hmac(key: Any, problem: str) -> None:
    """The same, for the signer and the verifier."""
    for make, field in (HmacSigner, "HmacSigner.key"), (HmacVerifier, "HmacVerifier.keys[0]"):
        with pytest.raises(InvalidFieldError) as caught:
            make(key, header="X-Signature")
        assert (caught.value.field, caught.value.problem) == (field, problem)
        assert "hunter2" not in "".join(traceback.format_exception(caught.value, chain=True))


_HOLDERS = {
    "StandardWebhooks": StandardWebhooks(SHARED, PRIVATE),
    "StandardWebhooksVerifier": StandardWebhooksVerifier(SHARED, PUBLIC),
    "HmacSigner": HmacSigner(_RAW_KEY, header="X-Signature"),
    "HmacVerifier": HmacVerifier(_RAW_KEY, header="X-Signature"),
}


def _shown(value: Any) -> bytes:
    """All that a person or a program gets to see of it."""
    pickled = io.BytesIO()
    pickle.Pickler(pickled, protocol=0).dump(value)
    texts = [repr(value), str(value), f"{value}", json.dumps(value, default=repr)]
    return "".join(texts).encode() + pickled.getvalue() + pickle.dumps(value)


@pytest.mark.parametrize("kind", _HOLDERS)
def test_nothing_shows_a_key(kind: str) -> None:
    """Not its text, and not the bytes that it stands for."""
    shown = _shown(_HOLDERS[kind])

    assert kind.encode() in shown
    for key in (SHARED, PRIVATE):
        bare = key.partition("_")[2]
        assert bare.encode() not in shown
        assert base64.b64decode(bare) not in shown
    assert b"hunter2" not in shown


def test_a_callback_shows_no_key() -> None:
    """In its repr, as a mapping, out of cattrs, and in a pickle."""
    callback = Callback("http://host/", format="tencent", signer=HmacSigner(_RAW_KEY, header="X-Signature"))

    shown = [repr(callback), repr(attrs.asdict(callback)), repr(cattrs.unstructure(callback))]

    assert "signer=<HmacSigner>" in shown[0]
    assert "hunter2" not in "".join(shown)
    assert b"hunter2" not in _shown(callback.signer)


def test_a_function_that_signs_shows_nothing() -> None:
    """A partial would show its arguments."""
    import functools

    def sign(_key: str, _content: bytes, **_: object) -> list[tuple[str, str]]:
        return [("X-Signature", "1")]

    callback = Callback("http://host/", format="tencent", signer=functools.partial(sign, "hunter2"))

    assert "hunter2" not in f"{callback!r}{callback.signer!r}"


@pytest.mark.parametrize("kind", _HOLDERS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same(kind: str, copied: Any) -> None:
    """A callback's copy signs as it does."""
    assert copied(_HOLDERS[kind]) is _HOLDERS[kind]


@pytest.mark.parametrize("kind", _HOLDERS)
def test_what_comes_out_of_a_pickle_has_no_keys(kind: str) -> None:
    """It says so, and neither signs nor takes anything."""
    found = pickle.loads(pickle.dumps(_HOLDERS[kind]))

    assert repr(found) == f"<{kind} out of a pickle, without keys>"
    with pytest.raises(SigningError, match=f"this {kind} came out of a pickle, which holds no keys"):
        found.sign(CONTENT, delivery_id="abc", attempt=1, at=NOW)
    with pytest.raises(SigningError):
        found.verify(CONTENT, {})
