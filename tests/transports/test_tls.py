"""TLS over real sockets: who is believed, what is refused at construction, and what the reasons say."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from alarm_dispatch import Request
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Verdict
from alarm_dispatch.secret import Secret
from alarm_dispatch.transports import tls

from .loopback import failure_of, send

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def _server(authority: Any, *names: str, **settings: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.ca.issue_cert(*names or ("127.0.0.1",), **settings).configure_cert(context)
    return context


def _unknown(authority: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def _self_signed(authority: Any) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, hashes.SHA256())
    )
    encoding, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = authority.ca_file.parent / "self-signed.pem"
    file.write_bytes(
        key.private_bytes(encoding, private, serialization.NoEncryption())
        + certificate.public_bytes(encoding)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _old(authority: Any) -> ssl.SSLContext:
    context = _server(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _asking(authority: Any) -> ssl.SSLContext:
    context: ssl.SSLContext = authority.server(ask_client=True)
    return context


def _asking_in_1_2(authority: Any) -> ssl.SSLContext:
    context = _asking(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


_NOT = "TLS certificate not accepted: "
_MISMATCH = "IP address mismatch, certificate is not valid for '127.0.0.1'."
_FAULTS: dict[str, tuple[Any, str]] = {
    "expired": (
        lambda authority: _server(authority, not_before=NOW - 2 * DAY, not_after=NOW - DAY),
        "TLS certificate not accepted: it has expired (certificate has expired)",
    ),
    "not yet valid": (
        lambda authority: _server(authority, not_before=NOW + DAY, not_after=NOW + 2 * DAY),
        "TLS certificate not accepted: it is not valid yet (certificate is not yet valid)",
    ),
    "wrong host": (
        lambda authority: _server(authority, "a.example.com", "b.example.com"),
        "TLS certificate not accepted: " + _MISMATCH + " It is for a.example.com, b.example.com",
    ),
    "wrong host, of many": (
        lambda authority: _server(authority, *(f"{letter}.example.com" for letter in "abcdefg")),
        "TLS certificate not accepted: "
        + _MISMATCH
        + " It is for a.example.com, b.example.com, c.example.com, d.example.com, e.example.com and 2 more",
    ),
    "unknown authority": (
        _unknown,
        "TLS certificate not accepted: its authority is unknown (unable to get local issuer certificate)",
    ),
    "self-signed": (
        _self_signed,
        _NOT + "it is self-signed, and none of the authorities (self-signed certificate)",
    ),
}


@pytest.mark.parametrize("kind", _FAULTS)
def test_the_reason_says_what_failed(kind, http, loopback_receiver, authority):
    """Nothing was sent, and whoever reads it knows whom to ask."""
    make, reason = _FAULTS[kind]
    receiver = loopback_receiver(200, ssl_context=make(authority))

    error = failure_of(http(ca_file=authority.ca_file), receiver.url)

    assert error.reason == reason
    assert error.verdict is Verdict.UNREACHABLE
    assert receiver.requests == ()


@contextlib.contextmanager
def _blocking(context: ssl.SSLContext) -> Iterator[str]:
    """The URL of a server that says in an alert why it ends a handshake; asyncio's just hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def serve() -> None:
            connection, _ = listening.accept()
            connection.settimeout(10)
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as peer:
                with contextlib.suppress(ssl.SSLError):
                    peer.do_handshake()
                socket.socket.shutdown(peer, socket.SHUT_WR)
                peer.setblocking(True)
                # What is left unread would reset the connection before the alert is read.
                while os.read(peer.fileno(), 65536):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            thread.join(timeout=10)


def _of_a_stranger(directory: Any) -> tuple[str, str]:
    file = str(directory / "stranger.pem")
    trustme.CA().issue_cert("monitor@example.org").private_key_and_cert_chain_pem.write_to_path(file)
    return file, file


_NEW = {"minimum_version": ssl.TLSVersion.TLSv1_3}


@pytest.mark.parametrize(
    ("make", "settings", "reason"),
    [
        (_asking, {}, "the receiver wants a client certificate (TLSV13_ALERT_CERTIFICATE_REQUIRED)"),
        (
            _asking_in_1_2,
            {},
            "the receiver refused the handshake; it may want a client certificate, or other",
        ),
        (_asking, {"client_cert": _of_a_stranger}, "the receiver does not accept our client certificate (TL"),
        (_asking_in_1_2, {"client_cert": _of_a_stranger}, "the receiver does not accept our client certific"),
        (_old, _NEW, "there is no version of TLS that both sides allow; we take 1.2 and 1.3 (TLSV1_ALERT_P"),
    ],
)
def test_a_receiver_that_refuses_the_handshake(make, settings, reason, http, authority, tmp_path):
    """The reason tells what it wants."""
    context = ssl.create_default_context(cafile=authority.ca_file)
    for name, value in settings.items():
        if name == "client_cert":
            context.load_cert_chain(*value(tmp_path))
        else:
            setattr(context, name, value)

    with _blocking(make(authority)) as url:
        error = failure_of(http(tls=context), url)

    assert error.reason.startswith(f"TLS failed: {reason}")


