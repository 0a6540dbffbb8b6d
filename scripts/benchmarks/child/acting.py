"""Measures the CPU time of a call of `Agent.act`, and of the agent's policy file beside it, for `benchmarks.policy_latency`: `AGENT`.

The agent is built and not trained. Rounds of both are taken in turns; the figure is the median round. Prints microseconds as JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.export.latency import BATCH_SIZES
from arena.policies.policy import OnnxPolicy

NUM_ROUNDS = 15
"""Rounds of each."""
NUM_CALLS = {1: 60, 256: 20}
"""Calls of a round, by the number of observations in a call."""


def main() -> None:
    """Measures, and prints CPU microseconds of a call by what acts and by the number of observations."""
    (agent_id,) = sys.argv[1:]
    spec = agent_spec(agent_id)
    config = build_config(spec.config, {"hidden_sizes": [64, 64]}, where=spec.id)
    refuse_other_frameworks(spec.modules_for(config))
    factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))
    agent = spec.load()(factory, config, seed=0, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "policy.onnx")
        agent.export_policy(path)
        policy = OnnxPolicy(path)
        found: dict[str, dict[int, float]] = {"act": {}, "file": {}}
        for size in BATCH_SIZES:
            observations = np.random.default_rng(0).uniform(-0.5, 0.5, (size, 4)).astype(np.float32)
            assert (agent.act(observations) == policy.act(observations)).all()
            ways = {"act": lambda rows=observations: agent.act(rows), "file": lambda rows=observations: policy.act(rows)}
            rounds = {name: [] for name in ways}  # type: dict[str, list[float]]
            for _ in range(NUM_ROUNDS + 1):
                for name, call in ways.items():
                    rounds[name].append(_cpu_microseconds(call, NUM_CALLS[size]))
            for name, values in rounds.items():
                found[name][size] = float(np.median(values[1:]))  # the first warms up
    agent.close()
    print(json.dumps(found))


def _cpu_microseconds(call: Callable[[], object], num_calls: int) -> float:
    start = time.process_time()
    for _ in range(num_calls):
        call()
    return 1e6 * (time.process_time() - start) / num_calls


if __name__ == "__main__":
    main()
