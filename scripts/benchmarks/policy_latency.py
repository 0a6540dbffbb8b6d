"""Measures the latency of one policy in every format of `arena export`, beside its own ways to play: a table for docs/exports.md.

The policy is a network of two layers of 64. Each format is written and played in a process of its own, on one thread, beside onnxruntime in
the same process; the table shows onnxruntime once, from the last. `NumPy` is the forward pass with which the arena's own agents act,
`bounded` the player of tournaments and `arena serve`, with a process of its own. `js` includes handing observations to the engine as text.

With `--agents`, it measures the framework's own acting instead, `Agent.act` of an agent that was built and not trained, beside the policy
file of the same agent, in turns in one process of one thread: CPU time of a call.

    benchmark.py policy-latency [--formats c,js,litert] [--agents keras-ppo,rllib-ppo]
"""

import functools
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arena.environments.config import EnvConfig
from arena.export.export import export_policy
from arena.export.formats import FORMATS
from arena.export.latency import BATCH_SIZES, Latency, measure
from arena.policies.bounded.bounded_policy import BoundedPolicy
from benchmarks.balancing_policy import balancing_network
from benchmarks.options import names, option_parser
from benchmarks.processes import child_environment, last_json_line, module_command

MAX_SECONDS = 600.0
"""Seconds after which the process of an agent is ended."""


def main(options: Sequence[str]) -> None:
    """Measures, and prints a table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--formats", type=names, default=list(FORMATS), help="formats of arena export, separated by commas")
    parser.add_argument("--agents", type=names, default=[], help="agents whose own acting is measured instead, separated by commas")
    arguments = parser.parse_args(options)
    if arguments.agents:
        _beside_frameworks(arguments.agents)
        return
    heading = " | ".join(f"batch {size}, {what} µs" for size in BATCH_SIZES for what in ("p50", "p99"))
    print(f"load {os.getloadavg()[0]:.1f}\n| format | bytes | {heading} |\n|---|---:|---:|---:|---:|---:|")
    network = balancing_network()
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "policy.onnx")
        network.export(policy)
        for name in arguments.formats:
            written = export_policy(policy, name, Path(folder, name), env=EnvConfig("CartPole-v1"), num_episodes=20)
            if written.comparison is not None:
                _show(name, written.num_bytes, written.comparison.latencies)
                onnx = written.comparison.onnx_latencies
        _show("onnxruntime", policy.stat().st_size, onnx)
        _show("NumPy", 0, _latencies(network.scores))
        with BoundedPolicy(policy) as bounded:
            _show("bounded", policy.stat().st_size, _latencies(bounded.act))


def _beside_frameworks(agents: Sequence[str]) -> None:
    heading = " | ".join(f"{what}, batch {size}, µs" for size in BATCH_SIZES for what in ("act", "file"))
    print(f"load {os.getloadavg()[0]:.1f}\n| agent | {heading} |\n|---|---:|---:|---:|---:|")
    for agent in agents:
        command = module_command("benchmarks.child.acting", agent)
        found = last_json_line(command, child_environment(1, agent), MAX_SECONDS, f"{agent}'s acting")
        cells = [f"{found[what][str(size)]:,.1f}" for size in BATCH_SIZES for what in ("act", "file")]
        print(f"| `{agent}` | {' | '.join(cells)} |", flush=True)


def _latencies(call: Callable[[Any], object]) -> list[Latency]:
    batches = [np.zeros((size, 4), np.float32) for size in BATCH_SIZES]
    return [measure(functools.partial(call, batch), len(batch)) for batch in batches]


def _show(name: str, num_bytes: int, latencies: Sequence[Latency]) -> None:
    cells = [f"{value:.1f}" for each in latencies for value in (each.p50_microseconds, each.p99_microseconds)]
    size = f"{num_bytes:,}" if num_bytes else "-"
    print(f"| {name} | {size} | {' | '.join(cells)} |", flush=True)
