from collections.abc import Iterator

import pytest

from arena import spec


@pytest.fixture(autouse=True)
def _frameworks_stay_importable() -> Iterator[None]:
    """Keeps one test's refusal of frameworks from reaching the next."""
    yield
    spec._refused.clear()
