"""The conformance check for authors of agents, which the arena's own agents pass too.

A test of an agent is one line, in a process of its own: `check_agent(SPEC)`. The model is Gymnasium's `check_env`.
"""

import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector.utils import batch_space

from arena.agent.hyperparameters import build_config
from arena.agent.interface import Agent, Metrics
from arena.agent.isolation import FRAMEWORK_MODULES, refuse_other_frameworks
from arena.agent.spec import AgentSpec
from arena.environments.choices import are_allowed, are_in_space, best_actions, head_sizes
from arena.environments.config import EnvConfig
from arena.environments.counts import Episode, MeterCounts
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.environments.plugins import judged_with
from arena.environments.spaces import MaskedBox, random_masks
from arena.environments.vectorize import make_vec_env
from arena.errors import ArenaError, BudgetExhausted
from arena.experiment.compatibility import check_pair, env_frameworks
from arena.formats.trees import files_below
from arena.learning.normalized_agent import build_agent
from arena.policies.evaluation import evaluate
from arena.policies.parity import same_choices
from arena.policies.policy import OnnxPolicy, UniformPolicy

Array = npt.NDArray[Any]

STATE_SUFFIXES = frozenset({".json", ".npz", ".safetensors"})
"""Suffixes of the files that `Agent.save` may write; none of these formats can hold code."""
NUM_MASKED_POSITIONS = 10_000
"""Number of random positions on which a policy that knows action masks is tried; it must take no forbidden action on any."""
SCORE_TOLERANCE = 1e-4
"""Largest relative difference of scores between two forward passes in float32 for the same observation."""


