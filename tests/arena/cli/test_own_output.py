"""What environments print is no part of `--json`."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import arena.cli

MODULE = """
import os
import gymnasium, numpy

print("printed at import")

class Talks(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), numpy.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        print("printed at construction")
        os.write(1, b"printed by a library in C\\n")

    def reset(self, *, seed=None, options=None):
        print("Sampling rejected")
        return numpy.zeros(1, numpy.float32), {}

gymnasium.register("Talks-v0", entry_point=Talks, max_episode_steps=3)
"""


@pytest.mark.worker
def test_an_environment_that_prints_leaves_json_alone(tmp_path: Path) -> None:
    (tmp_path / "talking_envs.py").write_text(MODULE)
    (tmp_path / "talk.toml").write_text('agents = ["random"]\nenvs = ["talking_envs:Talks-v0"]\n')
    paths = ":".join([str(tmp_path), *sys.path])
    for options, is_json in ((["--json"], True), ([], False)):
        done = subprocess.run(
            [sys.executable, "-m", "arena", "run", "talk.toml", "--dry-run", *options],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
        )
        told = done.stderr if is_json else done.stdout
        for text in ("printed at import", "printed at construction", "printed by a library in C", "Sampling rejected"):
            assert text in told
        if is_json:
            (line,) = done.stdout.splitlines()
            assert json.loads(line)["name"] == "talk"


def test_no_command_chooses_standard_output_itself() -> None:
    """`Output` knows where a command's own output goes; `sys.stdout` is standard error while `--json` keeps all else away."""
    for path in sorted(Path(arena.cli.__file__).parent.glob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        chosen = [ast.unparse(call) for call in calls if ast.unparse(call.func) == "Output" and "sys.stdout" in ast.unparse(call)]
        assert not chosen, path