def test_a_receiver_that_hangs_up_for_want_of_a_client_certificate(http, authority):
    """Its alert meets the request on the way: in TLS 1.3 the client shakes hands first."""
    context = _asking(authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        error = failure_of(http(ca_file=authority.ca_file), url)
        thread.join(10)

    # What the request's arrival resets may overtake the alert.
    wants = "TLS failed: the receiver wants a client certificate (TLSV13_ALERT_CERTIFICATE_REQUIRED)"
    assert error.reason in (wants, "connection reset by peer", "broken pipe")


def test_a_receiver_that_hangs_up_during_the_handshake(http, loopback_receiver, authority):
    """It says no more than that."""
    receiver = loopback_receiver(200, ssl_context=_asking_in_1_2(authority))

    error = failure_of(http(ca_file=authority.ca_file), receiver.url)

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "TLS failed: the receiver closed the connection during the handshake"


def test_plain_http_on_the_port(http, loopback_receiver):
    """A common mistake, in words."""
    receiver = loopback_receiver(200)

    error = failure_of(http(), receiver.url.replace("http:", "https:"))

    assert error.reason.startswith("TLS failed: what answered is not TLS; perhaps the port is one of plain")


def test_a_context_is_made_when_somebody_needs_it(http, loopback_receiver, monkeypatch):
    """It takes 20 ms or more, in which nobody else is served."""
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.create_default_context())
        return made[-1]

    monkeypatch.setattr(f"{http.__module__}.make_tls", make)
    receiver = loopback_receiver(200)
    transport = http()

    assert send(transport, receiver.url, lane="one").status_code == 200
    assert made == []
    for lane in ("one", "two"):
        failure_of(transport, receiver.url.replace("http:", "https:"), lane=lane)
    assert len(made) == 1


def test_a_context_of_ones_own_is_used_as_it_is(http, loopback_receiver, authority):
    """It does not tell for which names a certificate is, as it is not changed."""
    good = loopback_receiver(200, ssl_context=_server(authority))
    bad = loopback_receiver(200, ssl_context=_server(authority, "a.example.com"))
    context = ssl.create_default_context(cafile=authority.ca_file)

    assert send(http(tls=context), good.url).status_code == 200
    assert failure_of(http(tls=context), bad.url).reason == (
        "TLS certificate not accepted: IP address mismatch, certificate is not valid for '127.0.0.1'."
    )
    assert context.sslobject_class is ssl.SSLObject


def test_the_password_of_a_key_may_be_a_secret(http, loopback_receiver, authority, tmp_path):
    """And opens it."""
    from cryptography.hazmat.primitives import serialization

    receiver = loopback_receiver(200, ssl_context=_asking(authority))
    certificate, key = authority.client_files(tmp_path)
    loaded = serialization.load_pem_private_key((tmp_path / "client.key").read_bytes(), None)
    (tmp_path / "client.key").write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )

    files = (certificate, key, Secret("open sesame"))

    assert send(http(ca_file=authority.ca_file, client_cert=files), receiver.url).status_code == 200


def _context(**settings: Any) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for name, value in settings.items():
        setattr(context, name, value)
    return context


_OFF = {"check_hostname": False, "verify_mode": ssl.CERT_NONE}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (_OFF, "does not verify certificates (verify_mode is CERT_NONE); load the receiver's authority"),
        (
            {"check_hostname": False, "verify_mode": ssl.CERT_OPTIONAL},
            "does not verify certificates (verify_mode is CERT_OPTIONAL); load the receiver's authority",
        ),
        ({"check_hostname": False}, "does not verify the host's name (check_hostname is False); load the"),
    ],
)
def test_verification_is_not_switched_off_silently(http, settings, problem):
    """The error says what to do; with the express word it goes."""
    with pytest.raises(InvalidFieldError) as caught:
        http(tls=_context(**settings))

    assert caught.value.field == f"{http.__name__}.tls"
    assert caught.value.problem.startswith(problem)
    assert caught.value.problem.endswith("or say insecure_tls=True")
    http(tls=_context(**settings), insecure_tls=True)


