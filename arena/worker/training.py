"""The loop of one run: learn, evaluate, log, keep the best policy, checkpoint, until the budget is used up."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.agent.interface import ACT_ROWS, Agent, Metrics, same_choices
from arena.environments.make import ArenaEnvFactory
from arena.environments.metering import Episode
from arena.environments.spaces import MaskedBox, random_masks
from arena.errors import ArenaError, BudgetExhausted, TrainingDiverged
from arena.formats.json import read_json, write_bytes, write_json
from arena.formats.jsonl import JsonlWriter
from arena.loggers import tags
from arena.loggers.tensorboard import TensorBoardLogger
from arena.machine.gpus import visible_gpus
from arena.machine.usage import UsageSampler
from arena.policies.evaluation import Evaluation, evaluate
from arena.policies.policy import OnnxPolicy
from arena.run_folder.events import EvaluationEnded, EvaluationKind, ProgressMade, WorkerEvent
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.seeding import evaluation_seeds, parity_rng

Array = npt.NDArray[Any]


@dataclasses.dataclass
class Progress:
    """What a checkpoint must hold besides the agent's own state."""

    learner_steps: int = 0
    next_evaluation: int = 0
    next_checkpoint: int = 0
    next_log: int = 0
    best_return: float | None = None
    """Mean return of the best selection evaluation."""
    policy_env_steps: int | None = None
    """Env steps after which the kept policy was taken."""
    parity: float | None = None
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    num_attempts: int = 0
    cpu_seconds: float = 0.0
    """Of earlier attempts, up to their last checkpoint."""


