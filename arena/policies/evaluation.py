"""Plays policies on environments that no training touches, on seeds that all policies share."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig
from arena.environments.own_errors import environment_error
from arena.environments.values import ValueWatch, environment_fault
from arena.environments.vectorize import MakeSingleEnvs, failed_envs, make_sync_env, make_vec_env, time_limit
from arena.errors import ArenaError, EnvironmentFault
from arena.policies.info_metrics import InfoMetrics
from arena.policies.policy import Policy
from arena.seeding import batch_seed

Array = npt.NDArray[Any]

MAX_PARALLEL_ENVS = 128
"""Max number of environments that are stepped at once; more episodes are played in several batches."""
DEFAULT_MAX_EPISODE_STEPS = 10_000
"""Env steps after which an evaluation episode is cut where neither the environment nor the user sets a limit."""
PROGRESS_STEPS = 64
"""Number of vector steps between two calls of the function that follows an evaluation's progress."""
MAX_VISITED = 1_000
"""Max number of visited observations that are kept of each batch of environments."""
ENDINGS = ("terminated", "truncated", "cut")
"""Reasons of an episode's end: the environment's own end, its time limit, or the evaluation's limit."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The episodes that one policy played."""

    episode_returns: Array
    """Return of each episode, `float64 [E]`; entry e has one initial state for all policies under the same seed and number of episodes."""
    episode_lengths: Array
    """Env steps of each episode, `int64 [E]`."""
    visited_observations: Array
    """Observations that the policy met, `[M, *obs]`: one of a running episode at each vector step, at most `MAX_VISITED` of each batch."""
    num_outside: int = 0
    """Number of observations that the environment gave outside of their space."""
    num_cut: int = 0
    """Number of episodes that were cut by the evaluation's own limit, not ended by the environment; their returns so far count."""

    endings: Array = dataclasses.field(default_factory=lambda: np.zeros(0, np.int8))
    """Reason of each episode's end, `int8 [E]`, as an index of `ENDINGS`; empty where nobody noted them."""

    metrics: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    """Last value of each metric that was asked for in the `info` of each episode, `float64 [E]`, by its name."""

    @property
    def num_endings(self) -> dict[str, int]:
        """Number of episodes by the reason of their end."""
        return {ending: int(np.count_nonzero(self.endings == index)) for index, ending in enumerate(ENDINGS)}

    @property
    def episode_return_mean(self) -> float:
        """Mean return over the episodes."""
        return float(self.episode_returns.mean())

    @property
    def episode_return_std(self) -> float:
        """Standard deviation of the returns over the episodes."""
        return float(self.episode_returns.std())


def evaluate(
    policy: Policy,
    env_config: EnvConfig,
    *,
    num_episodes: int,
    seed: int,
    max_episode_steps: int | None = None,
    seeds: Sequence[int] | None = None,
    num_envs: int | None = None,
    info_metrics: Sequence[str] = (),
    on_step: Callable[[], None] = lambda: None,
    progress: Callable[[int], None] = lambda _: None,
    make_single_envs: MakeSingleEnvs = make_sync_env,
) -> Evaluation:
    """Plays `num_episodes` episodes, each in an environment of its own, so that short episodes are not favoured.

    Args:
        policy: Policy to evaluate. A policy file acts greedily.
        env_config: Environment to play.
        num_episodes: Number of episodes, E.
        seed: Seed of every initial state; episodes of two policies under one seed are paired.
        max_episode_steps: Env steps after which an episode is cut; None takes `DEFAULT_MAX_EPISODE_STEPS` where the environment has no
            time limit of its own, and no limit elsewhere.
        seeds: Reset seed of each episode, `[E]`, as `env.reset(seed=...)` of a single environment takes it; None draws the initial states
            from `seed`. Faster implementations of many environments, which take one seed for all, are not used then.
        num_envs: Number of environments that exist at once; None means `MAX_PARALLEL_ENVS`. Where a vectorised environment draws all
            initial states from one seed, another number gives other initial states.
        info_metrics: Keys of `info` whose last value in each episode is kept, such as `is_success`. With any, faster implementations of
            many environments are not used.
        on_step: Called after each reset and step of the environments.
        progress: Function told of the number of episodes that are over, every `PROGRESS_STEPS` vector steps.
        make_single_envs: Function that makes environments of which no vector form is known or may be used.

    Raises:
        EnvironmentFault: if the environment gives NaN, infinity or None as a reward or an observation of an episode that counts, or no
            finite value of a metric that is asked for.
        EnvironmentRaised: if the environment's own code raises an error.
    """
    mode = AutoresetMode.NEXT_STEP
    if seeds is None and not info_metrics:
        make_envs = functools.partial(make_vec_env, env_config, autoreset_mode=mode, make_single_envs=make_single_envs)
    else:
        make_envs = functools.partial(make_single_envs, env_config, autoreset_mode=mode, info_metrics=info_metrics)
    return evaluate_in(
        make_envs,
        policy,
        num_episodes=num_episodes,
        seed=seed,
        seeds=seeds,
        max_episode_steps=max_episode_steps,
        num_envs=num_envs,
        info_metrics=info_metrics,
        on_step=on_step,
        progress=progress,
        env_name=env_config.name,
    )


