"""The table `tune` of an experiment's file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.tuning.config import load_tuning

pytestmark = pytest.mark.extra


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials = 6", "trials = 0", "tune.trials=0"),
        ("trials = 6", "trial = 6", "tune: unknown key 'trial'; did you mean 'trials'"),
        ('"TPESampler"', '"TPESample"', "tune.sampler='TPESample': Optuna has no such sampler; did you mean 'TPESampler'"),
        ("n_startup_trials = 3", "n_startup = 3", "tune.sampler: TPESampler cannot be made"),
        ("n_startup_trials = 3", 'n_startup_trials = "x"', "tune.sampler: TPESampler cannot choose settings: '<' not supported"),
        ("n_startup_trials = 3", "n_ei_candidates = -1", "tune.sampler: TPESampler cannot choose settings: negative dimensions"),
        ('"TPESampler", n_startup_trials = 3', '"GridSampler", search_space = { z = [1, 2] }', "GridSampler cannot choose settings"),
        ("trials = 6", 'pruner = { name = "PatientPruner", wrapped_pruner = "x", patience = 1 }', "PatientPruner cannot judge trials"),
        ("trials = 6", 'pruner = "Median"', "tune.pruner='Median': Optuna has no such pruner"),
        ("[tune.space.q-learning]", "[tune.space.dqn]", "tune.space.dqn names no algorithm or agent of this experiment"),
        (
            '"arena.testing.fakes:FAKE_AGENT"',
            '"arena.testing.fakes:FAKE_AGENT", { agent = "arena.testing.fakes:FAKE_AGENT", name = "b" }',
            "what is found for 'fake' would apply to 'b' too; give it a name of its own",
        ),
        ("seeds = 3", 'seeds = "until-decided"', "tuning needs a count or a list"),
    ],
)
def test_a_wrong_table_names_the_thing(write_search: Callable[[str, str], Path], old: str, new: str, message: str):
    file = write_search(old, new)
    with pytest.raises(ArenaError) as caught:
        load_tuning(file)
    assert message in str(caught.value)