@pytest.mark.parametrize("insecure", [False, True])
@pytest.mark.parametrize("version", ["MINIMUM_SUPPORTED", "TLSv1_1"])
def test_an_old_version_is_refused(http, version, insecure, recwarn):
    """RFC 8996; also where certificates are not verified."""
    context = _context(**_OFF if insecure else {}, minimum_version=ssl.TLSVersion[version])

    with pytest.raises(InvalidFieldError) as caught:
        http(tls=context, insecure_tls=insecure)

    assert caught.value.problem == (
        f"allows {version}; set its minimum_version to ssl.TLSVersion.TLSv1_2 or higher"
    )


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3", "MAXIMUM_SUPPORTED"])
def test_a_new_version_is_fine(http, version):
    """The newest that there is, too."""
    http(tls=_context(minimum_version=ssl.TLSVersion[version]))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"insecure_tls": 1}, "must be True or False, not int"),
        ({"insecure_tls": True, "ca_file": "ca.pem"}, "is True, and what it is given with verifies certific"),
        ({"insecure_tls": True, "tls": ssl.create_default_context()}, "is True, and what it is given with v"),
    ],
)
def test_what_does_not_go_together(http, settings, problem):
    """Whoever gives an authority means it to count."""
    with pytest.raises(InvalidFieldError) as caught:
        http(**settings)

    assert caught.value.field == f"{http.__name__}.insecure_tls"
    assert caught.value.problem.startswith(problem)


def test_without_verification_there_is_one_warning(http, loopback_receiver, authority, tmp_path, caplog):
    """When the transport is made, and none for its requests."""
    receiver = loopback_receiver(200, ssl_context=_unknown(authority))

    transport = http(insecure_tls=True)
    assert send(transport, receiver.url).status_code == 200
    assert send(transport, receiver.url).status_code == 200

    (record,) = [record for record in caplog.records if record.name == "alarm_dispatch"]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"{http.__name__} takes any certificate (insecure_tls)")


def test_without_verification_a_client_certificate_is_shown_all_the_same(
    http, loopback_receiver, authority, tmp_path
):
    """Only the receiver's is not looked at."""
    receiver = loopback_receiver(200, ssl_context=_asking(authority))
    transport = http(insecure_tls=True, client_cert=authority.client_files(tmp_path))

    assert send(transport, receiver.url).status_code == 200


def test_a_client_that_does_not_verify_is_refused(caplog):
    """The library shows its context nowhere, so it is looked for."""
    import httpx

    from alarm_dispatch.transports.httpx import HttpxTransport

    clients = [
        httpx.AsyncClient(verify=False),
        httpx.AsyncClient(mounts={"https://": httpx.AsyncHTTPTransport(verify=_context(**_OFF))}),
    ]
    for client in clients:
        with pytest.raises(InvalidFieldError) as caught:
            HttpxTransport(client=client)
        assert caught.value.field == "HttpxTransport.client"
        assert caught.value.problem.endswith("or say insecure_tls=True beside it")
        HttpxTransport(client=client, insecure_tls=True)
    HttpxTransport(client=httpx.AsyncClient())
    HttpxTransport(client=httpx.AsyncClient(mounts={"http://": None}))


@pytest.mark.parametrize("own", [False, "context"])
def test_a_session_that_does_not_verify_is_refused(own):
    """The connector has the setting."""
    aiohttp = pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    async def main() -> None:
        connector = aiohttp.TCPConnector(ssl=_context(**_OFF) if own else False)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(InvalidFieldError, match=r"AiohttpTransport\.session: does not verify"):
                AiohttpTransport(session=session)
            AiohttpTransport(session=session, insecure_tls=True)
        async with aiohttp.ClientSession() as session:
            AiohttpTransport(session=session)

    asyncio.run(main())


def test_one_context_is_shared_by_all_lanes(http, monkeypatch):
    """Each of its own would cost 0.8 MB."""
    made: list[ssl.SSLContext] = []

    def make(*arguments: Any, **settings: Any) -> ssl.SSLContext:
        made.append(tls.make_tls(*arguments, **settings))
        return made[-1]

    monkeypatch.setattr(f"{http.__module__}.make_tls", make)

    async def main() -> None:
        transport = http()
        deadline = asyncio.get_running_loop().time() + 5
        for lane in ("one", "other"):
            with contextlib.suppress(TransportError):
                await transport.send(
                    Request(url="https://127.0.0.1:1/", content=b"", lane=lane), deadline=deadline
                )
        await transport.aclose()

    asyncio.run(main())

    assert len(made) == 1


def test_a_certificate_without_names_has_openssls_words():
    """As a context of one's own, which notes none."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 62, "Hostname mismatch."

    assert tls.tls_failure(error) == "TLS certificate not accepted: Hostname mismatch."
