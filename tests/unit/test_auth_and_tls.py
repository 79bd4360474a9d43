"""How a transport proves who it is, and how TLS is set up."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.shown import printable
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth
from alarm_dispatch.transports.tls import make_tls, tls_failure


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (BasicAuth("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (BasicAuth("", ""), "Basic Og=="),
        (BasicAuth("u", "a:b"), "Basic dTphOmI="),
        (BasicAuth("ü", "密"), "Basic w7w65a+G"),
        (BearerAuth("mF_9.B5f-4.1JqM"), "Bearer mF_9.B5f-4.1JqM"),
    ],
)
def test_the_header(auth: BasicAuth | BearerAuth, header: str) -> None:
    """The values of RFC 7617 and RFC 6750."""
    assert auth.header() == header


@pytest.mark.parametrize(
    ("kind", "given", "field", "problem"),
    [
        (BasicAuth, ("a:b", "c"), "BasicAuth.user", "has a colon, which separates user and password"),
        (BasicAuth, (None, "c"), "BasicAuth.user", "must be text, not NoneType"),
        (BasicAuth, ("a", b"c"), "BasicAuth.password", "must be text, not bytes"),
        (BasicAuth, ("a", "\ud800"), "BasicAuth.password", "has a lone surrogate at position 0"),
        (BearerAuth, ("",), "BearerAuth.token", "must not be empty"),
        (BearerAuth, (5,), "BearerAuth.token", "must be text, not int"),
        (BearerAuth, ("a\r\nX: 1",), "BearerAuth.token", "has a line break, a control character or"),
        (BearerAuth, ("ü",), "BearerAuth.token", "has a line break, a control character or"),
        (BearerAuth, (" a",), "BearerAuth.token", "has white space at its beginning or end"),
    ],
)
def test_what_cannot_be_sent(kind: Any, given: tuple[Any, ...], field: str, problem: str) -> None:
    """It is found when it is written down, not when an alarm is sent."""
    with pytest.raises(InvalidFieldError) as caught:
        kind(*given)

    assert caught.value.field.partition("[")[0] == field
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize("auth", [BasicAuth("user", "secret"), BearerAuth("secret")])
def test_no_secret_is_shown(auth: BasicAuth | BearerAuth) -> None:
    """The repr leaves password and token out."""
    assert "secret" not in repr(auth)


@pytest.fixture
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


@pytest.mark.usefixtures("_no_environment")
def test_the_default_verifies() -> None:
    """At least TLS 1.2, with the certificate and the host's name checked."""
    context = make_tls()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 50


def _files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "binary.pem").write_bytes(bytes(range(256)))
    (tmp_path / "empty.pem").write_bytes(b"")
    return {path.stem: str(path) for path in tmp_path.iterdir()} | {
        "directory": str(tmp_path),
        "missing": str(tmp_path / "missing.pem"),
        "null": "\0",
    }


@pytest.mark.usefixtures("_no_environment")
@pytest.mark.parametrize("name", ["text", "binary", "empty", "directory", "missing", "null"])
def test_a_bad_file_is_a_clear_error(name: str, tmp_path: Path) -> None:
    """The field is named, whatever is wrong with the file."""
    file = _files(tmp_path)[name]

    with pytest.raises(InvalidFieldError) as of_ca:
        make_tls(file)
    with pytest.raises(InvalidFieldError) as of_cert:
        make_tls(client_cert=(file, file))

    assert of_ca.value.field == "tls.ca_file"
    assert of_cert.value.field == "tls.client_cert"
    for caught in (of_ca, of_cert):
        assert caught.value.problem.startswith(f"the file {printable(file)} ")
        assert "_ssl.c" not in caught.value.problem


@pytest.mark.usefixtures("_no_environment")
@pytest.mark.parametrize("file", ["", Path()])
def test_an_empty_name_is_not_the_installed_authorities(file: Any) -> None:
    """Whoever sets it wants certain authorities and no others."""
    with pytest.raises(InvalidFieldError, match=r"tls\.ca_file: "):
        make_tls(file)


def test_the_environment_names_the_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SSL_CERT_FILE counts where no file is given, and is named when it is wrong."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))

    with pytest.raises(
        InvalidFieldError, match=r"^SSL_CERT_FILE: the file .*/missing\.pem cannot be read: No such file"
    ):
        make_tls()
    with pytest.raises(InvalidFieldError, match=r"^tls\.ca_file: the file .* cannot be read: Is a directory"):
        make_tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", "")

    assert make_tls().cert_store_stats()["x509_ca"] > 50


def test_certificates_are_loaded(tmp_path: Path) -> None:
    """A file of authorities replaces the installed ones, and a client's key may have a password."""
    authority, certificate, key = _issued(tmp_path)

    context = make_tls(authority, (certificate, key))

    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
    make_tls(authority, (certificate, _encrypted(key, tmp_path), "open sesame"))


@pytest.mark.parametrize("password", [(), ("wrong",), ("",)])
def test_a_key_is_never_asked_for_its_password(password: tuple[str, ...], tmp_path: Path) -> None:
    """Without the right one there is an error, and no question on the terminal."""
    authority, certificate, key = _issued(tmp_path)

    with pytest.raises(InvalidFieldError, match=r"^tls\.client_cert: the key in the file .* is encrypted"):
        make_tls(authority, (certificate, _encrypted(key, tmp_path), *password))


def _issued(tmp_path: Path) -> tuple[str, str, str]:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    issued = authority.issue_cert("client.example.com")
    names = [str(tmp_path / name) for name in ("ca.pem", "cert.pem", "key.pem")]
    authority.cert_pem.write_to_path(names[0])
    issued.cert_chain_pems[0].write_to_path(names[1])
    issued.private_key_pem.write_to_path(names[2])
    return names[0], names[1], names[2]


def _encrypted(key: str, tmp_path: Path) -> str:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    loaded = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    return str(encrypted)


def _verification_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "unable to get local issuer certificate"
    return error


def _ssl_error(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, "the whole text")
    error.reason = reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (_verification_error(), "TLS certificate not accepted: unable to get local issuer certificate"),
        (_ssl_error("BAD_ECPOINT"), "TLS failed: BAD_ECPOINT"),
        (_ssl_error(None), "TLS failed: ('the whole text',)"),
        (OSError(111, "Connection refused"), None),
        (ValueError("x"), None),
    ],
)
def test_what_failed_in_words(error: Exception, told: str | None) -> None:
    """Errors of TLS have a reason of their own; others have none here."""
    found = tls_failure(error)

    assert found is None if told is None else (found or "").startswith(told.partition("(")[0])
