import itertools
import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.plugins.hparams import metadata as hparams_metadata

from arena.loggers import tags
from arena.loggers.tensorboard import TensorBoardLogger


@pytest.fixture
def accumulate():
    """Reads a run folder as TensorBoard does."""
    return lambda directory: EventAccumulator(str(directory)).Reload()


def points(accumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.tensor_proto.float_val[0]) for event in accumulator.Tensors(tag)]


def hparams_content(accumulator, tag: str) -> bytes:
    return accumulator.SummaryMetadata(tag).plugin_data.content


def test_scalars_come_back_with_step_value_and_time(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path / "run") as logger:
        logger.scalars(1_000, {tags.EPISODE_RETURN: 21.5, "loss/q": 0.25}, wall_time=5.0)
        logger.scalars(2_000, {tags.EPISODE_RETURN: 30.0}, wall_time=6.0)
    accumulator = accumulate(tmp_path / "run")
    assert accumulator.Tags()["tensors"] == [tags.EPISODE_RETURN, "loss/q"]
    assert points(accumulator, tags.EPISODE_RETURN) == [(1_000, 21.5), (2_000, 30.0)]
    assert [event.wall_time for event in accumulator.Tensors("loss/q")] == [5.0]


def test_every_curve_says_what_it_holds(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        for env_steps in (1, 2):
            logger.scalars(env_steps, {tags.SCORE: 1.0, "loss/q": 0.25, "mine": 1.0})
    accumulator = accumulate(tmp_path)
    described = {tag: accumulator.SummaryMetadata(tag).summary_description for tag in accumulator.Tags()["tensors"]}
    assert described == {tags.SCORE: tags.TAGS[tags.SCORE], "loss/q": tags.TAGS["loss/*"], "mine": ""}
    assert all(accumulator.SummaryMetadata(tag).plugin_data.plugin_name == "scalars" for tag in described)


def test_the_score_is_the_first_metric(tmp_path):
    assert min(tags.TAGS) == tags.SCORE  # the HParams page sorts the names of tags


def test_flush_makes_points_readable_while_the_file_is_open(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        logger.scalars(1, {"a": 1.0})
        logger.flush()
        assert points(accumulate(tmp_path), "a") == [(1, 1.0)]


def test_a_resumed_run_supersedes_points_after_its_checkpoint(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        for env_steps in (100, 200, 300, 400):
            logger.scalars(env_steps, {"a": 1.0})
    with TensorBoardLogger(tmp_path, env_steps=200) as logger:
        logger.scalars(350, {"a": 2.0})
    assert points(accumulate(tmp_path), "a") == [(100, 1.0), (200, 1.0), (350, 2.0)]


def test_a_run_begun_anew_supersedes_everything(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        logger.scalars(0, {"a": 1.0})
        logger.scalars(100, {"a": 1.0})
    with TensorBoardLogger(tmp_path) as logger:
        logger.scalars(0, {"a": 2.0})
    assert points(accumulate(tmp_path), "a") == [(0, 2.0)]


def test_an_event_cut_by_a_kill_hides_nothing_of_the_next_attempt(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        logger.scalars(100, {"a": 1.0})
        logger.scalars(200, {"a": 1.0})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    with TensorBoardLogger(tmp_path, env_steps=100) as logger:
        logger.scalars(200, {"a": 2.0})
    assert points(accumulate(tmp_path), "a") == [(100, 1.0), (200, 2.0)]


def test_every_attempt_has_its_own_file_in_reading_order(tmp_path):
    names = []
    for attempt in range(3):
        TensorBoardLogger(tmp_path, env_steps=attempt).finish("failure")
        names.append({path.name for path in tmp_path.iterdir()})
    new_names = [names[0], names[1] - names[0], names[2] - names[1]]
    assert all(max(earlier) < min(later) for earlier, later in itertools.pairwise(new_names))
    assert all("tfevents" in name for name in names[2])


def test_text_is_markdown_in_the_text_plugin(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        logger.text("run/config", "**bold** é")
    accumulator = accumulate(tmp_path)
    (event,) = accumulator.Tensors("run/config")
    assert event.tensor_proto.string_val == ["**bold** é".encode()]
    assert accumulator.SummaryMetadata("run/config").plugin_data.plugin_name == "text"


def test_hyperparameters_keep_their_types(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        logger.hyperparameters({"rate": 1e-3, "size": 64, "double": True, "activation": "relu"}, [tags.EVALUATION_RETURN_MEAN])
    accumulator = accumulate(tmp_path)
    start = hparams_metadata.parse_session_start_info_plugin_data(hparams_content(accumulator, hparams_metadata.SESSION_START_INFO_TAG))
    assert start.hparams["rate"].number_value == 1e-3
    assert start.hparams["size"].number_value == 64
    assert start.hparams["double"].bool_value is True
    assert start.hparams["activation"].string_value == "relu"
    experiment = hparams_metadata.parse_experiment_plugin_data(hparams_content(accumulator, hparams_metadata.EXPERIMENT_TAG))
    assert [info.name for info in experiment.hparam_infos] == ["rate", "size", "double", "activation"]
    assert [info.name.tag for info in experiment.metric_infos] == [tags.EVALUATION_RETURN_MEAN]


def test_without_metrics_no_columns_are_prescribed(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path) as logger:
        logger.hyperparameters({"rate": 1e-3})
    assert hparams_metadata.EXPERIMENT_TAG not in accumulate(tmp_path).Tags()["tensors"]


def test_the_end_of_a_failed_attempt_is_forgotten_when_the_run_goes_on(tmp_path, accumulate):
    TensorBoardLogger(tmp_path).finish("failure")
    assert session_status(accumulate(tmp_path)) == 2  # api.proto: STATUS_FAILURE
    logger = TensorBoardLogger(tmp_path, env_steps=10)
    logger.flush()
    assert hparams_metadata.SESSION_END_INFO_TAG not in accumulate(tmp_path).Tags()["tensors"]
    logger.finish("success")
    assert session_status(accumulate(tmp_path)) == 1  # STATUS_SUCCESS


def session_status(accumulator) -> int:
    content = hparams_content(accumulator, hparams_metadata.SESSION_END_INFO_TAG)
    return hparams_metadata.parse_session_end_info_plugin_data(content).status


@pytest.mark.usefixtures("accumulate")
def test_each_attempt_marks_its_start(tmp_path):
    TensorBoardLogger(tmp_path, env_steps=200).close()
    (path,) = tmp_path.iterdir()
    version, start = LegacyEventFileLoader(str(path)).Load()
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (201, SessionLog.START)


@pytest.mark.worker
def test_writing_imports_no_framework(tmp_path):
    code = (
        "import sys, pathlib; from arena.loggers.tensorboard import TensorBoardLogger as L\n"
        "from arena.agent.isolation import FRAMEWORK_MODULES\n"
        "l = L(pathlib.Path(sys.argv[1])); l.scalars(0, {'a': 1}); l.text('t', 'x')\n"
        "l.hyperparameters({'a': 1}, ['b']); l.finish('success')\n"
        "sys.exit(' '.join(FRAMEWORK_MODULES & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=600)


def test_pictures_come_back_with_their_size_and_step(tmp_path, accumulate):
    with TensorBoardLogger(tmp_path / "run") as logger:
        logger.picture("image/best", b"GIF89a...", (240, 160), env_steps=600)
    [event] = accumulate(tmp_path / "run").Tensors("image/best")
    assert (event.step, list(event.tensor_proto.string_val)) == (600, [b"240", b"160", b"GIF89a..."])
    metadata = accumulate(tmp_path / "run").SummaryMetadata("image/best")
    assert metadata.plugin_data.plugin_name == "images"
    assert "played again as pictures" in metadata.summary_description
