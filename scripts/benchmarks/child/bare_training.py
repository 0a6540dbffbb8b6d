"""Trains a run's agent by `Agent.learn` alone, without evaluation, log, checkpoint or events: the argument is the run's inputs."""

import json
import sys
import time

from arena.agent.isolation import refuse_other_frameworks
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import BudgetExhausted
from arena.formats.validation import validate
from arena.run_folder.inputs import Run
from arena.seeding import training_seeds


def main() -> None:
    """Prints the wall seconds of the training."""
    run = validate(Run, {**json.loads(sys.argv[1]), "resources": {"device": "cpu"}})
    spec, config = run.spec(), run.config()
    refuse_other_frameworks(spec.modules_for(config))
    seeds = training_seeds(run.experiment_seed, run.seed)
    meter = Meter(max_env_steps=run.budget.env_steps)
    factory = ArenaEnvFactory(run.env, meter, seeds.env)
    agent = spec.load()(factory, config, seed=seeds.agent, device="cpu")
    start = time.perf_counter()
    try:
        while meter.env_steps < run.budget.env_steps:
            agent.learn(run.log_period)
    except BudgetExhausted:
        pass
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
