"""The explanation of a policy on an environment: the features that it decides by, on observations that it meets."""

import dataclasses
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from arena.environments.choices import head_sizes
from arena.environments.common_form import CommonForm
from arena.environments.config import EnvConfig
from arena.environments.feature_names import names_of
from arena.environments.make import make_env
from arena.environments.spaces import MaskedBox
from arena.environments.vectorize import make_vec_env
from arena.environments.words import is_wordless
from arena.errors import ArenaError
from arena.explain.gradients import integrated_gradients
from arena.explain.saliency import occlusion
from arena.explain.shapley import MAX_EXACT_FEATURES, exact_shapley, sampled_shapley
from arena.policies.evaluation import evaluate_in
from arena.policies.policy import Policy, PolicySignature
from arena.seeding import resampling_rng

Array = npt.NDArray[Any]

ROWS_PER_CALL = 16_384
"""Largest number of observations that a policy is asked for at once."""
MAX_ROWS = 20_000_000
"""Largest number of rows of exact Shapley values; the background is cut to fit."""
NUM_ENVS = 4
"""Largest number of environments that are played at once: an observation is kept of each of their steps, whichever they are."""
MAX_EPISODE_STEPS_SHOWN = 200
"""Largest number of steps of the episode that is explained."""


class ScoredPolicy(Protocol):
    """Policy that gives action scores, such as `OnnxPolicy` and `BoundedPolicy`."""

    signature: PolicySignature
    """Shapes and types that it takes and gives."""

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns actions `[N, *act]` for `observations` `[N, *obs]`."""

    def scores(self, observations: Array, /) -> Array:
        """Returns action scores `float32 [N, A]` for `observations` `[N, *obs]`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attributions:
    """What each feature adds to each score."""

    values: Array
    """`[N, D, A]`: what feature d adds to score a of observation n, compared with the background."""
    errors: Array | None
    """Standard errors of sampled values `[N, D, A]`; None for exact ones."""
    base: Array
    """Mean scores of the background `[A]`."""
    incompleteness: float
    """Largest difference between the sum of the values and the score minus `base`, relative to the largest such difference."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a policy decides by."""

    feature_names: tuple[str, ...]
    """Names of the features `[D]`."""
    action_names: tuple[str, ...]
    """Names of the action scores `[A]`."""
    method: str
    """How the Shapley values were found: `exact` or `sampled`."""
    compares_actions: bool
    """Whether importance is that for the choice between actions: values less their mean over actions. Otherwise, the values."""
    observations: Array
    """Explained observations `[N, D]`."""
    shapley: Attributions
    """Shapley values."""
    gradients: Array
    """Integrated gradients `[N, D, A]` from the mean of the background."""
    gradients_incompleteness: float
    """How much their sums are off, relative to the largest score difference."""
    episode_actions: Array
    """Index of the explained score at each step of one episode `[T]`: the chosen action."""
    episode_values: Array
    """What each feature adds to the explained score at each step, as `importance` counts it, `[T, D]`."""
    num_background: int
    """Number of background observations."""
    varies: Array
    """Features that were not the same in all observations `bool [D]`; the others add nothing."""

    @property
    def importance(self) -> Array:
        """Mean absolute contribution of each feature to the choice, over observations and actions, `[D]`."""
        return np.asarray(self.by_action.mean(1))

    @property
    def by_action(self) -> Array:
        """Mean absolute contribution of each feature to the choice of each action, `[D, A]`."""
        return np.asarray(np.abs(self._compared(self.shapley.values)).mean(0))

    @property
    def importance_by_gradients(self) -> Array:
        """`importance` by integrated gradients `[D]`."""
        return np.asarray(np.abs(self._compared(self.gradients)).mean((0, 2)))

    @property
    def ranking(self) -> list[int]:
        """Indices of the features that vary, from the most important."""
        return [int(index) for index in np.argsort(-self.importance, kind="stable") if self.varies[index]]

    @property
    def constant_names(self) -> list[str]:
        """Names of the features that were the same in all observations; places without a word are none."""
        return [name for name, varies in zip(self.feature_names, self.varies, strict=True) if not varies and not is_wordless(name)]

    def _compared(self, values: Array) -> Array:
        return compared(values) if self.compares_actions else values

    def to_json(self) -> dict[str, Any]:
        """Returns all of it, fit for JSON; `values`, `base_values`, `data` and `feature_names` are what `shap.Explanation` takes."""
        return {
            "method": self.method,
            "compares_actions": self.compares_actions,
            "feature_names": list(self.feature_names),
            "action_names": list(self.action_names),
            "ranking": [
                {
                    "feature": self.feature_names[index],
                    "importance": float(self.importance[index]),
                    "by_gradients": float(self.importance_by_gradients[index]),
                    "by_action": self.by_action[index].tolist(),
                }
                for index in self.ranking
            ],
            "constant_features": self.constant_names,
            "incompleteness": self.shapley.incompleteness,
            "gradients_incompleteness": self.gradients_incompleteness,
            "num_background": self.num_background,
            "values": self.shapley.values.tolist(),
            "standard_errors": None if self.shapley.errors is None else self.shapley.errors.tolist(),
            "base_values": self.shapley.base.tolist(),
            "data": self.observations.tolist(),
            "episode": {"actions": self.episode_actions.tolist(), "values": self.episode_values.tolist()},
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageExplanation:
    """Parts of images that a policy decides by."""

    images: Array
    """Explained images `[N, H, W, C]`, in the order of one episode."""
    saliency: Array
    """Mean absolute change of the scores when a patch is covered `[N, P, Q]`."""

    def to_json(self) -> dict[str, Any]:
        """Returns the saliency, fit for JSON."""
        return {"method": "occlusion", "saliency": self.saliency.tolist(), "shape": list(self.images.shape[1:])}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExplainedObservations:
    """How many observations are explained, and where they come from."""

    num_episodes: int = 20
    """Episodes in which observations are gathered."""
    num_explained: int = 100
    """Observations that are explained."""
    num_background: int = 50
    """Observations that stand for features left out."""
    seed: int = 0
    """Seed of the episodes and of all draws."""


def explain(
    policy: ScoredPolicy, env: EnvConfig, asked: ExplainedObservations | None = None, *, player: Policy | None = None
) -> Explanation | ImageExplanation:
    """Returns which features a policy decides by, on observations that it visits itself.

    Args:
        policy: Policy to explain; it fits the environment.
        env: Environment that it plays.
        asked: How many observations are explained.
        player: Object that acts for the policy, and says whose fault it is where something fails; None lets the policy act itself.

    Raises:
        ArenaError: If each action is several independent choices (`arena.environments.action_form`).
    """
    asked, player = asked or ExplainedObservations(), player or policy
    played = _Played(player, env)
    if sizes := head_sizes(played.env.action_space):
        raise ArenaError(
            f"a policy for {env.name} cannot be explained: each action is {len(sizes)} independent choices, and an explanation compares "
            "the actions of one choice, or takes the numbers of Box actions"
        )
    space, is_discrete = played.env.observation_space, isinstance(played.env.action_space, gym.spaces.Discrete)
    rng = resampling_rng(asked.seed)
    visited = played.visited(asked.num_episodes, asked.seed)
    episode = played.visited(1, asked.seed)[:MAX_EPISODE_STEPS_SHOWN]
    names = names_of(played.env)
    background = _draw(visited, asked.num_background, rng)
    if len(visited.shape) == 4:
        shown = episode[np.linspace(0, len(episode) - 1, min(len(episode), 8)).astype(int)]
        return ImageExplanation(images=shown, saliency=occlusion(lambda rows: _scores(policy, rows), shown, background))
    num_features = space.num_features if isinstance(space, MaskedBox) else visited.shape[1]
    explained = _draw(visited, asked.num_explained, rng)[:, :num_features]
    background = background[:, :num_features]
    varies = _varying(np.concatenate([visited, episode])[:, :num_features])
    function = _Features(policy, visited.shape[1] - num_features, visited[0, :num_features], varies)
    is_exact = int(varies.sum()) <= MAX_EXACT_FEATURES
    if is_exact:
        background = background[: max(8, MAX_ROWS // (2 ** int(varies.sum()) * len(explained)))]
    attributions = _shapley(function, explained, background, rng, is_exact=is_exact)
    spread = visited[:, :num_features].std(0)[varies]
    found, off = integrated_gradients(function, explained[:, varies], background.mean(0)[varies], spread)
    gradients = function.of_all(found)
    compares = is_discrete and policy.signature.num_scores > 1
    of_episode = _shapley(function, episode[:, :num_features], background[:16] if is_exact else background, rng, is_exact=is_exact).values
    chosen = policy.act(episode) if is_discrete else np.zeros(len(episode), np.int64)
    picked = (compared(of_episode) if compares else of_episode)[np.arange(len(episode)), :, chosen]
    return Explanation(
        feature_names=names[0] or tuple(f"feature {index}" for index in range(num_features)),
        action_names=names[1] or tuple(f"action {index}" for index in range(policy.signature.num_scores)),
        method="exact" if is_exact else "sampled",
        compares_actions=compares,
        observations=explained,
        shapley=attributions,
        gradients=gradients,
        gradients_incompleteness=off,
        episode_actions=chosen,
        episode_values=picked,
        num_background=len(background),
        varies=varies,
    )


def compared(values: Array) -> Array:
    """Returns what features add to the choice between actions `[N, D, A]`: what they add to all alike is taken away."""
    return np.asarray(values - values.mean(-1, keepdims=True))


class _Played:
    """The episodes of a policy, and an environment that knows the words of all texts in them."""

    def __init__(self, player: Policy, config: EnvConfig) -> None:
        self.env = make_env(config)
        """Environment of the same kind, which nobody plays."""
        self._player, self._config = player, config
        self.env.close()

    def visited(self, num_episodes: int, seed: int) -> Array:
        """Returns observations that the policy met in so many episodes."""
        made: list[gym.vector.VectorEnv[Any, Any, Any]] = []

        def make_envs(num_envs: int) -> gym.vector.VectorEnv[Any, Any, Any]:
            made.append(make_vec_env(self._config, num_envs, autoreset_mode=AutoresetMode.NEXT_STEP))
            return made[-1]

        found = evaluate_in(make_envs, self._player, num_episodes=num_episodes, seed=seed, num_envs=NUM_ENVS, env_name=self._config.name)
        for single in (single for envs in made if isinstance(envs, SyncVectorEnv) for single in envs.envs):
            if isinstance(single, CommonForm) and isinstance(self.env, CommonForm):
                self.env.learn_words_of(single)
        return found.visited_observations


class _Features:
    """The scores of a policy as a function of the features that vary; the others stay as they are, and every action is allowed."""

    def __init__(self, policy: ScoredPolicy, mask_size: int, usual: Array, varies: Array) -> None:
        self._policy, self._mask_size, self._usual, self.varies = policy, mask_size, usual, varies

    def __call__(self, rows: Array) -> Array:
        """Returns scores `[N, A]` for the features that vary `[N, V]`."""
        given = np.ones((len(rows), len(self._usual) + self._mask_size), rows.dtype)
        given[:, : len(self._usual)] = self._usual
        given[:, : len(self._usual)][:, self.varies] = rows
        return _scores(self._policy, given)

    def of_all(self, values: Array) -> Array:
        """Returns what all features add `[N, D, A]`, given what those that vary add `[N, V, A]`: the others add nothing."""
        whole = np.zeros((len(values), len(self.varies), values.shape[2]))
        whole[:, self.varies] = values
        return whole


def _varying(visited: Array) -> Array:
    """Returns which features differ between observations, `bool [D]`; all of them where none does."""
    varies: Array = (visited != visited[0]).any(0)
    return varies if varies.any() else ~varies


def _shapley(function: _Features, rows: Array, background: Array, rng: np.random.Generator, *, is_exact: bool) -> Attributions:
    errors, rows, background = None, rows[:, function.varies], background[:, function.varies]
    if is_exact:
        values = exact_shapley(function, rows, background)
    else:
        values, errors = sampled_shapley(function, rows, background, rng, num_orders=max(2, len(background)))
    base = function(background).astype(np.float64).mean(0)
    differences = function(rows).astype(np.float64) - base
    largest = float(np.abs(differences).max())
    off = float(np.abs(values.sum(1) - differences).max()) / largest if largest else 0.0
    errors = None if errors is None else function.of_all(errors)
    return Attributions(values=function.of_all(values), errors=errors, base=base, incompleteness=off)


def _draw(visited: Array, count: int, rng: np.random.Generator) -> Array:
    return visited[rng.choice(len(visited), min(count, len(visited)), replace=False)]


def _scores(policy: ScoredPolicy, rows: Array) -> Array:
    rows = rows.astype(policy.signature.observation_dtype, copy=False)
    return np.concatenate([policy.scores(rows[first : first + ROWS_PER_CALL]) for first in range(0, len(rows), ROWS_PER_CALL)])
