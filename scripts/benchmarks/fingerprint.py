"""Records what this tree computes, to compare a later tree with it: the check of changes that must not change results.

    benchmark.py fingerprint record before.json    every agent, one seed: episodes, evaluations, weights, checkpoint
    benchmark.py fingerprint compare before.json   later, on the same machine: exit code 1 if anything differs

Floating-point results depend on the processor and the installed packages, so compare on the machine that made the record. Everything goes
through the command line and the files of run folders, so that modules may be renamed in between.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.options import option_parser

SMALL = {
    "dqn": "hidden_sizes = [32]\nlearning_starts = 500\nbatch_size = 32\ntrain_period = 32\nnum_updates = 16\ntarget_update_period = 64\n",
    "ppo": "hidden_sizes = [32]\nrollout_length = 32\nbatch_size = 64\nnum_epochs = 4\n",
    "sarsa": "hidden_sizes = [32]\n",
}
SMALL["c51"] = SMALL["dqn"]
SMALL["sac"] = SMALL["td3"] = SMALL["ddpg"] = (
    "hidden_sizes = [32]\nlearning_starts = 500\nbatch_size = 32\ntrain_period = 32\nnum_updates = 16\n"
)
CONTINUOUS = ("keras-sac", "keras-td3", "kerasrl-ddpg", "tfagents-sac", "tfagents-td3", "rllib-sac", "sb3-sac", "sb3-td3")
"""Agents that take Box actions alone."""
AGENTS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "CartPole-v1": {
        **{
            name: (name, {})
            for name in (
                "tfagents-dqn",
                "tfagents-c51",
                "rllib-dqn",
                "rllib-ppo",
                "keras-dqn",
                "keras-ppo",
                "kerasrl-dqn",
                "kerasrl-sarsa",
                "sb3-dqn",
                "sb3-ppo",
            )
        },
        "random": ("random", {}),
        "constant": ("constant", {}),
        "keras-dqn-tensorflow": ("keras-dqn", {"backend": "tensorflow"}),
        "keras-dqn-torch": ("keras-dqn", {"backend": "torch"}),
        "keras-ppo-tensorflow": ("keras-ppo", {"backend": "tensorflow"}),
        "keras-ppo-torch": ("keras-ppo", {"backend": "torch"}),
        "tfagents-dqn-own-replay": ("tfagents-dqn", {"replay": "tf_agents"}),
        "kerasrl-dqn-own-replay": ("kerasrl-dqn", {"replay": "keras_rl", "num_envs": 1}),
    },
    "Pendulum-v1": {name: (name, {}) for name in ("rllib-ppo", "keras-ppo", *CONTINUOUS, "random", "constant")},
    "arena/TicTacToe-v0": {name: (name, {}) for name in ("tfagents-dqn", "rllib-dqn", "rllib-ppo", "keras-dqn", "keras-ppo", "random")},
    "phys2d/CartPole-v1": {name: (name, {"on_device": True}) for name in ("keras-dqn", "keras-ppo")},
}


def main(options: Sequence[str]) -> int:
    """Records, or compares and returns 1 if anything differs."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", help="names of agents, separated by commas")
    parser.add_argument("--folder", type=Path, help="folder for the runs, which are kept there; a temporary folder by default")
    arguments = parser.parse_args(options)
    only = set(arguments.only.split(",")) if arguments.only else None
    with tempfile.TemporaryDirectory() as temporary:
        found = fingerprint(arguments.folder or Path(temporary), only)
    if arguments.what == "record":
        arguments.file.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{len(found)} entries in {arguments.file}")
        return 0
    before = json.loads(arguments.file.read_text())
    names = [name for name in before if name in found] if only else sorted({*before, *found})
    changes = [change for name in names for change in differences(before.get(name), found.get(name), name)]
    print("\n".join(changes) or f"nothing differs in {len(names)} entries")
    return 1 if changes else 0


