"""Works as a run's worker up to the end of its first env step, and writes the seconds of each part to `marks.json` in the run folder.

The arguments are the run folder and the time at which the process was started. `benchmarks.startup` runs this file by its path, also with
an older source tree on the path, so it imports nothing of `benchmarks`.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arena.agent.interface import Agent
from arena.agent.spec import AgentSpec
from arena.environments.metering import MeteredVectorEnv
from arena.errors import BudgetExhausted
from arena.worker.worker import main as worker_main

COMPILING = {
    "arena_keras": "arena_keras.learner:Learner.compile",
    "arena_tfagents": "arena_tfagents.learner:Learner._compile",
    "arena_kerasrl": "arena_kerasrl.fast_path:FastPath.warm_up",
}
"""The function of each agent package that compiles; PyTorch without `compile` does not."""


def main(run_folder: Path, start_seconds: float) -> None:
    """Runs the worker with a stopwatch around its parts, and ends its training at the first env step as if the budget were used up."""
    marks: dict[str, float] = {}

    def lap(name: str) -> None:
        marks[name] = time.process_time() - sum(marks.values())

    def timed_load(spec: AgentSpec) -> Callable[..., Agent]:
        lap("core")
        agent_class = load(spec)
        lap("import")
        for package, place in COMPILING.items():
            if package in sys.modules:
                time_compilation(place, marks)

        def build(*arguments: Any, **options: Any) -> Agent:
            agent = agent_class(*arguments, **options)
            lap("build")
            return agent

        return build

    def first_step(env: Any, actions: Any) -> Any:
        if "first step" in marks:
            raise BudgetExhausted
        result = step(env, actions)
        lap("first step")
        wall = time.time() - start_seconds
        (run_folder / "marks.json").write_text(json.dumps({**marks, "total": time.process_time(), "wall": wall}))
        return result

    load, step = AgentSpec.load, MeteredVectorEnv.step
    AgentSpec.load, MeteredVectorEnv.step = timed_load, first_step  # type: ignore[assignment, method-assign]
    sys.exit(worker_main(str(run_folder)))


def time_compilation(place: str, marks: dict[str, float]) -> None:
    """Makes the method at `place` add its CPU seconds to `marks["compile"]`."""
    module, _, qualified = place.partition(":")
    owner_name, _, method = qualified.partition(".")
    owner = getattr(importlib.import_module(module), owner_name)
    original: Callable[..., Any] = getattr(owner, method)

    def timed(*arguments: Any, **options: Any) -> Any:
        begin = time.process_time()
        try:
            return original(*arguments, **options)
        finally:
            marks["compile"] = marks.get("compile", 0.0) + time.process_time() - begin

    setattr(owner, method, timed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
