"""Profiles the training of one case's agent: `python -m benchmarks.child.profile_agent CASE` prints where its CPU time went."""

import cProfile
import json
import pstats
import sys
import time

import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from benchmarks.cases import benchmark_cases

NUM_WARM_STEPS, NUM_STEPS = 1_024, 8_192


def main() -> None:
    """Trains the agent, first without the profiler, and prints one JSON object."""
    [case] = [case for case in benchmark_cases() if case.name == sys.argv[1]]
    spec = agent_spec(case.agent)
    config = build_config(spec.config, case.hyperparameters, where=f"agent {case.agent!r}")
    refuse_other_frameworks(spec.modules_for(config))
    meter = Meter()
    factory = ArenaEnvFactory(EnvConfig("CartPole-v1"), meter, np.random.SeedSequence(0))
    agent = spec.load()(factory, config, seed=0, device="cpu")
    agent.learn(NUM_WARM_STEPS)
    first, profiler, start = meter.env_steps, cProfile.Profile(time.process_time), time.process_time()
    metrics = profiler.runcall(agent.learn, NUM_STEPS)
    cpu_seconds, env_steps = time.process_time() - start, meter.env_steps - first
    own = [(file, name, seconds) for (file, _, name), (_, _, seconds, _, _) in pstats.Stats(profiler).stats.items()]  # type: ignore[attr-defined]
    print(f"\n{json.dumps({'cpu_seconds': cpu_seconds, 'env_steps': env_steps, 'updates': metrics.learner_steps, 'own': own})}")


if __name__ == "__main__":
    main()
