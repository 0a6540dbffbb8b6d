from pathlib import Path

from arena.loggers import TensorBoardLogger
from arena.loggers.event_files import Point, read_points


def heights(path: Path) -> list[tuple[str, int, float]]:
    return [(point.tag, point.env_steps, point.value) for point in read_points(path)]


def test_points_come_back_with_their_times(tmp_path: Path):
    with TensorBoardLogger(tmp_path) as logger:
        logger.text("run", "words are no points")
        logger.hyperparameters({"rate": 1.0})
        logger.scalars(1_000, {"a": 1.5, "b": 2.5}, wall_time=5.0)
        logger.scalars(2_000, {"a": 3.5}, wall_time=6.0)
        logger.finish("success")
    assert read_points(tmp_path) == [Point("a", 1_000, 1.5, 5.0), Point("b", 1_000, 2.5, 5.0), Point("a", 2_000, 3.5, 6.0)]


def test_a_resumed_run_has_its_later_points_once(tmp_path: Path):
    with TensorBoardLogger(tmp_path) as logger:
        for env_steps in (100, 200, 300):
            logger.scalars(env_steps, {"a": 1.0})
    with TensorBoardLogger(tmp_path, env_steps=200) as logger:
        logger.scalars(300, {"a": 2.0})
    assert heights(tmp_path) == [("a", 100, 1.0), ("a", 200, 1.0), ("a", 300, 2.0)]


def test_a_file_that_is_cut_or_damaged_is_read_as_far_as_it_goes(tmp_path: Path):
    with TensorBoardLogger(tmp_path) as logger:
        logger.scalars(1, {"a": 1.0})
        logger.scalars(2, {"a": 2.0})
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert heights(tmp_path) in ([], [("a", 1, 1.0)])
    path.write_bytes(whole + b"\xff" * 40)  # a record of 2**64 bytes
    assert heights(tmp_path) == [("a", 1, 1.0), ("a", 2, 2.0)]


def test_a_folder_without_event_files_has_no_points(tmp_path: Path):
    assert read_points(tmp_path) == []
