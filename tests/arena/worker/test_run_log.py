"""The run log: every episode and evaluation once, also where a run was cut."""

import hashlib
import math
from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from arena.agent.interface import Metrics
from arena.environments.counts import EpisodeColumns
from arena.errors import ArenaError
from arena.formats.jsonl import read_jsonl
from arena.loggers import tags
from arena.machine.usage import GpuUsage, Usage
from arena.policies.evaluation import Evaluation
from arena.run_folder.events import EvaluationEnded, ProgressMade
from arena.run_folder.folder import RunDir
from arena.run_folder.timings import Timings
from arena.worker.run_log import LogLengths, RunLog
from arena.worker.state import TrainingState

EVALUATION = Evaluation(np.array([1.0, 2.0]), np.array([10, 20]), np.zeros((1, 2), np.float32))


def value_of(point) -> float:
    return point.tensor_proto.float_val[0]


class Recorder:
    """A run log among fakes. `end_episode` ends one episode; `events` holds what the executor was told."""

    def __init__(self, run, run_dir: RunDir, lengths: LogLengths) -> None:
        self.events: list = []
        self.ended: list[tuple[int, float, int, bool]] = []
        self.metrics: dict[str, list[float]] = {}
        self.is_closed = False
        self.meter = SimpleNamespace(env_steps=0, env_seconds=0.0, take_episode_columns=self.take)
        self.state = TrainingState(timings=Timings())
        usage = SimpleNamespace(
            sample=lambda: Usage(cpu_percent=99.0, rss_bytes=5, gpu=GpuUsage(process_memory_bytes=None, memory_bytes=None, percent=None))
        )
        self.log = RunLog(run, run_dir, self.meter, self.state, self.events.append, lengths, usage)

    def take(self):
        kinds = np.int64, np.float64, np.int64, np.bool_
        rows = zip(*self.ended, strict=True) if self.ended else ([], [], [], [])
        columns = [np.array(column, kind) for column, kind in zip(rows, kinds, strict=True)]
        self.ended = []
        return EpisodeColumns(*columns, {name: np.array(values) for name, values in self.metrics.items()})

    def close(self) -> None:
        if not self.is_closed:
            self.log.close()
        self.is_closed = True

    def end_episode(self, env_steps: int, episode_return: float) -> None:
        self.meter.env_steps, self.state.timings.train = env_steps, env_steps / 100
        self.ended.append((env_steps, episode_return, 50, True))


@pytest.fixture
def recorder(make_run, run_dir: RunDir):
    made: list[Recorder] = []

    def make(lengths: LogLengths | None = None) -> Recorder:
        made.append(Recorder(make_run(), run_dir, lengths or LogLengths()))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_episodes_are_written_once_and_their_mean_is_a_point_of_the_curve(recorder, run_dir: RunDir):
    found = recorder()
    found.end_episode(50, 1.0)
    found.end_episode(100, 3.0)
    found.log.add(Metrics(learner_steps=5, losses={"td": 0.5}))
    found.log.write_point()
    found.meter.env_steps = 150
    found.log.write_point()
    found.close()
    assert [row["episode_return"] for row in read_jsonl(run_dir.episodes)] == [1.0, 3.0]
    first, second = found.events
    assert isinstance(first, ProgressMade)
    assert (first.env_steps, first.last_return, first.env_steps_per_second) == (100, 2.0, 100.0)
    assert second.last_return is None
    curves = EventAccumulator(str(run_dir.path)).Reload()
    assert [(point.step, value_of(point)) for point in curves.Tensors(tags.EPISODE_RETURN)] == [(100, 2.0)]
    assert [(point.step, value_of(point)) for point in curves.Tensors("loss/td")] == [(100, 0.5)]
    assert tags.GPU_PERCENT not in curves.Tags()["tensors"], "a run on the CPU has no curve of a GPU"


def test_metrics_of_episodes_are_written_with_them_and_their_mean_is_a_curve(recorder, run_dir: RunDir):
    found = recorder()
    for env_steps in (50, 100, 150):
        found.end_episode(env_steps, 1.0)
    found.metrics = {"is_success": [1.0, 0.0, math.nan]}
    found.log.write_point()
    found.metrics = {"is_success": []}
    found.log.write_point()
    found.close()
    assert [row["metrics"] for row in read_jsonl(run_dir.episodes)] == [{"is_success": 1.0}, {"is_success": 0.0}, {"is_success": None}]
    curve = EventAccumulator(str(run_dir.path)).Reload().Tensors(tags.EPISODE_METRIC_PREFIX + "is_success")
    assert [value_of(point) for point in curve] == [0.5], "an episode without a value is in no mean"


