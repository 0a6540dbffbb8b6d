"""The observation and action space that policies meet on an environment or in a game."""

from typing import Any

import gymnasium as gym

from arena.environments.config import EnvConfig
from arena.environments.games import Game, is_game
from arena.environments.make import make_env
from arena.environments.word import refuse_without_word
from arena.errors import ArenaError
from arena.formats.readable import one_line

Spaces = tuple[gym.Space[Any], gym.Space[Any]]
"""Observation space and action space."""


def env_spaces(env: EnvConfig) -> Spaces:
    """Returns the observation and action space that policies meet on an environment or in a game.

    Raises:
        ArenaError: If there is no such environment or game, it fails when it is made, or a folder names it and it needs the user's word.
    """
    if not is_game(env.id):
        made = make_env(env)
        made.close()
        return made.observation_space, made.action_space
    refuse_without_word(env)
    if not env.is_plain:
        raise ArenaError(f"game {env.id!r} takes no arguments and no wrappers; got {env.to_entry()}")
    try:
        game = Game(env.id)
        game.close()
    except ArenaError:
        raise
    except Exception as error:  # the game is another package's code
        raise ArenaError(f"game {env.id} failed when it was made: {type(error).__name__}: {one_line(error)}") from error
    return game.observation_space, game.action_space
