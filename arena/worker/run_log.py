"""The run log: episodes, evaluations, curves and events of one run, as they happen."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from arena.agent.interface import Metrics
from arena.environments.counts import EpisodeColumns
from arena.environments.metering import Meter
from arena.formats.jsonl import JsonlWriter
from arena.loggers import tags
from arena.loggers.tensorboard import TensorBoardLogger
from arena.machine.usage import UsageSampler
from arena.policies.evaluation import Evaluation
from arena.run_folder.events import EvaluationEnded, EvaluationKind, ProgressMade, WorkerEvent
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import Run
from arena.worker.metrics_window import MetricsWindow
from arena.worker.period import Period
from arena.worker.state import TrainingState


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogLengths:
    """Lengths of a run's growing files at a checkpoint; what a killed worker wrote after it is cut off on resume."""

    episodes: int = 0
    """Bytes of `episodes.jsonl`."""
    evaluations: int = 0
    """Bytes of `evaluations.jsonl`."""
    evaluation_times: int = 0
    """Bytes of `evaluation_times.jsonl`."""
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """SHA-256 of those bytes, by the name of the file; empty before the first checkpoint."""


class RunLog:
    """Writes `episodes.jsonl`, `evaluations.jsonl` with `evaluation_times.jsonl`, and TensorBoard's event file, and tells the executor.

    Args:
        run: the inputs.
        run_dir: receives the files.
        meter: gives finished episodes and counts; restored from the checkpoint, if there is one.
        state: gives timings and the best return so far.
        emit: takes the events for the executor.
        lengths: lengths of the files at the checkpoint that the run resumes from.
        usage: measures CPU, memory and GPU.
    """

    def __init__(
        self,
        run: Run,
        run_dir: RunDir,
        meter: Meter,
        state: TrainingState,
        emit: Callable[[WorkerEvent], None],
        lengths: LogLengths,
        usage: UsageSampler,
    ) -> None:
        self.period = Period(run.log_period)
        self._run, self._meter, self._state, self._emit, self._usage = run, meter, state, emit, usage
        self._window = MetricsWindow(meter, state.timings)
        counts = lengths.episodes, lengths.evaluations, lengths.evaluation_times
        with contextlib.ExitStack() as opened:  # closes the others where one is refused
            self._files = {
                path.name: opened.enter_context(JsonlWriter(path, truncate_to=count, sha256=lengths.sha256.get(path.name)))
                for path, count in zip(run_dir.growing, counts, strict=True)
            }
            self._tensorboard = TensorBoardLogger(run_dir.path, env_steps=meter.env_steps)
            opened.pop_all()
        self._episodes, self._evaluations, self._evaluation_times = self._files.values()

    def begin(self) -> None:
        """Writes the run's inputs into the event file."""
        run, hyperparameters = self._run, self._run.agent.hyperparameters
        settings = "\n".join(f"| {name} | {value} |" for name, value in hyperparameters.items())
        description = f"{run.agent.agent} as **{run.agent.name}** on **{run.env.name}**, seed {run.seed}, at most "
        description += f"{run.budget.env_steps:,} env steps.\n\n| hyperparameter | value |\n|---|---|\n{settings}\n"
        self._tensorboard.text("run", description)
        values: dict[str, str | float | bool] = {"agent": run.agent.name, "env": run.env.name, "seed": run.seed}
        for name, value in hyperparameters.items():
            values[name] = value if isinstance(value, (bool, int, float, str)) else str(value)
        self._tensorboard.hyperparameters(values)

    def add(self, metrics: Metrics) -> None:
        """Adds what one call of `Agent.learn` did to the next point of the curves."""
        self._window.add(metrics)

    def add_evaluation(self, kind: EvaluationKind, evaluation: Evaluation, env_steps: int) -> None:
        """Writes an evaluation of the policy that was taken after `env_steps`, and tells the executor of a selection or final one."""
        mean = evaluation.episode_return_mean
        self._evaluation_times.write({"train_seconds": self._state.timings.train})
        self._evaluation_times.flush()  # an evaluation that can be read has its time
        self._evaluations.write(
            {
                "kind": kind,
                "env_steps": env_steps,
                "episode_return_mean": mean,
                "episode_returns": evaluation.episode_returns.tolist(),
                "episode_lengths": evaluation.episode_lengths.tolist(),
                "num_cut": evaluation.num_cut,
                **({"metrics": {name: values.tolist() for name, values in evaluation.metrics.items()}} if evaluation.metrics else {}),
            }
        )
        self._evaluations.flush()
        if kind != "target":
            tag = tags.EVALUATION_RETURN_MEAN if kind == "selection" else tags.SCORE
            means = {tags.METRIC_PREFIX + name: float(values.mean()) for name, values in evaluation.metrics.items()}
            self._tensorboard.scalars(self._meter.env_steps, {tag: mean, **(means if kind == "selection" else {})})
            self._emit(EvaluationEnded(kind=kind, env_steps=env_steps, episode_return_mean=mean))

    def add_picture(self, which: str, content: bytes, size: tuple[int, int], env_steps: int) -> None:
        """Writes a picture of an episode that is `which`, the best say, of a policy that was taken after `env_steps`."""
        self._tensorboard.picture(tags.IMAGE_PREFIX + which, content, size, env_steps=env_steps)

    def write_point(self) -> None:
        """Writes the episodes that have ended and one point of each curve, and tells the executor."""
        values = self._window.scalars() | self._usage_scalars()
        episodes = self._write_episodes()
        last_return = None
        if len(episodes.episode_return):
            last_return = float(episodes.episode_return.mean())
            values |= {tags.EPISODE_RETURN: last_return, tags.EPISODE_LENGTH: float(episodes.episode_length.mean())}
        for name, column in episodes.metrics.items():
            if len(given := column[np.isfinite(column)]):
                values[tags.EPISODE_METRIC_PREFIX + name] = float(given.mean())
        self._tensorboard.scalars(self._meter.env_steps, values)
        self._tensorboard.flush()
        self._emit(
            ProgressMade(
                env_steps=self._meter.env_steps,
                env_steps_per_second=values[tags.ENV_STEPS_PER_SECOND],
                last_return=last_return,
                best_evaluation=self._state.best_return,
            )
        )
        self._window.restart()

    def sync(self) -> LogLengths:
        """Waits until all that was logged would survive a loss of power, and returns the files' lengths for a checkpoint."""
        return LogLengths(
            episodes=self._episodes.flush(to_disk=True),
            evaluations=self._evaluations.flush(to_disk=True),
            evaluation_times=self._evaluation_times.flush(to_disk=True),
            sha256={name: file.sha256 for name, file in self._files.items()},
        )

    def finish(self, *, succeeded: bool) -> None:
        """Marks the run as ended in the event file."""
        self._tensorboard.finish("success" if succeeded else "failure")

    def close(self) -> None:
        """Writes the episodes that have ended since the last point, and closes all files; may be called whatever became of the agent."""
        self._write_episodes()
        for file in (self._episodes, self._evaluation_times, self._evaluations, self._tensorboard):
            file.close()

    def _write_episodes(self) -> EpisodeColumns:
        columns = self._meter.take_episode_columns()
        self._episodes.write_columns({name: column for name, column in columns._asdict().items() if name != "metrics" or column})
        self._episodes.flush()
        return columns

    def _usage_scalars(self) -> dict[str, float]:
        usage = self._usage.sample()
        values = {
            tags.CPU_PERCENT: usage.cpu_percent,
            tags.RSS_BYTES: usage.rss_bytes,
            tags.GPU_MEMORY_BYTES: usage.gpu.process_memory_bytes,
            tags.GPU_DEVICE_MEMORY_BYTES: usage.gpu.memory_bytes,
            tags.GPU_PERCENT: usage.gpu.percent,
        }
        return {tag: value for tag, value in values.items() if value is not None}
