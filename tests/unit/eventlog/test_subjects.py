"""Subjects are as the contract says: a county is one wildcard, a kind of event another."""

import pytest

from shared.contracts.routing import Closed, DirectoryChanged
from shared.messaging.subjects import subject
from tests.support.events import COUNTY, VILLAGE


@pytest.mark.parametrize(
    ("type_name", "region", "expected"),
    [
        (Closed.type_name(), VILLAGE, "huiyin.issue.33.01.82.104.228.Closed"),
        (Closed.type_name(), COUNTY, "huiyin.issue.33.01.82.000.000.Closed"),
        (DirectoryChanged.type_name(), None, "huiyin.directory.DirectoryChanged"),
        (DirectoryChanged.type_name(), COUNTY, "huiyin.directory.DirectoryChanged"),
    ],
)
def test_subject(type_name: str, region: str | None, expected: str) -> None:
    assert subject(type_name, region) == expected
