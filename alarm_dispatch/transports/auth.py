"""How a transport proves who it is: the value of the Authorization header."""

from __future__ import annotations

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.http_values import basic_authorization, check_headers
from alarm_dispatch.secret import Secret, hidden, revealed

__all__ = ["Auth", "BasicAuth", "BearerAuth"]


def _password(value: str | Secret) -> Secret:
    return hidden(value, "BasicAuth.password")


def _token(value: str | Secret) -> Secret:
    values.check_text(revealed(value), "BearerAuth.token", empty=False)
    return hidden(value, "BearerAuth.token")


@frozen
class BasicAuth:
    """User and password (RFC 7617); the user has no colon, the password may be a secret."""

    user: str = field(validator=values.text())
    password: Secret = field(converter=_password, repr=False)

    def __attrs_post_init__(self) -> None:
        if ":" in self.user:
            raise InvalidFieldError("BasicAuth.user", "has a colon, which separates user and password")

    def header(self) -> str:
        """The value of the Authorization header."""
        return basic_authorization(self.user, self.password.reveal())


@frozen
class BearerAuth:
    """A bearer token (RFC 6750), which may be a secret."""

    token: Secret = field(converter=_token, repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            check_headers([("Authorization", self.token)], "BearerAuth.token")
        except InvalidFieldError as error:
            raise InvalidFieldError("BearerAuth.token", error.problem) from None

    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self.token.reveal()}"


Auth = BasicAuth | BearerAuth
