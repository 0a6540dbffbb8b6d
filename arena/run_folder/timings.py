"""Timings: the seconds that a run spent on each part of its work."""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from arena.errors import ArenaError

Part = Literal["start", "import_", "build", "train", "evaluate", "checkpoint", "log", "env", "act", "learn", "play"]

MAX_SECONDS = 1e12
"""Limit of a part's seconds in a file: 30,000 years."""


@dataclasses.dataclass(kw_only=True)
class Timings:
    """Wall seconds of each part of a run, added up over all its attempts.

    `start` to `log` follow each other, so every second is in one of them. `env`, `act` and `learn` are parts of `train`, and `play` is a
    part of `evaluate`.
    """

    start: float = 0.0
    """Seconds from the request for the worker process until its framework is imported, the arena's own imports included."""
    import_: float = 0.0
    """Seconds to import the framework, or to wait for the server of warm workers that imports it; `import` in files."""
    build: float = 0.0
    """Seconds to build the agent, compilation included."""
    train: float = 0.0
    """Seconds inside `Agent.learn`."""
    evaluate: float = 0.0
    """Seconds to export policies and evaluate them."""
    checkpoint: float = 0.0
    """Seconds to write checkpoints."""
    log: float = 0.0
    """Seconds to write episodes and curves."""
    env: float = 0.0
    """Seconds of `train` inside the environments."""
    act: float = 0.0
    """Seconds of `train` spent on choosing actions."""
    learn: float = 0.0
    """Seconds of `train` spent on replay sampling, gradients and weight updates."""
    play: float = 0.0
    """Seconds of `evaluate` spent on playing episodes."""
    train_cpu: float = 0.0
    """CPU seconds of `train`, `checkpoint` and `log` together."""

    @property
    def until_training(self) -> float:
        """Wall seconds until training began: process, imports, building and compilation."""
        return self.start + self.import_ + self.build

    @property
    def total(self) -> float:
        """Wall seconds of everything that is accounted for; the end of the process isn't."""
        return self.until_training + self.train + self.evaluate + self.checkpoint + self.log

    def add(self, part: Part, seconds: float) -> None:
        """Adds wall seconds to a part."""
        setattr(self, part, getattr(self, part) + seconds)

    def add_all(self, other: "Timings") -> None:
        """Adds another attempt's timings, part by part."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @contextmanager
    def measure(self, part: Part) -> Iterator[None]:
        """Adds the wall seconds of the `with` block to a part, and its CPU seconds to `train_cpu` where they belong there."""
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.add(part, time.perf_counter() - start)
            if part in ("train", "checkpoint", "log"):
                self.train_cpu += time.process_time() - cpu_start

    def to_json(self) -> dict[str, float]:
        """Returns the seconds by the part's name, as they stand in files."""
        return {name.rstrip("_"): seconds for name, seconds in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, where: str) -> "Timings":
        """Reverses `to_json`.

        Args:
            value: seconds by the part's name.
            where: begins the error: the file that holds them.

        Raises:
            ArenaError: on a part that this version doesn't know, or a value that isn't a number.
        """
        names = {field.name.rstrip("_"): field.name for field in dataclasses.fields(cls)}
        timings = cls()
        for name, seconds in value.items():
            if name not in names or isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < MAX_SECONDS:
                raise ArenaError(
                    f"{where}: seconds.{name}={seconds!r} was written by another version of arena-rl (known: {', '.join(names)})"
                )
            setattr(timings, names[name], float(seconds))
        return timings
