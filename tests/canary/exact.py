"""Tests that compare what a canary changes, so that they say nothing with one, each with the reason."""

from __future__ import annotations

__all__ = ["LEFT_OUT", "reason"]

_URL = "compares a callback's URL or headers"
_SUBJECT = "is about what a callback shows, with canaries of its own"
_MOCKED = "mocks a request by its URL"

LEFT_OUT = {
    "README.md": _URL,
    "docs/how-to/egress.md": _URL,
    "docs/explanation/egress.md": _URL,
    "docs/how-to/secrets.md": "shows a callback's headers",
    "tests/canary/": "is about the canaries themselves",
    "tests/unit/test_callback_secrets.py": _SUBJECT,
    "tests/loading/test_secrets.py::test_a_url_and_headers": _SUBJECT,
    "tests/cli/test_secrets.py::test_url_and_header_by_reference": _SUBJECT,
    "tests/dispatch/test_told_secrets.py::test_the_transports_own_credentials_are_masked": _SUBJECT,
    "tests/unit/test_callbacks.py::test_a_callback_has_defaults_for_everything_but_url_and_format": _URL,
    "tests/unit/test_callbacks.py::test_a_callback_shows_no_secret": _URL,
    "tests/unit/test_callbacks.py::test_the_host_that_is_called_is_in_the_spelling_that_was_checked": _URL,
    "tests/unit/test_request_headers.py::test_what_is_the_users_own_affair": _URL,
    "tests/unit/test_delivery.py::test_a_report_can_be_handed_to_another_process": _URL,
    "tests/unit/test_errors.py::test_an_exception_can_be_handed_to_another_process[DispatchFailedError": _URL,
    "tests/dispatch/test_attempts.py::test_a_confirmed_callback_is_not_called_again": _URL,
    "tests/docs/test_tables.py::test_every_spelling_of_a_host_has_its_row": _URL,
    "tests/egress/test_called.py::test_the_libraries_read": _URL,
    "tests/testing/test_memory_transport.py::test_a_script_is_found_by_the_url_as_it_was_written": _URL,
    "tests/transports/test_gate.py::test_a_refused_address_ends_the_delivery": _URL,
    "tests/acceptance/test_hostile_catalogue.py::test_no_redirect_is_followed": _URL,
    "tests/cli/test_listen.py::test_a_request_is_shown": _URL,
    "tests/cli/test_send.py::test_json": _URL,
    "tests/transports/test_httpx.py::test_callbacks_can_be_mocked_with_respx": _MOCKED,
    "tests/transports/test_httpx.py::test_what_is_mocked_is_never_looked_up": _MOCKED,
    "tests/transports/test_httpx.py::test_a_route_that_is_not_mocked_fails_loudly": _MOCKED,
}
"""By the beginning of a test's name."""


def reason(nodeid: str) -> str | None:
    """Why a test is left out; None when it is not."""
    return next((why for start, why in LEFT_OUT.items() if nodeid.startswith(start)), None)
