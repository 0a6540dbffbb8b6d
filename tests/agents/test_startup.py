"""What makes workers start sooner changes nothing that they compute."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arena.executors.local import LocalExecutor
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena_rllib.specs import DQN

pytestmark = pytest.mark.framework

RLLIB = """
import hashlib, json, sys
import numpy as np
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.agent.hyperparameters import build_config
from arena.environments.metering import Meter
from arena_rllib.specs import DQN, PPO

digests = []
image = {"num_envs": 4, "conv_layers": [[4, 4, 4]], "hidden_sizes": [16]}
dqn, ppo = {**image, "learning_starts": 100, "batch_size": 32, "replay_capacity": 1_000}, {**image, "rollout_length": 32, "batch_size": 64}
for spec, table in ((DQN, dqn), (PPO, ppo)):
    factory = ArenaEnvFactory(EnvConfig("arena/ImageIdentity-v0"), Meter(), np.random.SeedSequence(1))
    agent = spec.load()(factory, build_config(spec.config, table, where=spec.id), seed=3, device="cpu")
    agent.learn(600)
    state = agent.learner.state()
    agent.learner.restore(state)
    digests.append(hashlib.sha256(b"".join(state[name].tobytes() for name in sorted(state))).hexdigest())
imported = "torch._dynamo" in sys.modules

import torch
from arena_rllib.startup import spare_dynamo

before = [parameter.detach().clone() for parameter in agent.learner.module.parameters()]
compiled = torch.compile(lambda x: x * 2.0, backend="eager")(torch.ones(2)).tolist()  # brings torch._dynamo in
agent.learn(200)
moved = any(not torch.equal(old, new) for old, new in zip(before, agent.learner.module.parameters()))
print(json.dumps({"imported": imported, "digests": digests, "compiled": compiled, "moved": moved, "again": spare_dynamo()}))
"""


def rllib(code: str = RLLIB, **variables: str) -> dict:
    env = {**os.environ, **DQN.process_env_for(None), "OMP_NUM_THREADS": "1", "ARENA_NUM_THREADS": "1", **variables}
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=env, timeout=600, check=False)
    assert result.returncode == 0, result.stderr[-2_000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_rllib_on_images_trains_the_same_without_pytorchs_compiler() -> None:
    spared, stock = rllib(), rllib(ARENA_KEEP_DYNAMO="1")
    assert (spared["imported"], stock["imported"]) == (False, True)
    assert spared["digests"] == stock["digests"]
    assert (spared["compiled"], spared["moved"]) == ([2.0, 2.0], True), "torch.compile and training go on beside each other"
    assert spared["again"] is False


def test_another_version_of_pytorch_is_left_as_it_is() -> None:
    code = """
import json, torch
torch.__version__ = "2.99.0"
from arena_rllib.startup import spare_dynamo
step = torch.optim.Adam.step
other = spare_dynamo()
torch.__version__ = "2.10.0"
del torch.optim.Optimizer.zero_grad
print(json.dumps([other, spare_dynamo(), torch.optim.Adam.step is step]))
"""
    assert rllib(code) == [False, False, True]


@pytest.mark.parametrize("agent", ["keras-dqn", "tfagents-dqn"])
def test_programs_that_were_kept_compute_the_same(agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(name: str, cache: str) -> tuple[str, str]:
        monkeypatch.setenv("ARENA_CACHE", cache)
        table = {"name": name, "output": str(tmp_path), "agents": [agent], "envs": ["CartPole-v1"], "resources": {"device": "cpu"}}
        table |= {"budget": {"env_steps": 1_500}, "evaluation": {"period": 1_500, "episodes": 2, "final_episodes": 2}}
        table |= {"hyperparameters": {agent: {"learning_starts": 200, "hidden_sizes": [32], "batch_size": 32}}}
        (result,) = run_experiment(from_table(table), LocalExecutor(1))
        assert result.status == "finished", result.reason
        assert result.learner_steps > 0
        files = [Path(result.path) / file for file in ("episodes.jsonl", "policy.onnx")]
        episodes, policy = (hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
        return episodes, policy

    def kept() -> set[Path]:
        return {path for path in (tmp_path / "cache").rglob("*") if path.is_file()}

    off = train("off", "off")
    assert not kept()
    first = train("first", str(tmp_path / "cache"))
    programs = kept()
    assert programs
    second = train("second", str(tmp_path / "cache"))
    assert kept() == programs, "the second run found every program"
    assert off == first == second
