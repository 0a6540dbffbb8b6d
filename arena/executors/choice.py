"""The executor that a config asks for."""

import contextlib
from collections.abc import Iterator

from arena.errors import ArenaError
from arena.executors.base import Executor, ExecutorConfig
from arena.executors.local import LocalExecutor
from arena.executors.ray import RayExecutor
from arena.executors.warm import WarmServers


def make_executor(config: ExecutorConfig, num_workers: int = 0) -> Executor:
    """Returns the executor of a config.

    Args:
        config: the kind of executor, with its settings.
        num_workers: number of runs at a time; 0 means as many as there is room for.

    Raises:
        ArenaError: if the config sets for one kind what belongs to another, or the kind's library is missing.
    """
    if config.kind == "ray":
        return RayExecutor(config, num_workers)
    if config != ExecutorConfig(warm=config.warm):
        raise ArenaError("executor: address, storage and node_losses belong to kind 'ray' (--executor ray)")
    return LocalExecutor(num_workers, warm=config.warm)


@contextlib.contextmanager
def lasting_executor(config: ExecutorConfig, num_workers: int = 0) -> Iterator[Executor]:
    """Yields an executor for experiments that come one after another, such as the trials of a search: frameworks stay imported in between.

    Args:
        config: the kind of executor, with its settings.
        num_workers: number of runs at a time; 0 means as many as there is room for.

    Raises:
        ArenaError: if `make_executor` refuses the config.
    """
    executor = make_executor(config, num_workers)
    if config.kind != "local":
        yield executor
        return
    with WarmServers(is_lasting=True) as servers:
        yield LocalExecutor(num_workers, warm=config.warm, servers=servers)
