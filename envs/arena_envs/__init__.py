"""Probe environments with known optimal values, seats of two-player games, reference scores, and faster JAX environments of Gymnasium.

Importing this package registers the environments with Gymnasium as `arena/<Name>-v0`, so
`gymnasium.make("arena_envs:arena/Identity-v0")` works anywhere. The arena also calls `register_envs` through the entry point
`gymnasium.envs`, which Gymnasium itself no longer reads since 1.0 (its release notes, "Removing the plugin system").
"""

from typing import TYPE_CHECKING, Any

import gymnasium as gym

if TYPE_CHECKING:
    from arena.environments.plugins import EnvPlugin

_TIME_LIMITS: dict[str, int | None] = {
    "Identity": 100,
    "TwoRound": None,
    "Truncation": 2,
    "Discount": None,
    "Chain": None,
    "ImageIdentity": 20,
    "BoardIdentity": 20,
    "BoxTarget": 20,
    "BoxTruncation": 2,
    "MaskedIdentity": 100,
    "MaskedFork": None,
    "Instruction": 20,
    "PictureAndFlag": 20,
    "Choices": 20,
    "ManyChoices": 20,
}
"""Names and the env steps after which an episode is truncated."""
_MODULES = {
    "MaskedIdentity": "masked_probes",
    "MaskedFork": "masked_probes",
    "Instruction": "nested_probes",
    "Choices": "nested_probes",
    "ManyChoices": "nested_probes",
    "PictureAndFlag": "nested_probes",
}
"""Modules of the probes that are not in `probes`."""
PRESETS = {
    "atari": "arena_envs.atari:Atari",
    "atari-training": "arena_envs.atari:AtariTraining",
    "flat": "arena_envs.flat:FlatImages",
    "minigrid-flat": "arena_envs.minigrid_forms:GridFlat",
    "minigrid-image": "arena_envs.minigrid_forms:GridImage",
    "minigrid-mission": "arena_envs.minigrid_forms:GridMission",
}
"""Wrappers by the name under which experiments have them."""
GAMES_AS_ARRAYS = {
    "connect_four_v3": "arena_envs.arrays.board_games:ConnectFours",
    "tictactoe_v3": "arena_envs.arrays.board_games:TicTacToes",
}
"""Games that are played many at a time as arrays, by their ids."""
_GAMES = {"ConnectFour": "connect_four_v3", "TicTacToe": "tictactoe_v3"}


def register_envs() -> "EnvPlugin":
    """Registers every environment of this package; calling it again changes nothing.

    Returns:
        `vectorize`, presets of wrappers, games as arrays, the module that lets Gymnasium's environments in JAX be imported without Flax,
        the ids of those environments, and the longer episodes on which policies of `Truncation` and `BoxTruncation` are judged.
    """
    from arena.environments.plugins import EnvPlugin  # only the arena calls this function: Gymnasium alone needs no arena

    _register()
    jax_packages = ("gymnasium.envs.phys2d.", "gymnasium.envs.tabular.")
    return EnvPlugin(
        vectorize=vectorize,
        imported_first=dict.fromkeys(jax_packages, "arena_envs.gymnasium_jax"),
        judged_with={f"arena/{name}-v0": {"max_episode_steps": 20} for name in ("Truncation", "BoxTruncation")},
        presets=PRESETS,
        games=GAMES_AS_ARRAYS,
        frameworks=dict.fromkeys(("phys2d/", "tabular/"), frozenset({"jax"})),
    )


def _register() -> None:
    for name, time_limit in _TIME_LIMITS.items():
        if f"arena/{name}-v0" not in gym.registry:
            gym.register(f"arena/{name}-v0", entry_point=f"arena_envs.{_MODULES.get(name, 'probes')}:{name}", max_episode_steps=time_limit)
    for name, game in _GAMES.items():
        if f"arena/{name}-v0" not in gym.registry:
            gym.register(f"arena/{name}-v0", entry_point="arena_envs.games:Seat", kwargs={"game": game})


def vectorize(env: gym.Env[Any, Any], num_envs: int, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> Any:
    """Returns `num_envs` of `env` in one, or None (a `Vectorize`).

    These are known: games of ALE, seats of games, environments that Gymnasium gives as JAX functions, and those of `arena_envs.arrays`.
    """
    if isinstance(env, gym.Wrapper) and hasattr(env, "make_games"):
        return env.make_games(num_envs)  # the wrapper `atari`, whose module imports ALE
    if hasattr(env.unwrapped, "draw_opponent"):
        from arena_envs.seats import as_seats  # games and policies, which a seat has imported already

        return as_seats(env, num_envs, observation_space, action_space)
    if not hasattr(env.unwrapped, "func_env"):
        from arena_envs.arrays.choice import as_arrays  # Gymnasium alone needs no arrays

        return as_arrays(env, num_envs, observation_space, action_space)
    if not isinstance(observation_space, gym.spaces.Box) or not _is_bare(env) or not _has_plain_spaces(env):
        return None
    from arena_envs.jax_vector_env import make_jax_vector_env  # JAX, which an environment of JAX functions has imported already

    return make_jax_vector_env(env, num_envs, observation_space, action_space)


def _has_plain_spaces(env: gym.Env[Any, Any]) -> bool:
    """Returns whether an environment's own spaces are those that `arena_envs.jax_vector_env` brings into the arena's form."""
    observations, actions = env.observation_space, env.action_space
    return isinstance(observations, (gym.spaces.Box, gym.spaces.Discrete)) and isinstance(actions, (gym.spaces.Box, gym.spaces.Discrete))


def _is_bare(env: gym.Env[Any, Any]) -> bool:
    """Returns whether nothing is around an environment but what `gymnasium.make` puts there."""
    usual = (gym.wrappers.OrderEnforcing, gym.wrappers.PassiveEnvChecker, gym.wrappers.TimeLimit)
    while isinstance(env, gym.Wrapper):
        if not isinstance(env, usual):
            return False
        env = env.env
    return True


_register()
