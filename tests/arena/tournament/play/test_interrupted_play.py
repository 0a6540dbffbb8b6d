"""Ctrl-C while a policy or an environment hangs: whatever hangs, the tournament ends, and keeps what was played."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hostile_policies import looping, sound

from arena.formats.jsonl import read_jsonl

pytestmark = pytest.mark.worker

PLAY = """
import functools, sys, time
from pathlib import Path
import gymnasium as gym
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from arena.environments.config import EnvConfig
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.bounded.bounds import Bounds
from arena.tournament.entry.admission import AdmittedPolicy
from arena.tournament.entry.player import Player, random_player
from arena.tournament.play import load_policy
from arena.tournament.play.play_tournament import play
from arena.tournament.tournament import Rules, Tournament

folder, what, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

class Hanging(CartPoleEnv):
    steps = 0

    def step(self, action):
        Hanging.steps += 1
        if Hanging.steps > 2_000:  # after the episodes of one or two players
            (folder / "hangs").touch()
            while True:
                time.sleep(3_600)
        return super().step(action)

gym.register("Hanging-v0", Hanging, max_episode_steps=200)

class Unchecked(BoundedPolicy):
    def __init__(self, path, **options):
        super().__init__(path, bounds=Bounds(is_file_checked=False, call_seconds=3_000.0), **options)

    def act(self, observations, **options):
        if what == "looping" and self.path.name.startswith("b"):
            (folder / "hangs").touch()
        return super().act(observations, **options)

    def play(self, asked):
        if what == "looping" and self.path.name.startswith("b"):
            (folder / "hangs").touch()
        return super().play(asked)

load_policy.BoundedPolicy = Unchecked

def player(name):
    path = folder / f"{name}.onnx"
    return Player(name=name, entrant=name, policies={env.name: AdmittedPolicy(path=path, sha256=name * 64, source=path)})

if __name__ != "__mp_main__":
    env = EnvConfig("CartPole-v1") if what == "looping" else EnvConfig("Hanging-v0")
    players = (random_player(), *map(player, "ab"))
    tournament = Tournament(path=folder / "t", players=players, envs=(env,), rules=Rules(episodes=20, move_seconds=1e6))
    try:
        play(tournament, workers=workers)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("what", ["looping", "environment"])
def test_an_interrupt_ends_what_hangs_and_keeps_what_was_played(tmp_path: Path, what: str, workers: int) -> None:
    sound().write(tmp_path / "a.onnx")
    (looping() if what == "looping" else sound()).write(tmp_path / "b.onnx")
    (tmp_path / "play.py").write_text(PLAY)
    command = [sys.executable, str(tmp_path / "play.py"), str(tmp_path), what, str(workers)]
    player = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        matches = tmp_path / "t" / "matches.jsonl"
        deadline = time.monotonic() + 200
        while not ((tmp_path / "hangs").exists() and matches.exists() and matches.stat().st_size):
            assert player.poll() is None, player.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        others = psutil.Process(player.pid).children(recursive=True)
        os.killpg(player.pid, signal.SIGINT)
        _, errors = player.communicate(timeout=200)
    finally:
        player.kill()
        player.wait()
    assert player.returncode == 130, errors
    assert next(line["player"] for line in read_jsonl(matches)) == "random"
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in others):
        assert time.monotonic() < deadline
        time.sleep(0.05)