class Training:
    """Trains `agent` in `run_dir` until the budget of `run` is used up.

    Args:
        run: what to do.
        run_dir: where to record it.
        agent: fresh.
        factory: made the agent's environments.
        emit: called with each event for the one who watches, a flat dict.
        seconds: wall seconds already spent on this attempt, by name.
    """

    def __init__(
        self,
        run: Run,
        run_dir: RunDir,
        agent: Agent,
        factory: ArenaEnvFactory,
        emit: Callable[[WorkerEvent], None],
        seconds: Mapping[str, float],
        *,
        device: str = "cpu",
    ) -> None:
        self.run, self.run_dir, self.agent, self.factory, self.emit = run, run_dir, agent, factory, emit
        self.meter = factory.meter
        self.progress = Progress(
            next_evaluation=run.evaluation.period,
            next_checkpoint=run.checkpoint_period,
            next_log=run.log_period,
            num_attempts=1,
            seconds=dict(seconds),
        )
        self.stop_reason = ""
        self._usage = UsageSampler([] if device == "cpu" else visible_gpus())
        self._last_evaluation: float | None = None
        self._seeds = evaluation_seeds(run.experiment_seed)
        self._since_log = _Window(self)
        checkpoint = run_dir.latest_checkpoint()
        offsets: Mapping[str, Any] = {}
        if checkpoint is not None:
            try:
                offsets = self._restore(checkpoint)
            except Exception as error:
                raise ArenaError(f"{checkpoint} cannot be restored ({error}); delete {run_dir.path} to begin anew") from error
        self.tensorboard = TensorBoardLogger(run_dir.path, env_steps=self.meter.env_steps)
        self._episodes = JsonlWriter(run_dir.episodes, truncate_to=offsets.get("episodes", 0))
        self._evaluations = JsonlWriter(run_dir.evaluations, truncate_to=offsets.get("evaluations", 0))

    def start(self) -> None:
        """Writes what the run is into the event file."""
        run = self.run
        settings = "\n".join(f"| {name} | {value} |" for name, value in run.agent.hyperparameters.items())
        description = f"{run.agent.agent} as **{run.agent.name}** on **{run.env.name}**, seed {run.seed}, at most "
        description += f"{run.budget.env_steps:,} env steps.\n\n| hyperparameter | value |\n|---|---|\n{settings}\n"
        self.tensorboard.text("run", description)
        values: dict[str, str | float | bool] = {"agent": run.agent.name, "env": run.env.name, "seed": run.seed}
        for name, value in run.agent.hyperparameters.items():
            values[name] = value if isinstance(value, (bool, int, float, str)) else str(value)
        self.tensorboard.hyperparameters(values)

    def finish(self, evaluation: Evaluation | None) -> None:
        """Writes the final score, or that there is none, into the event file."""
        if evaluation is not None:
            self.tensorboard.scalars(self.meter.env_steps, {tags.FINAL_RETURN_MEAN: evaluation.episode_return_mean})
        self.tensorboard.finish("success" if evaluation is not None else "failure")

    def train(self) -> None:
        """Trains to the end of the budget; `stop_reason` then says which part of it was used up.

        Raises:
            TrainingDiverged: by the agent, or if its policy is not finite.
        """
        run, meter, progress = self.run, self.meter, self.progress
        while not self.stop_reason:
            boundary = min(progress.next_evaluation, progress.next_checkpoint, progress.next_log, run.budget.env_steps)
            with self._clock("train"):
                try:
                    metrics = self.agent.learn(max(1, boundary - meter.env_steps))
                except BudgetExhausted:
                    metrics, self.stop_reason = None, f"{run.budget.env_steps:,} env steps"
            self._since_log.add(metrics)
            if meter.env_steps >= run.budget.env_steps:
                self.stop_reason = f"{run.budget.env_steps:,} env steps"
            elif run.budget.seconds is not None and self.progress.seconds["train"] >= run.budget.seconds:
                self.stop_reason = f"{run.budget.seconds:g} seconds of training"
            if meter.env_steps >= progress.next_evaluation or self.stop_reason:
                progress.next_evaluation = _next_multiple(meter.env_steps, run.evaluation.period)
                self._evaluate()
            checkpoint_is_due = meter.env_steps >= progress.next_checkpoint or bool(self.stop_reason)
            if meter.env_steps >= progress.next_log or checkpoint_is_due:  # a checkpoint holds no episodes: they must be on disk
                progress.next_log = _next_multiple(meter.env_steps, run.log_period)
                with self._clock("log"):
                    self._log()
            if checkpoint_is_due:
                progress.next_checkpoint = _next_multiple(meter.env_steps, run.checkpoint_period)
                self._checkpoint()

    def final_evaluation(self) -> Evaluation:
        """Plays the kept policy on seeds that were used for nothing else."""
        policy, count = OnnxPolicy(self.run_dir.policy), self.run.evaluation.final_episodes
        with self._clock("evaluate"):
            evaluation = self._play(policy, count, self._seeds.final)
        self._record("final", evaluation, self.progress.policy_env_steps or 0)
        return evaluation

    def close(self) -> None:
        """Flushes and closes all files; episodes since the last log are written, whatever became of the agent."""
        self._write_episodes()
        for file in (self._episodes, self._evaluations, self.tensorboard):
            file.close()
        self.agent.close()

    def _evaluate(self) -> None:
        candidate = self.run_dir.path / ".candidate.onnx"
        with self._clock("evaluate"):
            self.agent.export_policy(candidate)
            policy = OnnxPolicy(candidate)
            if self.factory.snapshots is not None:
                self.run_dir.add_snapshot(candidate, self.meter.env_steps)
            evaluation = self._play(policy, self.run.evaluation.episodes, self._seeds.selection)
            self._record("selection", evaluation, self.meter.env_steps)
            mean = self._last_evaluation = evaluation.episode_return_mean
            held = self._target_held(policy, mean)
            progress = self.progress
            if held or self.run.evaluation.keep == "last" or progress.best_return is None or mean >= progress.best_return:
                progress.best_return, progress.policy_env_steps = mean, self.meter.env_steps
                progress.parity = self._parity(policy, evaluation.visited_observations)
                candidate.replace(self.run_dir.policy)
            candidate.unlink(missing_ok=True)
        self.tensorboard.scalars(self.meter.env_steps, {tags.EVALUATION_RETURN_MEAN: mean})

    def _target_held(self, policy: OnnxPolicy, mean: float) -> bool:
        target = self.run.budget.target_return
        if target is None or mean < target:
            return False
        evaluation = self._play(policy, self.run.budget.target_episodes, self._seeds.target)
        self._record("target", evaluation, self.meter.env_steps)
        if evaluation.episode_return_mean < target:
            return False
        self.stop_reason = f"a return of {target:g} held over {self.run.budget.target_episodes} episodes"
        return True

    def _play(self, policy: OnnxPolicy, num_episodes: int, seed: int) -> Evaluation:
        limit = self.run.evaluation.max_episode_steps
        with self._clock("play"):
            evaluation = evaluate(policy, self.run.env, num_episodes=num_episodes, seed=seed, max_episode_steps=limit)
        if not np.isfinite(evaluation.episode_returns).all():
            raise TrainingDiverged("the environment gave a reward that is not finite; mend it, or its scale")
        return evaluation

    def _parity(self, policy: OnnxPolicy, visited: Array) -> float:
        space = self.factory.observation_space
        assert isinstance(space, gym.spaces.Box)
        rng = parity_rng(self.run.seed)
        if np.issubdtype(space.dtype, np.integer):
            scattered = rng.integers(0, 256, (ACT_ROWS // 2, *space.shape)).astype(space.dtype)
        else:
            scattered = rng.normal(size=(ACT_ROWS // 2, *space.shape)).astype(space.dtype)
        if isinstance(space, MaskedBox):
            scattered[:, space.num_features :] = random_masks(rng, len(scattered), space.num_actions)
        visited = visited[rng.integers(0, len(visited), ACT_ROWS // 2)]
        observations = np.concatenate([scattered, visited])
        if not np.isfinite(policy.scores(observations)).all():
            raise TrainingDiverged("the policy's scores are not finite; try a smaller learning_rate")
        exported, scores, own = policy.act(observations), policy.scores(observations), np.asarray(self.agent.act(observations))
        actions = self.factory.action_space
        width = actions.high - actions.low if isinstance(actions, gym.spaces.Box) else 1.0
        fraction = float(same_choices(exported, scores, own, width=width).mean())
        if fraction < 1.0:
            raise RuntimeError(f"the exported policy acts as the agent does on only {fraction:.1%} of {len(observations)} observations")
        return fraction

    def _record(self, kind: EvaluationKind, evaluation: Evaluation, env_steps: int) -> None:
        self._evaluations.write(
            {
                "kind": kind,
                "env_steps": env_steps,
                "train_seconds": self.progress.seconds.get("train", 0.0),
                "episode_return_mean": evaluation.episode_return_mean,
                "episode_returns": evaluation.episode_returns.tolist(),
                "episode_lengths": evaluation.episode_lengths.tolist(),
            }
        )
        self._evaluations.flush()
        if kind != "target":
            self.emit(EvaluationEnded(kind=kind, env_steps=env_steps, episode_return_mean=evaluation.episode_return_mean))

    def _log(self) -> None:
        episodes, steps = self._write_episodes(), self.meter.env_steps
        values = self._since_log.scalars()
        if len(episodes["episode_return"]):
            values[tags.EPISODE_RETURN] = float(episodes["episode_return"].mean())
            values[tags.EPISODE_LENGTH] = float(episodes["episode_length"].mean())
        usage = self._usage.sample()
        values |= {tags.CPU_PERCENT: usage.cpu_percent, tags.RSS_BYTES: usage.rss_bytes}
        gpu = {
            tags.GPU_MEMORY_BYTES: usage.gpu.process_memory_bytes,
            tags.GPU_DEVICE_MEMORY_BYTES: usage.gpu.memory_bytes,
            tags.GPU_PERCENT: usage.gpu.percent,
        }
        values |= {tag: value for tag, value in gpu.items() if value is not None}
        self.tensorboard.scalars(steps, values)
        self.tensorboard.flush()
        self.emit(
            ProgressMade(
                env_steps=steps,
                env_steps_per_second=values.get(tags.ENV_STEPS_PER_SECOND),
                last_return=values.get(tags.EPISODE_RETURN),
                best_evaluation=self.progress.best_return,
            )
        )
        self._since_log = _Window(self)

    def _write_episodes(self) -> dict[str, Array]:
        names = (field.name for field in dataclasses.fields(Episode))
        columns = dict(zip(names, self.meter.take_episode_columns(), strict=True))
        self._episodes.write_columns(columns)
        self._episodes.flush()
        return columns

    def _checkpoint(self) -> None:
        with self._clock("checkpoint"):
            directory = self.run_dir.new_checkpoint(self.meter.env_steps)
            (directory / "agent").mkdir()
            self.agent.save(directory / "agent")
            self.factory.cut_episodes()
            if self.run_dir.policy.exists():
                write_bytes(directory / "policy.onnx", self.run_dir.policy.read_bytes())
            state = {
                "progress": {**dataclasses.asdict(self.progress), "cpu_seconds": self.progress.cpu_seconds + time.process_time()},
                "meter": self.meter.state(),
                "num_cuts": self.factory.num_cuts,
                "stop_reason": self.stop_reason,
                "offsets": {"episodes": self._episodes.flush(to_disk=True), "evaluations": self._evaluations.flush(to_disk=True)},
            }
            write_json(directory / "training.json", state)
            self.run_dir.commit_checkpoint(directory)

    def _restore(self, checkpoint: Path) -> Mapping[str, Any]:
        state: dict[str, Any] = read_json(checkpoint / "training.json")
        seconds = self.progress.seconds
        self.progress = Progress(**state["progress"])
        self.progress.seconds |= {name: self.progress.seconds.get(name, 0.0) + value for name, value in seconds.items()}
        self.progress.num_attempts += 1
        self.meter.restore(state["meter"])
        self.run_dir.drop_snapshots_after(self.meter.env_steps)
        self.stop_reason = state["stop_reason"]
        self.agent.restore(checkpoint / "agent")
        self.factory.cut_episodes(state["num_cuts"])
        if (checkpoint / "policy.onnx").exists():
            write_bytes(self.run_dir.policy, (checkpoint / "policy.onnx").read_bytes())
        self._since_log = _Window(self)
        offsets: Mapping[str, Any] = state["offsets"]
        return offsets

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            seconds = self.progress.seconds
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
            if name in ("train", "log", "checkpoint"):
                seconds["train_cpu"] = seconds.get("train_cpu", 0.0) + time.process_time() - cpu_start


class _Window:
    """Sums metrics between two points of the curves."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._env_steps = training.meter.env_steps
        self._env_seconds = training.meter.env_seconds
        self._train_seconds = training.progress.seconds.get("train", 0.0)
        self._learner_steps, self._act_seconds, self._learn_seconds = 0, 0.0, 0.0
        self._losses: Mapping[str, float] = {}

    def add(self, metrics: Metrics | None) -> None:
        """Adds what one call of `learn` did; None where it ended with the budget."""
        if metrics is None:
            return
        self._learner_steps += metrics.learner_steps
        self._act_seconds += metrics.act_seconds
        self._learn_seconds += metrics.learn_seconds
        self._losses = metrics.losses or self._losses
        progress = self._training.progress
        progress.learner_steps += metrics.learner_steps
        for name, value in (("act", metrics.act_seconds), ("learn", metrics.learn_seconds)):
            progress.seconds[name] = progress.seconds.get(name, 0.0) + value

    def scalars(self) -> dict[str, float]:
        """Returns rates, time fractions and losses since the window began."""
        training = self._training
        seconds = max(training.progress.seconds["train"] - self._train_seconds, 1e-9)
        env = (training.meter.env_seconds - self._env_seconds) / seconds
        act, learn = self._act_seconds / seconds, self._learn_seconds / seconds
        return {
            tags.ENV_STEPS_PER_SECOND: (training.meter.env_steps - self._env_steps) / seconds,
            tags.LEARNER_STEPS_PER_SECOND: self._learner_steps / seconds,
            tags.ENV_FRACTION: env,
            tags.ACT_FRACTION: act,
            tags.LEARN_FRACTION: learn,
            tags.OTHER_FRACTION: max(0.0, 1.0 - env - act - learn),
            **{f"loss/{name}": float(value) for name, value in self._losses.items()},
        }


def _next_multiple(value: int, period: int) -> int:
    return (value // period + 1) * period
