"""CleanRL's scripts for Atari as they are, run from a checkout for some seconds: baselines of our agents that learn from images.

It runs in the environment of `requirements/peers.txt`, which has no arena. Loops: `ppo_atari` and `dqn_atari`, the names of the scripts
(https://github.com/vwxyzjn/cleanrl). They were written for an older Gymnasium, so two wrappers get their former names here. Their parser of
options (tyro) and their TensorBoard writer are replaced: the first gives our settings, the second notes the CPU time.
"""

import json
import os
import runpy
import sys
import time
import types
from pathlib import Path
from typing import Any

import ale_py
import gymnasium as gym
import torch

FORMER_NAMES = {"GrayScaleObservation": "GrayscaleObservation", "FrameStack": "FrameStackObservation"}
"""Wrappers that Gymnasium 1.0 renamed."""


class Recorder:
    """Stands where the scripts expect a TensorBoard writer: measures between two of their reports of env steps, and ends the process.

    Args:
        warm_steps: env steps before the measurement begins.
        seconds: smallest number of CPU-seconds that the measurement takes.
    """

    def __init__(self, warm_steps: int, seconds: float) -> None:
        self._warm_steps, self._seconds = warm_steps, seconds
        self._begun: tuple[int, float] | None = None

    def add_text(self, *_: str) -> None:
        """Ignores the settings."""

    def add_scalar(self, name: str, _: Any, step: int) -> None:
        """Takes note of the CPU time once the script reports its speed, which it does after updates.

        Raises:
            SystemExit: when the measurement is over, after printing it as one JSON line.
        """
        if name != "charts/SPS" or step < self._warm_steps:
            return
        now = time.process_time()
        if self._begun is None:
            self._begun = (step, now)
        elif now - self._begun[1] >= self._seconds:
            print(json.dumps({"env_steps_per_cpu_second": (step - self._begun[0]) / (now - self._begun[1])}))
            raise SystemExit(0)


def script_arguments(loop: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Returns a script's options for our hyperparameters."""
    if loop == "ppo_atari":
        return {
            "num_envs": settings["num_envs"],
            "num_steps": settings["rollout_length"],
            "num_minibatches": settings["num_envs"] * settings["rollout_length"] // settings["batch_size"],
            "update_epochs": settings["num_epochs"],
        }
    return {
        "batch_size": settings["batch_size"],
        "learning_starts": settings["learning_starts"],
        "buffer_size": settings["replay_capacity"],
        "train_frequency": settings["train_period"] // settings["num_updates"],
        "target_network_frequency": settings["target_update_period"],
    }


def main() -> None:
    """Runs the script that the request, a JSON object on the command line, asks for."""
    request: dict[str, Any] = json.loads(sys.argv[1])
    torch.set_num_threads(int(os.environ["ARENA_NUM_THREADS"]))
    gym.logger.min_level = gym.logger.ERROR
    gym.register_envs(ale_py)
    for former, name in FORMER_NAMES.items():
        setattr(gym.wrappers, former, getattr(gym.wrappers, name))
    options = {"env_id": "PongNoFrameskip-v4", "seed": request["seed"] + 1, "cuda": False}
    options |= script_arguments(request["loop"], request["hyperparameters"])
    tyro, tensorboard = types.ModuleType("tyro"), types.ModuleType("torch.utils.tensorboard")
    tyro.cli = lambda kind: kind(**options)  # type: ignore[attr-defined]
    tensorboard.SummaryWriter = lambda _: Recorder(request["warm_steps"], request["seconds"])  # type: ignore[attr-defined]
    sys.modules |= {"tyro": tyro, "torch.utils.tensorboard": tensorboard}
    folder = Path(request["folder"]).resolve()
    sys.path.insert(0, str(folder))
    runpy.run_path(str(folder / "cleanrl" / f"{request['loop']}.py"), run_name="__main__")


if __name__ == "__main__":
    main()
