"""Signing what is sent, anew for each attempt, and verifying it in receivers of one's own."""

from __future__ import annotations

from alarm_dispatch.signing.base import SignatureHeaders, Signer, SignerLike
from alarm_dispatch.signing.generic import Algorithm, Encoding, HmacSigner, HmacVerifier, Signs
from alarm_dispatch.signing.keys import KeyLike
from alarm_dispatch.signing.reasons import SignatureRefusal
from alarm_dispatch.signing.standard import StandardWebhooks, StandardWebhooksVerifier
from alarm_dispatch.signing.verifying import DEFAULT_TOLERANCE, HeadersLike, Verified

__all__ = [
    "DEFAULT_TOLERANCE",
    "Algorithm",
    "Encoding",
    "HeadersLike",
    "HmacSigner",
    "HmacVerifier",
    "KeyLike",
    "SignatureHeaders",
    "SignatureRefusal",
    "Signer",
    "SignerLike",
    "Signs",
    "StandardWebhooks",
    "StandardWebhooksVerifier",
    "Verified",
]