def evaluate_in(
    make_envs: Callable[[int], gym.vector.VectorEnv[Any, Any, Any]],
    policy: Policy,
    *,
    num_episodes: int,
    seed: int,
    seeds: Sequence[int] | None = None,
    max_episode_steps: int | None = None,
    num_envs: int | None = None,
    info_metrics: Sequence[str] = (),
    on_step: Callable[[], None] = lambda: None,
    progress: Callable[[int], None] = lambda _: None,
    env_name: str = "",
) -> Evaluation:
    """Plays episodes as `evaluate` does, which has the other arguments and raises the same, in environments that the caller makes.

    Args:
        make_envs: Returns so many environments behind one vector environment, whose autoreset mode is next-step; they are closed here.
        policy: Policy to evaluate.
        num_episodes: Number of episodes.
        seed: Seed of every initial state.
        seeds: Reset seed of each episode; the environments take a list of seeds then.
        max_episode_steps: Env steps after which an episode is cut, as `evaluate` takes it.
        num_envs: Number of environments that exist at once; None means `MAX_PARALLEL_ENVS`.
        info_metrics: Keys of `info` whose last value in each episode is kept.
        on_step: Called after each reset and step of the environments.
        progress: Function told of the number of episodes that are over.
        env_name: Name of the environment for errors; without it they say `the environment`.
    """
    batches, metrics, num_outside, num_cut, first = [], list[dict[str, Array]](), 0, 0, 0
    for batch_size, vector_seed in episode_batches(num_episodes, seed, num_envs):
        env = make_envs(batch_size)
        limit = max_episode_steps
        if limit is None and time_limit(env) is None:
            limit = DEFAULT_MAX_EPISODE_STEPS
        reset_seed = vector_seed if seeds is None else [int(each) for each in seeds[first : first + batch_size]]
        own_metrics = InfoMetrics(info_metrics, batch_size)
        *columns, outside, cut = _play(policy, env, reset_seed, limit, own_metrics, on_step, progress, _Place(env_name, first, env))
        batches.append(columns)
        metrics.append(own_metrics.values(first))
        num_outside += outside
        num_cut += cut
        first += batch_size
    returns, lengths, visited, endings = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    joined = {name: np.concatenate([values[name] for values in metrics]) for name in info_metrics}
    return Evaluation(returns, lengths, visited, num_outside, num_cut, endings, joined)


def episode_batches(num_episodes: int, seed: int, num_envs: int | None = None) -> Iterator[tuple[int, int]]:
    """Yields the number of environments and the reset seed of each batch that `evaluate` plays; episodes are numbered through them."""
    size = num_envs or MAX_PARALLEL_ENVS
    for first in range(0, num_episodes, size):
        yield min(size, num_episodes - first), batch_seed(seed, first)


