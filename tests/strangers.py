"""What a stranger could send: modules that say when they run, and folders that name them."""

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from arena.run_folder.folder import RunDir
from arena.run_folder.record import RunRecord
from arena.run_folder.seal import make_seal

EVIL = """
import pathlib
pathlib.Path(__file__).with_name("ran").touch()
import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from arena.testing.fakes import FAKE_AGENT as SPEC
Wrapper = Encoder = CartPoleEnv
gymnasium.register("Id-v0", CartPoleEnv, max_episode_steps=500)
"""
EVIL_GAME = """
import pathlib
pathlib.Path(__file__).parent.with_name("ran").touch()
from pettingzoo.classic.tictactoe.tictactoe import raw_env as env
"""


def write_modules(folder: Path) -> Path:
    """Writes the stranger's modules `evil` and `evil_games.board`; returns the file that they make when they run."""
    (folder / "evil_games").mkdir(parents=True)
    (folder / "evil.py").write_text(EVIL)
    (folder / "evil_games" / "__init__.py").touch()
    (folder / "evil_games" / "board.py").write_text(EVIL_GAME)
    return folder / "ran"


def change(document: Path, key: str, value: Any) -> None:
    """Replaces the value at a dotted key of a JSON file."""
    content = json.loads(document.read_text())
    *parents, last = key.split(".")
    table = content
    for parent in parents:
        table = table[parent]
    table[last] = value
    document.write_text(json.dumps(content))
    if document.name in ("run.json", "result.json"):
        reseal(document.parent)


def reseal(folder: Path) -> None:
    """Gives a run folder that was changed after its end a seal that fits, as anyone can who forges a run on purpose."""
    file, run = folder / "result.json", folder / "run.json"
    if not file.exists():
        return
    content = json.loads(file.read_text())
    body = {key: value for key, value in content.items() if key not in ("schema_version", "seal")}
    inputs = json.loads(run.read_text()).get("inputs") if run.exists() else None
    with contextlib.suppress(ArenaError):
        named = RunRecord(folder).run
        body |= {"agent": named.agent.name, "env": named.env.name, "seed": named.seed}
    file.write_text(json.dumps({**content, **body, "seal": make_seal(RunDir(folder), inputs, body)}))


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Returns a JSON value in which texts and keys, or their first parts before a slash, have other names."""
    if isinstance(value, str):
        head, slash, tail = value.partition("/")
        return names.get(head, head) + slash + tail
    if isinstance(value, dict):
        return {renamed(key, names): renamed(item, names) for key, item in value.items()}
    return [renamed(item, names) for item in value] if isinstance(value, list) else value


_made: dict[str, Path] = {}
"""Folders that are the same for many tests, each made once."""


def copy_of(name: str, make: Callable[[Path], None], to: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies the folder that `make` fills to `to`, which is returned."""
    if name not in _made:
        folder = tmp_path_factory.mktemp(name)
        make(folder)
        _made[name] = folder
    return shutil.copytree(_made[name], to)
