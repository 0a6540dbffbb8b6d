"""The example for Ray Serve, where Ray Serve is installed: two replicas answer over HTTP as the policy file does."""

import importlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.extra,
    pytest.mark.slow,
    pytest.mark.imports("ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of pydantic, by Ray Serve itself
]

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
PORT = 18_412
"""Port of Ray's proxy in this test."""


@pytest.fixture
def serve() -> Iterator[Any]:
    """Ray Serve on this machine alone."""
    pytest.importorskip("fastapi", reason="Ray Serve needs it")
    ray, serve = importlib.import_module("ray"), importlib.import_module("ray.serve")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    yield serve
    serve.shutdown()
    ray.shutdown()


def test_replicas_answer_as_the_file_does(serve: Any, tmp_path: Path, write_policy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("ray_serve")
    path = write_policy(tmp_path / "policy.onnx", "CartPole-v1")
    serve.run(example.application([("cart", path)], 2), name="arena")
    observations = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    answers = []
    for observation in observations:
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}/act/cart", json.dumps({"observation": observation.tolist()}).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            answers.append(json.load(answer)["actions"])
    wanted = importlib.import_module("arena.policies.policy").OnnxPolicy(path).act(observations)
    assert np.asarray(answers).reshape(-1).tolist() == wanted.tolist()
    sys.modules.pop("ray_serve")