def _play(
    policy: Policy,
    env: gym.vector.VectorEnv[Any, Any, Any],
    seed: int | list[int],
    max_steps: int | None,
    metrics: InfoMetrics,
    on_step: Callable[[], None],
    progress: Callable[[int], None],
    place: "_Place",
) -> tuple[Array, Array, Array, Array, int, int]:
    """Plays one episode of each environment.

    Returns:
        Returns, lengths, visited observations and reasons of the ends; the number of observations outside of their space, and of episodes
        cut.
    """
    values = _Values(env, place)
    visited = []
    running = np.ones(env.num_envs, np.bool_)
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, np.int64)
    endings = np.full(env.num_envs, ENDINGS.index("cut"), np.int8)
    try:
        try:
            observations, _ = env.reset(seed=seed)  # type: ignore[arg-type]  # that of single environments takes a list
        except Exception as error:  # another package's code
            raise place.of_error(error, 0, running) from error
        on_step()
        values.look_at_reset(observations)
        for step in itertools.count() if max_steps is None else range(max_steps):
            if step < MAX_VISITED:
                visited.append(observations[running.nonzero()[0][step % np.count_nonzero(running)]])
            actions = policy.act(observations)
            try:
                observations, rewards, terminated, truncated, info = env.step(actions)
            except Exception as error:
                values.look()  # earlier values that are wrong come first
                raise place.of_error(error, step + 1, running) from error
            on_step()
            values.note(observations, rewards, running, info)
            metrics.note(info, running)
            returns += np.where(running, rewards, 0.0)
            lengths += running
            endings[running & truncated] = ENDINGS.index("truncated")
            endings[running & terminated] = ENDINGS.index("terminated")
            running &= ~(terminated | truncated)
            num_running = int(np.count_nonzero(running))
            if step % PROGRESS_STEPS == 0:
                progress(place.first + env.num_envs - num_running)
            if not num_running:
                break
        values.look()
    finally:
        env.close()
    return returns, lengths, np.stack(visited), endings, values.num_outside, int(np.count_nonzero(running))


class _Values:
    """The check of what the environments of an evaluation give; each plays one episode that counts, and then perhaps others."""

    def __init__(self, env: gym.vector.VectorEnv[Any, Any, Any], place: "_Place") -> None:
        self.num_outside = 0
        """Number of observations outside of their space, up to the last look."""
        self._watch = ValueWatch(env.single_observation_space, env.num_envs)
        self._rewards = np.zeros((self._watch.num_rows, env.num_envs))
        self._counted = np.zeros((self._watch.num_rows, env.num_envs), np.bool_)
        self._row = self._steps = 0  # in the log, and before it
        self._place = place

    def note(self, observations: Array, rewards: Array, running: Array, info: dict[str, Any]) -> None:
        """Writes down what a step gave; `running` says whose episodes count."""
        if self._row == self._watch.num_rows:
            self.look()
        self._rewards[self._row], self._counted[self._row] = rewards, running
        self._watch.note(self._row, observations, info)
        self._row += 1

    def look(self) -> None:
        """Looks at what was written down."""
        rows, self._row = slice(self._row), 0
        found, num_outside = self._watch.look(self._rewards[rows], counted=self._counted[rows])
        self.num_outside += num_outside
        if found is not None:
            raise self._fault(found.value, found.what, self._steps + found.row + 1, found.env)
        self._steps += rows.stop

    def look_at_reset(self, observations: Array) -> None:
        """Looks at the initial observations."""
        found, num_outside = self._watch.look_at_once(observations)
        self.num_outside += num_outside
        if found is not None:
            raise self._fault(found.value, found.what, 0, found.env)

    def _fault(self, value: str, what: str, env_step: int, env: int) -> EnvironmentFault:
        return environment_fault(value, what, env_step=env_step, place=self._place.episode(env), env=self._place.env_name)


class _Place:
    """The words for where in an evaluation an environment failed.

    Args:
        env_name: Name of the environment; empty where it has none.
        first: Number of episodes in earlier batches.
        env: Environments of this batch.
    """

    def __init__(self, env_name: str, first: int, env: gym.vector.VectorEnv[Any, Any, Any]) -> None:
        self.env_name, self.first, self._env = env_name, first, env

    def episode(self, env: int) -> str:
        """Returns the episode that the environment of a number plays."""
        return f"evaluation episode {self.first + env + 1}"

    def of_error(self, error: Exception, step: int, running: Array) -> ArenaError:
        """Returns the error for people, whose environment is known where environments are stepped one after the other.

        Args:
            error: Error that came out of the environments.
            step: Vector step, from 1; 0 for the reset.
            running: Environments whose episode counts and is not over, `bool [N]`.
        """
        if isinstance(error, ArenaError):  # of environments in processes of their own, one of which has died or hangs
            return error
        for index, env_step in failed_envs(self._env.unwrapped):
            where = self.episode(index) if running[index] else f"an episode after {self.episode(index)}"
            return environment_error(error, self.env_name, env_step, where)
        last = self.first + self._env.num_envs
        return environment_error(error, self.env_name, step, f"evaluation episodes {self.first + 1} to {last}")
