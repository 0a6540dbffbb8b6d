"""Loggers of a run. None of them imports a framework.

`TensorBoardLogger` writes the event files of a run folder; `tags` names its curves, the same for every framework, and `TAGS` says what
each holds. These names are promised; `TensorBoardLogger` is imported at its first use, because TensorBoard's messages take time to load.
"""

from typing import TYPE_CHECKING, Any

from arena.loggers import tags as tags
from arena.loggers.tags import TAGS as TAGS

if TYPE_CHECKING:
    from arena.loggers.tensorboard import TensorBoardLogger as TensorBoardLogger

__all__ = ["TAGS", "TensorBoardLogger", "tags"]


def __getattr__(name: str) -> Any:
    if name == "TensorBoardLogger":
        from arena.loggers.tensorboard import TensorBoardLogger

        return TensorBoardLogger
    raise AttributeError(f"module 'arena.loggers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
