"""Times one training loop in a process of its own and prints one JSON line. Needs Gymnasium and no arena, which SB3 and SBX run without."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv


class LoopProbe:
    """Reads what to do from the command line, and measures it.

    The request, the last argument of the command line, is one JSON object: `loop`, `env_steps`, `seed`, `hyperparameters`, and `started`,
    the monotonic second at which this process was started. The order of calls: construct, build and warm up, `begin`, run, `finish`.
    """

    def __init__(self) -> None:
        request: dict[str, Any] = json.loads(sys.argv[1])
        self.loop: str = request["loop"]
        """Name of one of the module's loops."""
        self.env_steps: int = request["env_steps"]
        """Env steps to take between `begin` and `finish`."""
        self.seed: int = request["seed"]
        """Seed of the run."""
        self.hyperparameters: dict[str, Any] = request["hyperparameters"]
        """Hyperparameters by the arena's names."""
        self.seconds: dict[str, float] = {}
        """Wall seconds of each part that `timed` measures."""
        self._started: float = request["started"]
        self.start_seconds = 0.0
        """Wall seconds from the start of the process to the first step of CartPole; 0 before that step."""
        self._wall = self._cpu = 0.0
        self._watch_first_step()

    def _watch_first_step(self) -> None:
        """Notes when CartPole takes its first step; afterwards its classes are as before, so that later steps cost nothing more."""
        classes: tuple[Any, ...] = (CartPoleEnv, CartPoleVectorEnv)
        steps = [cls.step for cls in classes]

        def note(step: Callable[..., Any]) -> Callable[..., Any]:
            def first(*arguments: Any) -> Any:
                self.start_seconds = time.monotonic() - self._started
                for cls, original in zip(classes, steps, strict=True):
                    cls.step = original
                return step(*arguments)

            return first

        for cls, step in zip(classes, steps, strict=True):
            cls.step = note(step)

    def timed(self, owner: Any, name: str, part: str) -> None:
        """Makes each call of `owner.name` add its wall seconds to `seconds[part]`."""
        call = getattr(owner, name)

        def measured(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start

        setattr(owner, name, measured)

    def begin(self) -> None:
        """Starts the clocks; whatever compiles must be compiled by now."""
        self.seconds.clear()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def finish(self, *, env_steps: int, updates: int, without: str = "", **further: Any) -> None:
        """Stops the clocks and prints what was measured since `begin`.

        Args:
            env_steps: number of env steps taken since `begin`.
            updates: optimizer steps since `begin`, as the optimizer itself counts them.
            without: name of a part whose seconds are left out of the wall seconds.
            further: further fields of the line.
        """
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        parts = dict(self.seconds)
        wall -= parts.pop(without, 0.0)
        if "collect" in parts:  # collecting is acting and stepping the environment
            parts["act"] = parts.pop("collect") - parts.get("env", 0.0)
        line = {
            "start_seconds": self.start_seconds,
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
    """Returns the largest resident memory of a process so far, or None on a system without `/proc`.

    `getrusage` would not do: its figure starts at that of the parent process.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")]
    return found[0] if found else None
