"""The application of `arena serve` in several processes at once, behind the proxy of Ray Serve (`pip install 'arena-rl[ray-serve]'`).

    python docs/examples/ray_serve.py 2 cart=policy.onnx lander=lander.onnx

Each replica asks the cluster for one CPU and loads all policies, each in a process of its own with bounds, as one `arena serve` does.
Addresses and answers are the same; `/metrics` and the limit of rate count what the replica that answers has done. Ctrl-C and SIGTERM
stop it: requests under way are answered first.
"""

import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reads it when it is imported

from ray import serve
from ray.serve import Application
from starlette.applications import Starlette

from arena.errors import ArenaError
from arena.serve.app import make_app
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts
from arena.serve.models import load_models

NAME = "arena"
"""Name of the application and of its deployment."""
USAGE = "python docs/examples/ray_serve.py NUM_REPLICAS NAME=PATH..."
"""Arguments of this file."""


def application(policies: Sequence[tuple[str, Path]], num_replicas: int) -> Application:
    """Returns what `serve.run` runs.

    Args:
        policies: Name and policy file of each; every node of the cluster must reach the files.
        num_replicas: Number of processes that answer.
    """
    limits = Limits()
    deployment = serve.deployment(
        serve.ingress(lambda: replica(policies, limits))(),
        name=NAME,
        num_replicas=num_replicas,
        max_ongoing_requests=limits.batch_observations,  # Ray Serve's own, 5, would make batches of 5
        max_queued_requests=limits.max_waiting,
        logging_config={"enable_access_log": False},
    )
    return deployment.bind()


def replica(policies: Sequence[tuple[str, Path]], limits: Limits) -> Starlette:
    """Returns the application of one replica, whose copies of the policies last as long as it does."""
    folder, metrics = tempfile.TemporaryDirectory(prefix="arena-serve-"), ServerCounts()
    app = make_app(load_models(policies, Path(folder.name), limits, metrics), metrics, limits)
    answering = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with folder:
            async with answering(app):
                yield

    app.router.lifespan_context = lifespan
    return app


def parse(arguments: Sequence[str]) -> tuple[list[tuple[str, Path]], int]:
    """Returns the policies and the number of replicas that the command line asks for.

    Raises:
        ArenaError: If it is not of the form `USAGE`.
    """
    if len(arguments) < 2:
        raise ArenaError(f"arguments are missing: {USAGE}")
    count, *named = arguments
    if not re.fullmatch(r"[1-9][0-9]{0,3}", count):
        raise ArenaError(f"{count!r} is no number of replicas: {USAGE}")
    for argument in named:
        if not re.fullmatch(r"[\w.-]+=.+", argument, re.ASCII | re.DOTALL):
            raise ArenaError(f"{argument!r} is not NAME=PATH, with a name of letters, digits, '.', '_' and '-': {USAGE}")
    return [(name, Path(path).absolute()) for name, _, path in (argument.partition("=") for argument in named)], int(count)


def main(arguments: Sequence[str]) -> None:
    """Serves until it is told to stop."""
    policies, num_replicas = parse(arguments)
    with tempfile.TemporaryDirectory() as folder:  # what a replica would refuse is refused here, in one line
        load_models(policies, Path(folder), Limits(), ServerCounts()).close()
    serve.run(application(policies, num_replicas), name=NAME)
    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    stop.wait()
    serve.delete(NAME)  # answers what is under way; `shutdown` alone closes its connections
    serve.shutdown()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ArenaError as error:
        sys.exit(f"error: {error}")