def fingerprint(folder: Path, only: set[str] | None) -> dict[str, Any]:
    """Returns what every run computed, by `<agent>/<env>`, and the standings and pairs of those on CartPole-v1."""
    found: dict[str, Any] = {}
    for env, agents in AGENTS.items():
        wanted = {name: agent for name, agent in agents.items() if only is None or name in only}
        if not wanted:
            continue
        name = env.replace("/", "-")
        file = folder / f"{name}.toml"
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(experiment(env, wanted))
        arena("run", file, "--output", folder / "runs", "--quiet")
        for agent in wanted:
            found[f"{agent}/{name}"] = of_run(folder / "runs" / name / agent / name / "seed-0")
        if env == "CartPole-v1" and only is None:
            arena("tournament", folder / "runs" / name, "--episodes", "20", "--output", folder / "met", "--quiet")
            [standings] = (folder / "met").rglob("standings.json")
            rows = json.loads(standings.read_text())["rows"]
            found["standings"] = {
                row["entrant"]: [*(row["points"][part] for part in ("value", "low", "high")), row["rank_low"], row["rank_high"]]
                for row in rows
            }
            report = json.loads(arena("report", folder / "runs" / name, "--json").splitlines()[0])
            found["pairs"] = {
                f"{pair['x']} {pair['y']}": [pair["probability"]["value"], pair["p_value"], pair["p_value_joint"]]
                for pair in report["pairs"]
            }
    return found


def experiment(env: str, agents: dict[str, tuple[str, dict[str, Any]]]) -> str:
    """Returns the experiment's TOML."""
    steps = 8_192 if env.startswith("phys2d") else 4_000
    head = f'envs = ["{env}"]\nseeds = [0]\ncheckpoint_period = {steps // 2}\n'
    head += f"[budget]\nenv_steps = {steps}\n[evaluation]\nperiod = {steps // 2}\nepisodes = 5\nfinal_episodes = 10\n"
    head += '[resources]\ndevice = "cpu"\n'
    for algorithm in sorted({agent.rpartition("-")[2] for agent, _ in agents.values()} & SMALL.keys()):
        head += f"[hyperparameters.{algorithm}]\n{SMALL[algorithm]}"
    for name, (agent, settings) in agents.items():
        values = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        head += f'[[agents]]\nname = "{name}"\nagent = "{agent}"\n[agents.hyperparameters]\n{values}'
    return head


def arena(*arguments: object) -> str:
    """Runs the command line, and returns what it prints."""
    process = subprocess.run([sys.executable, "-m", "arena", *map(str, arguments)], capture_output=True, text=True, check=False)
    if process.returncode:
        sys.exit(
            f"arena {' '.join(map(str, arguments))}: exit code {process.returncode}\n{process.stdout[-2_000:]}{process.stderr[-2_000:]}"
        )
    return process.stdout


def of_run(folder: Path) -> dict[str, Any]:
    """Returns what a run computed: counts and scores as they are, weights and records as hashes."""
    result = json.loads((folder / "result.json").read_text())
    records = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    weights = {}
    for tensor in onnx.load(folder / "policy.onnx").graph.initializer:
        weights[tensor.name] = np.ascontiguousarray(numpy_helper.to_array(tensor)).tobytes()
    return {
        **{
            key: result[key]
            for key in ("status", "env_steps", "num_episodes", "num_cut_episodes", "learner_steps", "score_mean", "score_std")
        },
        "evaluations": [[record["kind"], record["env_steps"], *record["episode_returns"]] for record in records],
        "episodes": sha256((folder / "episodes.jsonl").read_bytes()),
        "policy": sha256(*(weights[name] for name in sorted(weights))),
        "state": of_agent(folder),
    }


def of_agent(folder: Path) -> dict[str, str]:
    """Returns a hash of each file that the agent has in a run's newest checkpoint, by its name below the agent's folder."""
    pointer = json.loads((folder / "checkpoint" / "latest.json").read_text())
    agent = folder / "checkpoint" / pointer["directory"] / "agent"
    return {path.relative_to(agent).as_posix(): of_state(path) for path in sorted(agent.rglob("*")) if path.is_file()}


def of_state(path: Path) -> str:
    """Returns a hash of a file of a checkpoint; of arrays by name, since the container holds the time at which it was written."""
    if path.suffix != ".npz":
        return sha256(path.read_bytes())
    with np.load(path, allow_pickle=False) as arrays:
        return sha256(*(name.encode() + np.ascontiguousarray(arrays[name]).tobytes() for name in sorted(arrays)))


def sha256(*parts: bytes) -> str:
    """Returns the first digits of the SHA-256 of the parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def differences(before: Any, after: Any, where: str) -> list[str]:
    """Returns a line for each value that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        nested = (
            differences(before.get(key), after.get(key), f"{where}: {key}")
            for key in [*before, *(key for key in after if key not in before)]
        )
        return [change for changes in nested for change in changes]
    return [] if before == after else [f"{where}: {before} before, {after} now"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
