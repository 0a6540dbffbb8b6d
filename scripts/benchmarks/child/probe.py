"""Times one training loop in its own process and prints one JSON line. Imported by stock loops and, by its path, by peers."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv


class Probe:
    """Reads what to do from the command line, and measures it.

    The request is one JSON object: `loop`, `env_steps`, `seed`, `hyperparameters`, and `started`, the monotonic second at which this
    process was started. The order of calls: construct, build and warm up, `begin`, run, `finish`.
    """

    def __init__(self) -> None:
        request: dict[str, Any] = json.loads(sys.argv[1])
        self.loop: str = request["loop"]
        """Which of the module's loops."""
        self.env_steps: int = request["env_steps"]
        """To take between `begin` and `finish`."""
        self.seed: int = request["seed"]
        self.hyperparameters: dict[str, Any] = request["hyperparameters"]
        """In the arena's names."""
        self.seconds: dict[str, float] = {}
        """Wall seconds by part, of what `timed` wraps."""
        self._started: float = request["started"]
        self._start_seconds = 0.0
        self._wall = self._cpu = 0.0
        self._watch_first_step()

    def _watch_first_step(self) -> None:
        """Notes when CartPole is first stepped; the classes are then as they were, so that no later step pays for it."""
        classes: tuple[Any, ...] = (CartPoleEnv, CartPoleVectorEnv)
        steps = [cls.step for cls in classes]

        def note(step: Callable[..., Any]) -> Callable[..., Any]:
            def first(*arguments: Any) -> Any:
                self._start_seconds = time.monotonic() - self._started
                for cls, original in zip(classes, steps, strict=True):
                    cls.step = original
                return step(*arguments)

            return first

        for cls, step in zip(classes, steps, strict=True):
            cls.step = note(step)

    def timed(self, owner: Any, name: str, part: str) -> None:
        """Makes the calls of `owner.name` count towards `seconds[part]`."""
        call = getattr(owner, name)

        def measured(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start

        setattr(owner, name, measured)

    def begin(self) -> None:
        """Starts the clocks: all that compiles has been compiled."""
        self.seconds.clear()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def finish(self, *, env_steps: int, updates: int, without: str = "", **further: Any) -> None:
        """Stops the clocks and prints what was measured since `begin`.

        Args:
            env_steps: taken.
            updates: optimizer steps, as the optimizer itself counts them.
            without: a part that does not belong to the stretch.
            further: put into the line as they are.
        """
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        parts = dict(self.seconds)
        wall -= parts.pop(without, 0.0)
        if "collect" in parts:  # acting and the environment
            parts["act"] = parts.pop("collect") - parts.get("env", 0.0)
        line = {
            "start_seconds": self._start_seconds,
            "wall_seconds": wall,
            "cpu_seconds": cpu,
            "env_steps": env_steps,
            "updates": updates,
            "peak_rss_bytes": peak_rss_bytes(),
            "parts": parts,
            **further,
        }
        print(f"\n{json.dumps(line)}", flush=True)


def peak_rss_bytes(pid: int | str = "self") -> int | None:
    """Returns the largest resident memory of a process so far, or None where there is no `/proc`.

    Not `getrusage`: its figure begins with that of the process that started this one.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")]
    return found[0] if found else None