def test_episodes_since_the_last_point_are_written_when_the_log_closes(recorder, run_dir: RunDir):
    found = recorder()
    found.end_episode(50, 1.0)
    found.close()
    assert len(read_jsonl(run_dir.episodes)) == 1


def test_evaluations_are_recorded_and_told_but_for_the_second_look_at_a_target(recorder, run_dir: RunDir):
    found = recorder()
    found.meter.env_steps, found.state.timings.train = 100, 2.5
    for kind in ("selection", "target", "final"):
        found.log.add_evaluation(kind, EVALUATION, 80)
    found.close()
    rows = read_jsonl(run_dir.evaluations)
    assert [row["kind"] for row in rows] == ["selection", "target", "final"]
    assert rows[0] == {
        "kind": "selection",
        "env_steps": 80,
        "episode_return_mean": 1.5,
        "episode_returns": [1.0, 2.0],
        "episode_lengths": [10, 20],
        "num_cut": 0,
    }
    assert read_jsonl(run_dir.evaluation_times) == [{"train_seconds": 2.5}] * 3
    assert found.events == [EvaluationEnded(kind=kind, env_steps=80, episode_return_mean=1.5) for kind in ("selection", "final")]
    curves = EventAccumulator(str(run_dir.path)).Reload()
    assert [point.step for point in curves.Tensors(tags.EVALUATION_RETURN_MEAN)] == [100]
    assert [value_of(point) for point in curves.Tensors(tags.SCORE)] == [1.5]


def test_what_a_killed_worker_wrote_after_the_checkpoint_is_cut_off(recorder, run_dir: RunDir):
    cut = recorder()
    cut.end_episode(50, 1.0)
    cut.log.add_evaluation("selection", EVALUATION, 50)
    cut.log.write_point()
    lengths = cut.log.sync()
    episodes, evaluations, evaluation_times = (path.stat().st_size for path in run_dir.growing)
    assert (lengths.episodes, lengths.evaluations, lengths.evaluation_times) == (episodes, evaluations, evaluation_times)
    assert lengths.sha256 == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in run_dir.growing}
    cut.end_episode(100, 2.0)
    cut.log.add_evaluation("selection", EVALUATION, 100)
    cut.log.write_point()
    cut.close()
    resumed = recorder(lengths)
    resumed.end_episode(100, 7.0)
    resumed.close()
    assert [row["episode_return"] for row in read_jsonl(run_dir.episodes)] == [1.0, 7.0]
    assert [row["env_steps"] for row in read_jsonl(run_dir.evaluations)] == [50]
    assert len(read_jsonl(run_dir.evaluation_times)) == 1


@pytest.mark.parametrize("name", ["episodes.jsonl", "evaluations.jsonl", "evaluation_times.jsonl"])
def test_records_that_were_changed_since_the_checkpoint_are_refused_by_name(recorder, run_dir: RunDir, name: str):
    cut = recorder()
    cut.end_episode(50, 1.0)
    cut.log.add_evaluation("selection", EVALUATION, 50)
    cut.log.write_point()
    lengths = cut.log.sync()
    cut.close()
    content = (run_dir.path / name).read_bytes()
    (run_dir.path / name).write_bytes(content.replace(b"1", b"2", 1).replace(b"0", b"3", 1))
    assert (run_dir.path / name).stat().st_size == len(content)
    with pytest.raises(ArenaError, match=rf"{name} was changed: its first {len(content)} bytes are not those that its checkpoint knows"):
        recorder(lengths)


@pytest.mark.parametrize("succeeded", [True, False])
def test_the_event_file_says_what_was_run_and_how_it_ended(recorder, run_dir: RunDir, succeeded: bool):
    found = recorder()
    found.log.begin()
    found.log.finish(succeeded=succeeded)
    found.close()
    content = b"".join(path.read_bytes() for path in run_dir.path.glob("events.out.tfevents.*"))
    assert b"**fake** on **arena/Identity-v0**" in content or b"on **arena-Identity-v0**" in content
    assert b"learning_rate" in content
    assert list(run_dir.path.glob("*.end"))
