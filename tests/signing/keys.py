"""Keys and a moment for the tests, and the specification's own vectors."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
CONTENT = '{"名字":"磁盘"}'.encode()


def written(prefix: str, content: bytes) -> str:
    """A key of Standard Webhooks."""
    return prefix + base64.b64encode(content).decode()


SHARED = written("whsec_", b"one shared secret of 31 bytes!!")
OTHER = written("whsec_", b"and another one, 32 bytes long!!")
_PRIVATE_BYTES = b"an Ed25519 seed is of 32 bytes.."
PUBLIC_BYTES = Ed25519PrivateKey.from_private_bytes(_PRIVATE_BYTES).public_key().public_bytes_raw()
PRIVATE = written("whsk_", _PRIVATE_BYTES)
PAIR = written("whsk_", _PRIVATE_BYTES + PUBLIC_BYTES)
PUBLIC = written("whpk_", PUBLIC_BYTES)

# The reference implementation's tests of its Go package, which the others share.
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_AT = datetime.fromtimestamp(1_614_265_330, UTC)
VECTOR_CONTENT = b'{"test": 2432232314}'
VECTORS = {
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=": (
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
    ),
}


class Holder:
    """Something that reveals a key when it is asked."""

    def __init__(self, text: object) -> None:
        self._text = text

    def reveal(self) -> object:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return "<holder>"
