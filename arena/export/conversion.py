"""The process that writes an export and plays it: frameworks exclude each other, and none belongs into the arena's own process.

`python -m arena.export.conversion FOLDER` reads `request.json`, `policy.onnx` and `inputs.npz` in a folder, and writes the export, called
`export`, `answers.npz` and `answer.json`. Whatever frameworks print goes to standard error.
"""

import contextlib
import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.agent.isolation import refuse_other_frameworks
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.export.formats import FORMATS
from arena.export.graph import PolicyGraph, read_graph
from arena.export.latency import BATCH_SIZES, measure
from arena.export.runtime import NoRuntime, RuntimePolicy
from arena.formats.validation import validate
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxSession

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be done."""

    format: str
    """Name of the format."""
    where: str
    """Name of the policy file; begins errors."""
    env: dict[str, Any] | None = None
    """Environment in which the export plays episodes, as `EnvConfig.to_json` gives it; None plays none."""
    num_episodes: int = 0
    """Number of episodes."""
    seed: int = 0
    """Seed of the episodes."""

    @property
    def env_config(self) -> EnvConfig | None:
        """The environment, with its wrappers; the process that asks has refused what needs the user's word."""
        return None if self.env is None else validate(EnvConfig, self.env)


def serve_request(folder: Path) -> None:
    """Carries out the request in a folder, and leaves the answer there: `error` for a refusal, `unchecked` where nothing can play it."""
    request = Request(**json.loads((folder / "request.json").read_text(encoding="utf-8")))
    chosen = FORMATS[request.format]
    refuse_other_frameworks(chosen.frameworks)
    inputs = np.load(folder / "inputs.npz")
    answer: dict[str, Any] = {}
    try:
        graph = read_graph((folder / "policy.onnx").read_bytes(), request.where)
        path = folder / f"export{chosen.suffix}"
        chosen.convert(graph, path, inputs["calibration"] if chosen.is_calibrated else None)
        answer |= _played(request, graph, path, folder, inputs["observations"])
    except NoRuntime as reason:
        answer["unchecked"] = str(reason)
    except ArenaError as error:
        answer["error"] = str(error)
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def _played(request: Request, graph: PolicyGraph, path: Path, folder: Path, observations: Array) -> dict[str, Any]:
    runtime = FORMATS[request.format].load(path, graph)
    actions, scores = runtime.answer(observations)
    np.savez(folder / "answers.npz", actions=actions, scores=scores)
    session = OnnxSession((folder / "policy.onnx").read_bytes(), request.where)
    latencies = {
        "export": _latencies(runtime.answer, observations),
        "onnx": _latencies(lambda batch: session.run(["actions", "action_scores"], batch), observations),
    }
    if (env := request.env_config) is None:
        return {"latencies": latencies}
    played = evaluate(RuntimePolicy(runtime), env, num_episodes=request.num_episodes, seed=request.seed)
    return {"latencies": latencies, "episode_returns": played.episode_returns.tolist()}


def _latencies(answer: Callable[[Array], object], observations: Array) -> list[dict[str, Any]]:
    batches = [np.resize(observations, (size, *observations.shape[1:])) for size in BATCH_SIZES]
    return [dataclasses.asdict(measure(functools.partial(answer, batch), len(batch))) for batch in batches]


def _main(folder: str) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        serve_request(Path(folder))


if __name__ == "__main__":
    _main(sys.argv[1])
