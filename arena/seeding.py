"""Every named stream of random numbers: the answer to "where does a seed come from?".

Everything random follows from a few numbers that a user chooses (`seed` of an experiment, of a run, of a tournament, of a search).

=====================  =====================================  =============================================================
stream                 follows from                           decides
=====================  =====================================  =============================================================
`evaluation_seeds`     experiment seed                        initial states of selection, target and final evaluations
`training_seeds`       experiment seed, run seed              resets of the training environments; the agent's own numbers
`reset_seed`           the run's environment stream           one reset of one training environment
`split_seed`           the agent's seed                       networks, replay, exploration: one seed for each part
`parity_rng`           run seed                               observations on which a policy file is compared with its agent
`tuning_seed`          experiment seed                        experiment seed of all trials of a search
`sampler_seed`         seed of the search                     settings that a search tries
`duel_seed`            tournament seed, environment           initial states of a tournament's duels
`opening_seed`         tournament seed, game, opening's index first moves of a tournament's games
`batch_seed`           any seed of evaluations                initial states of one batch of episodes
`duel_player_rng`      duel seed, player                      moves of the random player in duels
`game_player_rng`      pair, seat, seeds of the games         moves of the random player in games
`swiss_rng`            tournament seed, round, environment    order of players with equal scores
`adaptive_rng`         tournament seed, look                  order of matches that narrow the ranking equally
`resampling_rng`       seed of a statistic                    bootstrap resamples and permutations
`simulation_rng`       seed of `arena calibrate`, place       simulated experiments with known answers
`probe_rng`            nothing                                inputs with which a policy or a game is tried before it is used
=====================  =====================================  =============================================================

What is learned from and what is judged never share numbers: evaluations, training, tuning and tournaments draw from separate branches
(`Stream`) of NumPy's `SeedSequence`, whatever the seeds. The generators (`…_rng`) have no branch of their own: they order, resample or try
what those branches have decided, so equal seeds may give two of them equal numbers, and nothing depends on that.
"""

import enum
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Stream(enum.IntEnum):
    """First word of the spawn key of a `numpy.random.SeedSequence`; two streams share no numbers, whatever the seed."""

    EVALUATION = 0
    """Selection, target and final evaluations of an experiment's runs."""
    TRAINING = 1
    """Training environments and agents of an experiment's runs."""
    TUNING = 2
    """Trials of a search for hyperparameters."""
    TOURNAMENT = 3
    """Initial states and openings of a tournament."""


class EvaluationSeeds(NamedTuple):
    """Seeds of a run's evaluations; equal for all agents and runs of an experiment, so that episodes are paired."""

    selection: int
    """Seed of the evaluations that choose which policy is kept."""
    target: int
    """Seed of the evaluation that confirms a target return."""
    final: int
    """Seed of the evaluation that gives the score; nothing else uses it."""


class TrainingSeeds(NamedTuple):
    """Seeds of a run's training."""

    env: np.random.SeedSequence
    """Source of `reset_seed`."""
    agent: int
    """Seed handed to the agent, below 2**31."""


def evaluation_seeds(experiment_seed: int) -> EvaluationSeeds:
    """Returns the seeds of all evaluations of an experiment's runs."""
    words = np.random.SeedSequence(experiment_seed, spawn_key=(Stream.EVALUATION,)).generate_state(3)
    return EvaluationSeeds(*(int(word) for word in words))


def training_seeds(experiment_seed: int, run_seed: int) -> TrainingSeeds:
    """Returns the seeds of the training environments and of the agent of one run."""
    env, agent = np.random.SeedSequence(experiment_seed, spawn_key=(Stream.TRAINING, run_seed)).spawn(2)
    return TrainingSeeds(env=env, agent=_word(agent) % 2**31)


def reset_seed(env: np.random.SeedSequence, env_index: int, num_cuts: int) -> int:
    """Returns the seed of a reset of a training environment.

    Args:
        env: `TrainingSeeds.env`.
        env_index: number of environments that the run had made before this one.
        num_cuts: number of times that the run has cut its episodes at a checkpoint.
    """
    return _word(np.random.SeedSequence(env.entropy, spawn_key=(*env.spawn_key, env_index, num_cuts)))


def split_seed(seed: int, num_parts: int) -> list[int]:
    """Returns one seed for each part of an agent (networks, replay, exploration) from the agent's own seed."""
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(num_parts)]


def parity_rng(run_seed: int) -> np.random.Generator:
    """Returns the generator of the observations on which a policy file is compared with its agent."""
    return np.random.default_rng(run_seed)


def tuning_seed(experiment_seed: int) -> int:
    """Returns the experiment seed of all trials of a search, so that no trial meets the experiment's own evaluation seeds."""
    return _word(np.random.SeedSequence(experiment_seed, spawn_key=(Stream.TUNING,)))


def sampler_seed(search_seed: int, num_trials: int) -> int:
    """Returns the seed with which a sampler proposes the next settings after `num_trials` trials."""
    return (search_seed * 1_000_003 + num_trials) % 2**32


def duel_seed(tournament_seed: int, env_name: str) -> int:
    """Returns the seed of an environment's initial states in a tournament, the same for all players."""
    return _word(np.random.SeedSequence(tournament_seed, spawn_key=(Stream.TOURNAMENT, zlib.crc32(env_name.encode()))))


def opening_seed(tournament_seed: int, game_id: str, index: int) -> int:
    """Returns the seed of a game's opening number `index` in a tournament, the same for all pairs."""
    return _word(np.random.SeedSequence(tournament_seed, spawn_key=(Stream.TOURNAMENT, zlib.crc32(game_id.encode()), index)))


def batch_seed(seed: int, first_episode: int) -> int:
    """Returns the reset seed of the batch of evaluation episodes that begins with number `first_episode`."""
    return _word(np.random.SeedSequence([seed, first_episode]))


def duel_player_rng(seed: int, player: str) -> np.random.Generator:
    """Returns the generator of the random player's actions in duels played with `seed`."""
    return np.random.default_rng([seed, zlib.crc32(player.encode())])


def game_player_rng(pair: str, seat: int, seeds: Sequence[int]) -> np.random.Generator:
    """Returns the generator of the random player's moves.

    Args:
        pair: names of both players, joined.
        seat: 0 or 1, the player's place in `pair`.
        seeds: seeds of the games that are played together.
    """
    return np.random.default_rng([zlib.crc32(f"{pair}/{seat}".encode()), *seeds])


def swiss_rng(tournament_seed: int, round_index: int, env_index: int) -> np.random.Generator:
    """Returns the generator that orders players with equal scores in one round of a Swiss schedule."""
    return np.random.default_rng([tournament_seed, round_index, env_index])


def adaptive_rng(tournament_seed: int, look: int) -> np.random.Generator:
    """Returns the generator that orders matches which would narrow the ranking equally, at look number `look`."""
    return np.random.default_rng([tournament_seed, look])


def resampling_rng(seed: int) -> np.random.Generator:
    """Returns the generator of the bootstrap resamples or the permutations of one statistic."""
    return np.random.default_rng(seed)


def simulation_rng(seed: int, *place: int) -> np.random.Generator:
    """Returns the generator of one simulated experiment.

    Args:
        seed: seed of all of them.
        place: numbers that tell the experiment from the others.
    """
    return np.random.default_rng([seed, *place])


def probe_rng() -> np.random.Generator:
    """Returns the generator of the inputs with which a policy or a game is tried before it is used; the same at every call."""
    return np.random.default_rng(0)


def _word(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1)[0])
