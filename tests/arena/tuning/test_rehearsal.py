"""The rehearsal finds what a sampler or pruner says only when it is asked."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.tuning.config import load_tuning

pytestmark = pytest.mark.extra


def test_a_sampler_whose_library_is_missing_is_refused_before_any_work(
    write_search: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
):
    """Optuna imports `cmaes` only once it has something to sample from."""
    monkeypatch.setitem(sys.modules, "cmaes", None)
    file = write_search('{ name = "TPESampler", n_startup_trials = 3 }', '"CmaEsSampler"')
    with pytest.raises(ArenaError, match=r"tune.sampler: CmaEsSampler cannot choose settings: .*cmaes"):
        load_tuning(file)
