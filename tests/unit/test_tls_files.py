"""What is wrong with the files of a TLS context: the setting, the file, and what to look for in it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.secret import Secret
from alarm_dispatch.transports.httpx import HttpxTransport

trustme = pytest.importorskip("trustme")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")

_PASSWORD = "open hunter2"
_HALF = 200  # bytes of a file that is cut off


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with files that are right, and with others."""
    authority = trustme.CA()
    issued, other = authority.issue_cert("client.example.com"), authority.issue_cert("other.example.com")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    other.private_key_pem.write_to_path(str(tmp_path / "other.pem"))
    key = serialization.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(_PASSWORD.encode())
    for name in ("PKCS8", "TraditionalOpenSSL"):
        form = getattr(serialization.PrivateFormat, name)
        content = key.private_bytes(serialization.Encoding.PEM, form, encryption)
        (tmp_path / f"{name}.pem").write_bytes(content)
    (tmp_path / "broken.pem").write_bytes((tmp_path / "cert.pem").read_bytes()[:_HALF])
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "empty.pem").write_bytes(b"")
    return tmp_path


def _problem(settings: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(InvalidFieldError) as caught:
        HttpxTransport(**settings)
    assert "hunter2" not in str(caught.value)
    return caught.value.field, caught.value.problem


_DAMAGED = "cannot be loaded: it is damaged, or not in PEM"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("text.pem", "has no certificate in PEM"),
        ("empty.pem", "has no certificate in PEM"),
        ("key.pem", "has no certificate in PEM"),
        ("broken.pem", _DAMAGED),
        ("missing.pem", "cannot be read: No such file or directory"),
        ("", "cannot be read: Is a directory"),
    ],
)
def test_a_file_of_authorities(files, name, problem):
    """Told by its path, in words that are no library's."""
    file = files / name

    assert _problem({"ca_file": file}) == ("HttpxTransport.ca_file", f"the file {file} {problem}")


@pytest.mark.parametrize(
    ("names", "password", "problem"),
    [
        (
            ("cert.pem", "other.pem"),
            (),
            "the key in the file {key} does not belong to the certificate in the",
        ),
        (("cert.pem", "PKCS8.pem"), (), "the key in the file {key} is encrypted, and no password is given"),
        (
            ("cert.pem", "PKCS8.pem"),
            ("",),
            "the key in the file {key} is encrypted, and no password is given",
        ),
        (
            ("cert.pem", "PKCS8.pem"),
            ("hunter2",),
            "the key in the file {key} is encrypted, and the password is",
        ),
        (
            ("cert.pem", "TraditionalOpenSSL.pem"),
            (Secret("hunter2"),),
            "the key in the file {key} is encrypte",
        ),
        (("cert.pem", "PKCS8.pem"), ("x" * 5000,), "password cannot be longer than "),
        (("missing.pem", "key.pem"), (), "the file {certificate} cannot be read: No such file or directory"),
        (("cert.pem", "missing.pem"), (), "the file {key} cannot be read: No such file or directory"),
        (("key.pem", "cert.pem"), (), "the file {certificate} has no certificate in PEM"),
        (("cert.pem", "cert.pem"), (), "the file {key} has no private key in PEM"),
        (("cert.pem", "text.pem"), (), "the file {key} has no private key in PEM"),
        (("broken.pem", "key.pem"), (), "the file {certificate} or the file {key} " + _DAMAGED),
    ],
)
def test_a_client_certificate(files, names, password, problem):
    """Which of the two files it is, and what it should have; of a password that there is one."""
    certificate, key = (str(files / name) for name in names)

    field, told = _problem({"client_cert": (certificate, key, *password)})

    assert field == "HttpxTransport.client_cert"
    assert told.startswith(problem.format(certificate=certificate, key=key))


@pytest.mark.parametrize("password", [_PASSWORD, _PASSWORD.encode(), Secret(_PASSWORD)])
@pytest.mark.parametrize("name", ["PKCS8.pem", "TraditionalOpenSSL.pem"])
def test_a_key_with_its_password(files, name, password):
    """As a list, too, and with paths."""
    HttpxTransport(client_cert=[files / "cert.pem", files / name, password])


_NO_PATH = "must be the path of a file, not "
_PEM = "-----BEGIN PRIVATE KEY-----\nhunter2"


@pytest.mark.parametrize(
    ("settings", "field", "problem"),
    [
        (
            {"client_cert": ("a", "b", 5)},
            "client_cert[2]",
            "must be the key's password, as text or a Secret, no",
        ),
        (
            {"client_cert": ("a", "b", None)},
            "client_cert[2]",
            "must be the key's password, as text or a Secret",
        ),
        ({"client_cert": (5, "b")}, "client_cert[0]", _NO_PATH + "int"),
        ({"client_cert": ("a", None)}, "client_cert[1]", _NO_PATH + "NoneType"),
        ({"client_cert": ("a", "")}, "client_cert[1]", "must not be empty"),
        (
            {"client_cert": ("a", _PEM)},
            "client_cert[1]",
            "is a text in PEM; put it into a file, and give the path",
        ),
        (
            {"client_cert": ("a", "b", "c", "d")},
            "client_cert",
            "must be (certificate, key) or (certificate, key, ",
        ),
        ({"client_cert": 5}, "client_cert", "must be (certificate, key) or (certificate, key, password)"),
        ({"ca_file": 5}, "ca_file", _NO_PATH + "int"),
        ({"ca_file": _PEM}, "ca_file", "is a text in PEM; put it into a file, and give the path of that"),
        ({"ca_file": "a\0"}, "ca_file", "the file a\\x00 cannot be read: embedded null byte"),
    ],
)
def test_what_is_no_path_and_no_password(settings, field, problem):
    """Before any file is opened; a text that may be the key is not repeated."""
    found, told = _problem(settings)

    assert found == f"HttpxTransport.{field}"
    assert told.startswith(problem)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_read_twice(tmp_path):
    """Whoever looked into it once more would wait for ever."""
    pipe = tmp_path / "pipe.pem"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("no certificate",), daemon=True)
    writer.start()

    assert _problem({"ca_file": pipe}) == ("HttpxTransport.ca_file", f"the file {pipe} {_DAMAGED}")
    writer.join(10)
