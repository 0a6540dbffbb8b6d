"""Probe environments with known optimal values, seats of two-player games, and reference scores.

Importing this package registers the environments with Gymnasium as `arena/<Name>-v0`, so
`gymnasium.make("arena_envs:arena/Identity-v0")` works anywhere. The arena also calls `register_envs` through the entry point
`gymnasium.envs`, which Gymnasium itself no longer reads since 1.0 (its release notes, "Removing the plugin system").
"""

import gymnasium as gym

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


def register_envs() -> None:
    """Registers every environment of this package; calling it again changes nothing."""
    for name, time_limit in _TIME_LIMITS.items():
        if f"arena/{name}-v0" not in gym.registry:
            module = "masked_probes" if name.startswith("Masked") else "probes"
            gym.register(f"arena/{name}-v0", entry_point=f"arena_envs.{module}:{name}", max_episode_steps=time_limit)
    for name, game in _GAMES.items():
        if f"arena/{name}-v0" not in gym.registry:
            gym.register(f"arena/{name}-v0", entry_point="arena_envs.games:Seat", kwargs={"game": game})


register_envs()
