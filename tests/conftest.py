import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _frameworks_stay_importable() -> Iterator[None]:
    """Lifts what `refuse_other_frameworks` has blocked: SciPy, for one, asks `sys.modules` for torch and does not expect None."""
    yield
    for name in [name for name, module in sys.modules.items() if module is None]:
        del sys.modules[name]
