"""The application of `arena serve` in several processes at once, behind the proxy of Ray Serve (`pip install "ray[serve]"`).

    python docs/examples/ray_serve.py 4 cart=policy.onnx

Each replica loads all policies, and plays each in a process of its own with bounds, as one `arena serve` does. Addresses and answers are
the same; `/metrics` counts what the replica that answers has done.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ray import serve
from ray.serve import Application
from starlette.applications import Starlette

from arena.serve.app import make_app
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts
from arena.serve.models import load_models


def application(policies: Sequence[tuple[str, Path]], num_replicas: int) -> Application:
    """Returns what `serve.run` runs.

    Args:
        policies: Name and policy file of each; every node of the cluster must reach the files.
        num_replicas: Number of processes that answer.
    """

    def build() -> Starlette:
        metrics, limits = ServerCounts(), Limits()
        folder = Path(tempfile.mkdtemp(prefix="arena-serve-"))  # a replica's copies last as long as it
        return make_app(load_models(policies, folder, limits, metrics), metrics, limits)

    return serve.deployment(serve.ingress(build)(), name="arena", num_replicas=num_replicas).bind()


if __name__ == "__main__":
    named = [argument.partition("=") for argument in sys.argv[2:]]
    serve.run(application([(name, Path(path).absolute()) for name, _, path in named], int(sys.argv[1])), name="arena")
    while True:
        time.sleep(3_600)
