"""What all integration tests share."""

from collections.abc import Iterator

import pytest

from tests.support.passwords import cheap_passwords


@pytest.fixture(scope="package", autouse=True)
def passwords() -> Iterator[None]:
    """Seeding, signing in and putting the service together hash passwords; what that costs is tested in unit tests."""
    with cheap_passwords():
        yield
