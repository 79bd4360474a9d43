"""How a transport proves who it is: the value of the Authorization header."""

from __future__ import annotations

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.http_values import basic_authorization, check_headers

__all__ = ["Auth", "BasicAuth", "BearerAuth"]


@frozen
class BasicAuth:
    """User and password (RFC 7617); the user has no colon."""

    user: str = field(validator=values.text())
    password: str = field(validator=values.text(), repr=False)

    def __attrs_post_init__(self) -> None:
        if ":" in self.user:
            raise InvalidFieldError("BasicAuth.user", "has a colon, which separates user and password")

    def header(self) -> str:
        """The value of the Authorization header."""
        return basic_authorization(self.user, self.password)


@frozen
class BearerAuth:
    """A bearer token (RFC 6750)."""

    token: str = field(validator=values.text(empty=False), repr=False)

    def __attrs_post_init__(self) -> None:
        try:
            check_headers([("Authorization", self.token)], "BearerAuth.token")
        except InvalidFieldError as error:
            raise InvalidFieldError("BearerAuth.token", error.problem) from None

    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self.token}"


Auth = BasicAuth | BearerAuth
