"""Recorded values: a change of any of them changes the results of every experiment with the same seeds."""

import itertools

import numpy as np
import pytest

from arena.seeding import (
    adaptive_rng,
    batch_seed,
    duel_player_rng,
    duel_seed,
    evaluation_seeds,
    game_player_rng,
    opening_seed,
    parity_rng,
    probe_rng,
    resampling_rng,
    reset_seed,
    sampler_seed,
    split_seed,
    swiss_rng,
    training_seeds,
    tuning_seed,
)


def test_seeds_have_their_recorded_values():
    assert evaluation_seeds(7) == (1201125462, 788422957, 1855184853)
    training = training_seeds(7, 3)
    assert training.agent == 400738517
    assert [reset_seed(training.env, *place) for place in ((0, 0), (1, 0), (0, 1))] == [3654944791, 2779582639, 1440437393]
    assert split_seed(5, 3) == [16823399, 2940995229, 2290007392]
    assert tuning_seed(7) == 3831650445
    assert sampler_seed(7, 5) == 7000026
    assert duel_seed(7, "CartPole-v1") == 1582479210
    assert [opening_seed(7, "tictactoe_v3", index) for index in (0, 1)] == [328419637, 1623724550]
    assert [batch_seed(7, first) for first in (0, 128)] == [2083679832, 1213786046]


@pytest.mark.parametrize(
    ("rng", "value"),
    [
        (parity_rng(3), 3485385464),
        (duel_player_rng(7, "random"), 2118960142),
        (game_player_rng("a~random", 1, (1, 2)), 603453484),
        (swiss_rng(7, 2, 1), 874779943),
        (adaptive_rng(7, 2), 1208267292),
        (resampling_rng(7), 4058335883),
        (probe_rng(), 3653403231),
    ],
)
def test_generators_have_their_recorded_values(rng: np.random.Generator, value: int):
    assert rng.integers(2**32) == value


def test_streams_that_decide_results_do_not_overlap():
    """Small seeds are what people choose: no two streams, seeds or places of one stream give the same seed."""
    drawn: list[int] = []
    for seed in range(10):
        drawn += [*evaluation_seeds(seed), tuning_seed(seed), duel_seed(seed, "CartPole-v1"), duel_seed(seed, "Acrobot-v1")]
        drawn += [opening_seed(seed, game, index) for game in ("tictactoe_v3", "connect_four_v3") for index in range(10)]
        for run_seed in range(10):
            training = training_seeds(seed, run_seed)
            places = itertools.product(range(3), range(5))
            drawn += [training.agent, *(reset_seed(training.env, env_index, num_cuts) for env_index, num_cuts in places)]
    assert len(set(drawn)) == len(drawn)


def test_a_game_named_like_an_environment_has_other_seeds():
    assert duel_seed(0, "x") not in {opening_seed(0, "x", index) for index in range(100)}


def test_evaluation_batches_of_one_seed_differ_and_so_do_those_of_two_seeds():
    drawn = [batch_seed(seed, first) for seed in evaluation_seeds(0) for first in range(0, 1_280, 128)]
    assert len(set(drawn)) == len(drawn)
