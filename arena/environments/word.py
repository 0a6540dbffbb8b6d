"""The user's word for code: what a folder names is text until the user says that it may be loaded.

An experiment's file and the command line are the user's own, so an `EnvConfig` may name any module. A run folder or a tournament may be a
stranger's, so a `RecordedEnv` is made only if nothing that it names could load more than what is installed: its id is registered, by
Gymnasium or by an installed plug-in, or is a game of PettingZoo; its wrappers are presets or such of Gymnasium as only compute; and its
arguments hold no text that could be an import path or a file.
"""

import re
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from arena.environments.config import EnvConfig, RecordedEnv
from arena.environments.games import CLASSIC_ID, is_game
from arena.environments.plugins import registered_spec
from arena.environments.wrappers import is_installed_wrapper
from arena.errors import ArenaError

_PLAIN_TEXT = re.compile(r"[\w+=, -]*|[+-]?[\d.]+(e[+-]?\d+)?", re.IGNORECASE)
"""Text in arguments that is no import path and no file: a word such as `4x4`, or a number. `a.b`, `a:b` and `a/b` are none."""


def code_names(config: EnvConfig) -> tuple[str, ...]:
    """Returns what an environment names (id, wrappers, arguments) that is not installed here: import paths, and text that may be a file."""
    names = [] if _is_installed(config.id) else [config.id]
    wrappers = [*config.wrappers, *config.train_wrappers]
    names += [wrapper.wrapper for wrapper in wrappers if not is_installed_wrapper(wrapper.wrapper)]
    names += [] if config.text_encoder is None else [config.text_encoder]
    arguments = [config.kwargs, *(wrapper.kwargs for wrapper in wrappers)]
    names += [text for text in _texts(arguments) if not _PLAIN_TEXT.fullmatch(text)]
    return tuple(dict.fromkeys(names))


def names_without_word(config: EnvConfig) -> tuple[str, ...]:
    """Returns the `code_names` of an environment that a folder names; none of one that the user names."""
    return code_names(config) if isinstance(config, RecordedEnv) else ()


def with_word(config: EnvConfig, allow: Collection[str]) -> EnvConfig:
    """Returns an environment as the user's own if it is installed or the user allows everything that it names, and unchanged otherwise.

    Args:
        config: The environment.
        allow: Names for which the user gives their word, such as `module:Id-v0`.
    """
    if isinstance(config, RecordedEnv) and set(code_names(config)) <= set(allow):
        return EnvConfig(**vars(config))
    return config


def refuse_without_word(config: EnvConfig, where: Path | str = "a folder") -> None:
    """Refuses an environment that a folder names and that is more than installed code with plain arguments.

    Args:
        config: The environment.
        where: Folder or file that names it, for the error.

    Raises:
        ArenaError: names the code or file, where it is named, and the option that allows it. Nothing of it has been loaded.
    """
    if names := names_without_word(config):
        raise ArenaError(needs_word(names, where))


def needs_word(names: Collection[str], where: Path | str) -> str:
    """Returns the sentence that refuses `names`, found in `where`, and says which options allow them."""
    importable = [name for name in names if not _PLAIN_TEXT.fullmatch(name)]
    found = f"{where} names {' and '.join(map(repr, names))}, which is not among what is installed here"
    if not importable:
        return f"{found}; install the package that registers it (arena list envs)"
    options = " ".join(f"--allow {shlex.quote(name)}" for name in importable)
    return f"{found}, and nothing is loaded because a folder names it; if you know and trust it, add {options}"


def _is_installed(env_id: str) -> bool:
    return bool(CLASSIC_ID.fullmatch(env_id)) if is_game(env_id) else registered_spec(env_id) is not None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
