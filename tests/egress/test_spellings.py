"""Which URLs and addresses the two presets let through, in every spelling: a table."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import EgressRefusedError, InvalidFieldError

HERE = Path(__file__).parent
POLICIES = {"internal": EgressPolicy.internal(), "public_only": EgressPolicy.public_only()}
_ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|[tnr\\])")


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table; what cannot be seen is written as Python escapes it."""
    with (HERE / name).open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def unescaped(text: str) -> str:
    """The text that an entry stands for."""
    return _ESCAPE.sub(lambda found: found[0].encode().decode("unicode_escape"), text)


URLS, ADDRESSES = rows("urls.tsv"), rows("addresses.tsv")


def decision_on_url(policy: EgressPolicy, url: str) -> str:
    """The rule that refuses the URL as a callback calls it."""
    try:
        policy.check_url(Callback(url, format="tencent").address)
    except InvalidFieldError:
        return "invalid"
    except EgressRefusedError as error:
        return error.rule
    return "allowed"


def decision_on_address(policy: EgressPolicy, address: str) -> str:
    """The rule that refuses an address that a lookup answered."""
    try:
        policy.check_address(address, "http://ops.example.com/")
    except EgressRefusedError as error:
        return error.rule
    return "allowed"


@pytest.mark.parametrize("preset", POLICIES)
@pytest.mark.parametrize("row", URLS, ids=lambda row: row["url"])
def test_a_url_has_its_decision(row, preset):
    """A spelling is read as what is called for it, or is no URL."""
    assert decision_on_url(POLICIES[preset], unescaped(row["url"])) == row[preset]


@pytest.mark.parametrize("preset", POLICIES)
@pytest.mark.parametrize("row", URLS, ids=lambda row: row["url"])
def test_a_url_that_was_not_checked_before_has_the_same_decision(row, preset):
    """A policy asked about the text as it was typed in refuses what no callback takes."""
    found, url = row[preset], unescaped(row["url"])

    if found == "allowed":
        POLICIES[preset].check_url(url)
    else:
        with pytest.raises(EgressRefusedError) as refused:
            POLICIES[preset].check_url(url)
        assert refused.value.rule == ("invalid URL" if found == "invalid" else found)


@pytest.mark.parametrize("preset", POLICIES)
@pytest.mark.parametrize("row", ADDRESSES, ids=lambda row: row["address"])
def test_an_address_has_its_decision(row, preset):
    """By its own kind and that of the addresses within, whichever is stricter."""
    assert decision_on_address(POLICIES[preset], row["address"]) == row[preset]


def test_the_tables_are_long_and_say_where_a_row_is_from():
    """No row twice, each with a note."""
    assert len({row["url"] for row in URLS}) == len(URLS) >= 200
    assert len({row["address"] for row in ADDRESSES}) == len(ADDRESSES) >= 200
    assert all(row["source"] for row in URLS + ADDRESSES)