def check_agent(
    spec: AgentSpec,
    *,
    env_id: str = "CartPole-v1",
    env_kwargs: Mapping[str, Any] | None = None,
    config: Any = None,
    num_steps: int = 2_000,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Checks that an agent keeps every promise of `arena.agent.interface.Agent`; trains it for about `5 * num_steps` env steps.

    The check imports the agent's framework and refuses all others, as a worker does. Call it in a process that was started with
    `spec.process_env_for(config)` in its environment and that has imported no other framework.

    Args:
        spec: Spec of the agent.
        env_id: Environment that the agent can play; its episodes should be much shorter than `num_steps`.
        env_kwargs: Keyword arguments of the environment; None for none.
        config: Instance of `spec.config`, or a table with the values that differ from its defaults.
        num_steps: Env steps of each call of `learn`; enough for several training bursts and finished episodes.
        seed: Seed of the agent and of the environments.
        device: Device of the agent, such as `cpu` or `cuda:0`.

    Raises:
        AssertionError: The agent breaks a promise, which the message names.
    """
    _check_config(spec)
    config = config if isinstance(config, spec.config) else build_config(spec.config, config or {}, where=spec.id)
    env = EnvConfig(env_id, env_kwargs or {})
    check_pair(spec, env, config)
    for name, value in spec.process_env_for(config).items():
        assert os.environ.get(name) == value, f"{spec.id}: start the process with {name}={value} in its environment"
    allowed = spec.modules_for(config) | env_frameworks(env)
    refuse_other_frameworks(allowed)
    observations = _sample_observations(env, seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        directory = root / "state"
        directory.mkdir()

        trial = _Trial(spec, env, config, seed, device)
        first = trial.learn(num_steps)
        assert first.episodes, f"{spec.id}: no episode of {env_id} ended in {num_steps} env steps; pass a larger num_steps"
        saved_actions = trial.check_act(observations)
        trial.check_export(root / "saved.onnx", observations)
        trial.agent.save(directory)
        _check_state(spec, directory)
        env_steps = trial.meter.env_steps
        trial.factory.cut_episodes()
        second = trial.learn(num_steps)
        scores = trial.check_export(root / "uninterrupted.onnx", observations)
        trial.close()

        trial = _Trial(spec, env, config, seed, device, env_steps=env_steps)
        trial.agent.restore(directory)
        trial.factory.cut_episodes(1)
        assert np.array_equal(trial.agent.act(observations), saved_actions), f"{spec.id}: restore() gives another policy than was saved"
        resumed = trial.learn(num_steps)
        resumed_scores = trial.check_export(root / "resumed.onnx", observations)
        trial.close()
        if spec.determinism == "bitwise":
            where = f"{spec.id}: resumed training differs from uninterrupted training (determinism='bitwise')"
            _check_same(where, resumed, second)
            assert np.array_equal(resumed_scores, scores), f"{where}: action scores differ by {np.abs(resumed_scores - scores).max():g}"

        trial = _Trial(spec, env, config, seed, device, max_env_steps=env_steps + num_steps // 2)
        again = trial.learn(num_steps)
        if spec.determinism == "bitwise":
            _check_same(f"{spec.id}: the same seed gives another training (determinism='bitwise')", again, first)
        trial.check_budget(num_steps)
        trial.check_export(root / "exhausted.onnx", observations)  # an exhausted budget is the regular end of training
        trial.close()
    loaded = {name for name in FRAMEWORK_MODULES if sys.modules.get(name) is not None}
    extra = sorted(loaded - allowed)
    assert not extra, f"{spec.id}: {', '.join(extra)} imported, but spec.modules allows {sorted(allowed) or 'none'}"


def check_learns(
    spec: AgentSpec,
    env: EnvConfig,
    *,
    num_steps: int,
    min_return: float,
    config: Any = None,
    evaluation_env: EnvConfig | None = None,
    num_episodes: int = 20,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """Trains an agent from scratch and returns the mean episode return of its exported policy.

    Args:
        spec: Spec of the agent.
        env: Environment to train on, for example a probe environment of `arena_envs`.
        num_steps: Budget of the training in env steps.
        min_return: Smallest mean episode return that passes.
        config: Instance of `spec.config`, or a table with the values that differ from its defaults.
        evaluation_env: Environment to evaluate on; None for the one that `env` is judged on, which is `env` itself unless its plug-in
            names another (`arena.environments.plugins.EnvPlugin.judged_with`).
        num_episodes: Number of episodes of the evaluation.
        seed: Seed of the training; the evaluation uses `seed + 1`.
        device: Device of the agent, such as `cpu` or `cuda:0`.

    Raises:
        AssertionError: The mean is below `min_return`.
    """
    config = config if isinstance(config, spec.config) else build_config(spec.config, config or {}, where=spec.id)
    judged_on = evaluation_env or dataclasses.replace(env, kwargs={**env.kwargs, **judged_with(env.id)})
    trial = _Trial(spec, env, config, seed, device, max_env_steps=num_steps)
    with tempfile.TemporaryDirectory() as folder:
        trial.check_budget(num_steps)
        path = Path(folder) / "policy.onnx"
        trial.agent.export_policy(path)
        trial.close()
        evaluation = evaluate(OnnxPolicy(path), judged_on, num_episodes=num_episodes, seed=seed + 1)
    mean = evaluation.episode_return_mean
    assert mean >= min_return, (
        f"{spec.id}: mean return {mean:g} on {judged_on.name} after {num_steps} env steps on {env.name}, not {min_return:g}"
    )
    return mean


def check_policy(path: Path, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> None:
    """Checks on random observations that a file is a policy for these spaces, which must be in the arena's form.

    Raises:
        AssertionError: The file is not such a policy; the message says why.
    """
    try:
        policy = OnnxPolicy(path)
        policy.signature.check(observation_space, action_space, where=str(path))
    except ArenaError as error:
        raise AssertionError(str(error)) from error
    observations = _random_observations(observation_space, seed=0)
    actions, scores = policy.act(observations), policy.scores(observations)
    _check_actions(str(path), actions, len(observations), action_space)
    if isinstance(observation_space, MaskedBox):
        positions = _random_observations(observation_space, seed=1, count=NUM_MASKED_POSITIONS)
        _check_allowed(str(path), policy.act(positions), observation_space, positions)
    assert scores.shape == (len(observations), policy.signature.num_scores), f"{path}: action_scores have shape {scores.shape}"
    assert np.isfinite(scores).all(), f"{path}: action_scores are not finite"
    assert np.array_equal(policy.act(observations), actions), f"{path}: the same observations give other actions the second time"
    rows = np.concatenate([policy.scores(observations[i : i + 1]) for i in range(len(observations))])
    assert np.allclose(rows, scores, SCORE_TOLERANCE, SCORE_TOLERANCE), f"{path}: a row's scores depend on the other rows of the batch"
    if not isinstance(action_space, gym.spaces.Box):
        best = best_actions(scores, head_sizes(action_space))
        assert np.array_equal(actions, best), f"{path}: actions are not the argmax of action_scores"


@dataclasses.dataclass(frozen=True)
class _Chunk:
    """Metrics, finished episodes and env steps of one call of `learn`."""

    metrics: Metrics
    episodes: list[Episode]
    num_steps: int


class _Trial:
    """One live agent with the environments that measure it."""

    def __init__(
        self, spec: AgentSpec, env: EnvConfig, config: Any, seed: int, device: str, *, env_steps: int = 0, max_env_steps: int | None = None
    ) -> None:
        self.name = spec.id
        self.meter = Meter(max_env_steps)
        self.meter.restore(MeterCounts(env_steps=env_steps, env_seconds=0.0, num_episodes=0, num_cut_episodes=0))
        self.factory = ArenaEnvFactory(env, self.meter, np.random.SeedSequence(seed))
        self.agent: Agent = build_agent(spec.load(), self.factory, config, seed=seed, device=device)
        num_envs = getattr(config, "num_envs", 1)
        self.period = max(getattr(config, "rollout_length", 1) * num_envs, getattr(config, "train_period", 1), num_envs)
        """Env steps of one rollout or training period; `learn` may overrun or fall short by as many."""

    def learn(self, num_steps: int) -> _Chunk:
        """Calls `learn` and checks what it did against what the environments saw."""
        before, env_seconds, start = self.meter.env_steps, self.meter.env_seconds, time.perf_counter()
        metrics = self.agent.learn(num_steps)
        seconds = time.perf_counter() - start
        taken, where = self.meter.env_steps - before, f"{self.name}: learn({num_steps})"
        assert taken > 0, f"{where} took no env step; does it train on an environment that env_factory did not make?"
        assert abs(taken - num_steps) <= self.period, f"{where} took {taken} env steps, expected {num_steps} +- {self.period}"
        assert isinstance(metrics, Metrics), f"{where} returned {type(metrics).__name__}, expected arena.agent.interface.Metrics"
        assert metrics.learner_steps >= 0, f"{where}: learner_steps={metrics.learner_steps}"
        parts = (metrics.act_seconds, metrics.learn_seconds, self.meter.env_seconds - env_seconds)
        plausible = min(parts) >= 0 and sum(parts) <= seconds
        assert plausible, f"{where} took {seconds:.3f} s, but act, learn and env seconds are {parts}"
        for name, value in metrics.losses.items():
            assert np.isfinite(value), f"{where}: loss {name!r} is {value!r}"
        return _Chunk(metrics, self.meter.take_episodes(), taken)

    def check_budget(self, num_steps: int) -> None:
        """Trains until the budget is used up, which must pass through `learn`."""
        assert self.meter.max_env_steps is not None
        try:
            while True:
                before = self.meter.env_steps
                self.agent.learn(num_steps)
                assert self.meter.env_steps > before, f"{self.name}: learn() took no env step; BudgetExhausted must pass through it"
        except BudgetExhausted:
            pass
        left = self.meter.max_env_steps - self.meter.env_steps
        assert left < self.period, f"{self.name}: learn() raised BudgetExhausted with {left} env steps left"

    def check_act(self, observations: Array) -> Array:
        """Returns the actions `[N, *act]` for `observations` `[N, *obs]`."""
        actions = self.agent.act(observations)
        _check_actions(f"{self.name}: act()", actions, len(observations), self.factory.action_space)
        _check_actions(f"{self.name}: act() on one row", self.agent.act(observations[:1]), 1, self.factory.action_space)
        assert np.array_equal(self.agent.act(observations), actions), f"{self.name}: act() is not deterministic"
        if isinstance(space := self.factory.observation_space, MaskedBox):
            positions = _random_observations(space, seed=2, count=NUM_MASKED_POSITIONS)
            _check_allowed(f"{self.name}: act()", self.agent.act(positions), space, positions)
        return actions

    def check_export(self, path: Path, observations: Array) -> Array:
        """Exports the policy and returns its action scores `[N, A]` for `observations` `[N, *obs]`."""
        self.agent.export_policy(path)
        check_policy(path, self.factory.observation_space, self.factory.action_space)
        policy, actions = OnnxPolicy(path), self.agent.act(observations)
        scores = policy.scores(observations)
        space = self.factory.action_space
        width = space.high - space.low if isinstance(space, gym.spaces.Box) else 1.0
        agree = same_choices(policy.act(observations), scores, actions, width=width, sizes=head_sizes(space))
        wrong = len(agree) - np.count_nonzero(agree)
        assert wrong == 0, f"{self.name}: the exported policy and act() disagree on {wrong} of {len(agree)} observations"
        return scores

    def close(self) -> None:
        """Closes the agent."""
        self.agent.close()


def _check_config(spec: AgentSpec) -> None:
    assert dataclasses.is_dataclass(spec.config), f"{spec.id}: config {spec.config!r} is not a dataclass"
    parameters: Any = spec.config.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen, f"{spec.id}: {spec.config.__name__} is not frozen"
    for field in dataclasses.fields(spec.config):
        missing = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        assert not missing, f"{spec.id}: {spec.config.__name__}.{field.name} has no default"
    default = spec.config()
    try:
        table = {field.name: getattr(default, field.name) for field in dataclasses.fields(spec.config)}
        checked = build_config(spec.config, table, where=spec.id)
    except ArenaError as error:
        raise AssertionError(f"{spec.id}: the defaults of {spec.config.__name__} are not valid: {error}") from error
    assert checked == default, f"{spec.id}: the defaults of {spec.config.__name__} change when checked: {checked} from {default}"


def _check_actions(where: str, actions: Array, count: int, space: gym.Space[Any]) -> None:
    expected = (count, *(space.shape or ()))
    fits = isinstance(actions, np.ndarray) and actions.shape == expected
    assert fits, f"{where}: {type(actions).__name__} of shape {np.shape(actions)}, expected actions {expected}"
    if isinstance(space, (gym.spaces.Discrete, gym.spaces.MultiDiscrete)):
        fits = np.issubdtype(actions.dtype, np.integer) and bool(are_in_space(actions, space).all())
    else:
        assert isinstance(space, gym.spaces.Box)
        fits = actions.dtype == np.float32 and bool(((actions >= space.low) & (actions <= space.high)).all())
    assert fits, f"{where}: actions of type {actions.dtype} from {actions.min()} to {actions.max()} do not lie in {space}"


def _check_allowed(where: str, actions: Array, space: MaskedBox, observations: Array) -> None:
    _, masks = space.split(observations)
    forbidden = np.count_nonzero(~are_allowed(actions, masks, space.choices))
    assert not forbidden, f"{where}: {forbidden} of {len(actions)} actions are not allowed by the action mask"


def _check_state(spec: AgentSpec, directory: Path) -> None:
    for path in sorted(files_below(directory)):
        name = path.relative_to(directory)
        assert path.suffix in STATE_SUFFIXES, f"{spec.id}: save() wrote {name}; expected {', '.join(sorted(STATE_SUFFIXES))}"
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                for key in arrays:
                    try:
                        arrays[key]
                    except ValueError as error:  # NumPy's refusal of an array of objects, which only pickle can hold
                        raise AssertionError(f"{spec.id}: save() wrote {name} with {key!r}: {error}") from error


def _check_same(where: str, chunk: _Chunk, expected: _Chunk) -> None:
    assert chunk.num_steps == expected.num_steps, f"{where}: {chunk.num_steps} env steps, not {expected.num_steps}"
    for index, (episode, other) in enumerate(zip(chunk.episodes, expected.episodes, strict=False)):
        assert episode == other, f"{where}: its episode {index} is {episode}, not {other}"
    assert len(chunk.episodes) == len(expected.episodes), f"{where}: {len(chunk.episodes)} episodes, not {len(expected.episodes)}"
    losses, other_losses = dict(chunk.metrics.losses), dict(expected.metrics.losses)
    assert losses == other_losses, f"{where}: losses are {losses}, not {other_losses}"
    steps, other_steps = chunk.metrics.learner_steps, expected.metrics.learner_steps
    assert steps == other_steps, f"{where}: {steps} learner steps, not {other_steps}"


def _sample_observations(config: EnvConfig, seed: int, *, num_envs: int = 8, num_steps: int = 25) -> Array:
    """Returns observations `[N, *obs]`: some that random actions visit, and some drawn from the space."""
    env = make_vec_env(config, num_envs)
    policy = UniformPolicy(env.single_action_space, np.random.default_rng(seed), env.single_observation_space)
    visited = [env.reset(seed=seed)[0]]
    for _ in range(num_steps):
        visited.append(env.step(policy.act(visited[-1]))[0])
    env.close()
    return np.concatenate([*visited, _random_observations(env.single_observation_space, seed)])


def _random_observations(space: gym.Space[Any], seed: int, count: int = 64) -> Array:
    if isinstance(space, MaskedBox):  # one batch, since the count may be large
        batch = batch_space(space, count)
        batch.seed(seed)
        observations: Array = batch.sample().clip(-1e3, 1e3)
        observations[:, space.num_features :] = random_masks(np.random.default_rng(seed), count, space.num_actions, space.choices)
        return observations
    space.seed(seed)
    samples = np.stack([space.sample() for _ in range(count)])
    return samples if np.issubdtype(samples.dtype, np.integer) else samples.clip(-1e3, 1e3)  # some bounds are the largest float32
