"""Probe environments with known optimal values, seats of two-player games, reference scores, and Gymnasium's JAX environments made quick.

Importing this package registers the environments with Gymnasium as `arena/<Name>-v0`, so
`gymnasium.make("arena_envs:arena/Identity-v0")` works anywhere. The arena also calls `register_envs` through the entry point
`gymnasium.envs`, which Gymnasium itself no longer reads since 1.0 (its release notes, "Removing the plugin system").
"""

from typing import TYPE_CHECKING, Any

import gymnasium as gym

if TYPE_CHECKING:
    from arena.environments.make import Vectorize

_TIME_LIMITS: dict[str, int | None] = {
    "Identity": 100,
    "TwoRound": None,
    "Truncation": 2,
    "Discount": None,
    "Chain": None,
    "ImageIdentity": 20,
    "BoxTarget": 20,
    "MaskedIdentity": 100,
    "MaskedFork": None,
}
"""Names and the env steps after which an episode is truncated."""
_GAMES = {"ConnectFour": "connect_four_v3", "TicTacToe": "tictactoe_v3"}


_JAX_PACKAGES = ("gymnasium.envs.phys2d.", "gymnasium.envs.tabular.")


def register_envs() -> "Vectorize":
    """Registers every environment of this package, and returns `vectorize`; calling it again changes nothing."""
    for name, time_limit in _TIME_LIMITS.items():
        if f"arena/{name}-v0" not in gym.registry:
            module = "masked_probes" if name.startswith("Masked") else "probes"
            gym.register(f"arena/{name}-v0", entry_point=f"arena_envs.{module}:{name}", max_episode_steps=time_limit)
    for name, game in _GAMES.items():
        if f"arena/{name}-v0" not in gym.registry:
            gym.register(f"arena/{name}-v0", entry_point="arena_envs.games:Seat", kwargs={"game": game})
    for spec in gym.registry.values():
        if isinstance(spec.entry_point, str) and spec.entry_point.startswith(_JAX_PACKAGES):
            spec.entry_point = "arena_envs.gymnasium_jax:" + spec.entry_point.partition(":")[2]
    return vectorize


def vectorize(env: gym.Env[Any, Any], num_envs: int, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Any:
    """Returns `num_envs` of `env` in one, where Gymnasium gives it as JAX functions; None elsewhere (a `Vectorize`)."""
    if not hasattr(env.unwrapped, "func_env") or not isinstance(observation_space, gym.spaces.Box):
        return None
    from arena_envs.functional import make_functional  # JAX, which an environment of JAX functions has imported already

    return make_functional(env, num_envs, observation_space, action_space)


register_envs()
