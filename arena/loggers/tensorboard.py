"""TensorBoard event files, written without any framework.

`tensorboard.summary.writer.event_file_writer.EventFileWriter` imports TensorFlow if it is installed, and
`torch.utils.tensorboard` imports PyTorch; TensorBoard's own record writer and protobuf messages import neither.
"""

import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.api_pb2 import DATA_TYPE_BOOL, DATA_TYPE_FLOAT64, DATA_TYPE_STRING, Experiment, Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.metadata import create_summary_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter

from arena.formats.folders import Folder
from arena.loggers.tags import description

FILE_PREFIX = "events.out.tfevents."
"""Beginning of the names of event files, by which TensorBoard finds them."""
END_SUFFIX = ".end"
"""End of the name of the event file that marks a run as ended."""
_FILE_NAME = re.compile(rf"{re.escape(FILE_PREFIX)}(\d{{6,9}})({re.escape(END_SUFFIX)})?")


class TensorBoardLogger:
    """Writes one event file into a run folder; a run that was resumed has one per attempt.

    Nothing reaches the disk for certain before `flush` or `close`.

    Args:
        directory: the run folder; made if missing.
        env_steps: env steps from which the run starts or resumes: 0, or those of its checkpoint. Points that an earlier attempt
            wrote beyond them are superseded.
    """

    def __init__(self, directory: Path, *, env_steps: int = 0) -> None:
        self._folder = Folder(directory)
        self._folder.make()
        self._start_seconds = time.time()
        self._described: set[str] = set()
        names = [entry.name for entry in self._folder.entries()]
        self._number = max((int(match[1]) for name in names if (match := _FILE_NAME.fullmatch(name))), default=-1)
        for name in names:
            if name.startswith(FILE_PREFIX) and name.endswith(END_SUFFIX):
                self._folder.remove(name)  # TensorBoard keeps the first session end that it reads (see `finish`)
        self._records = self._new_file()
        # A START purges points at its own step and beyond (`EventAccumulator._Purge`), and the checkpoint's own point shall stay.
        # The first START of a run purges nothing, so the first attempt must write one too.
        self._write(Event(step=env_steps + 1 if env_steps else 0, session_log=SessionLog(status=SessionLog.START)))

    def scalars(self, env_steps: int, values: Mapping[str, float], *, wall_time: float | None = None) -> None:
        """Writes one point of each curve in `values`, keyed by tag (see `arena.loggers.tags`), at `env_steps`.

        Points are written as TensorFlow 2 writes them: a `simple_value`, as PyTorch writes it, would lose the description of its tag in
        TensorBoard's fast loader.

        `wall_time` is in seconds since the epoch, now if None.
        """
        event = Event(step=env_steps)
        for tag, value in values.items():
            tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=TensorShapeProto(), float_val=[value])
            point = event.summary.value.add(tag=tag, tensor=tensor)
            if tag not in self._described:  # TensorBoard takes a tag's kind and description from its first point
                point.metadata.CopyFrom(create_summary_metadata(tag, description(tag)))
                self._described.add(tag)
        self._write(event, wall_time)

    def text(self, tag: str, markdown: str) -> None:
        """Writes a text in Markdown, at step 0."""
        tensor = TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(), string_val=[markdown.encode()])
        self._write_tensor(tag, tensor, text_metadata.create_summary_metadata(tag, ""))

    def picture(self, tag: str, content: bytes, size: tuple[int, int], *, env_steps: int) -> None:
        """Writes a picture at `env_steps`.

        Args:
            tag: name of the picture.
            content: PNG, JPEG or GIF, which may move.
            size: width and height in pixels.
            env_steps: place on the x axis.
        """
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=3)])
        values = [*(str(length).encode() for length in size), content]
        tensor = TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=values)
        self._write_tensor(tag, tensor, image_metadata.create_summary_metadata(tag, description(tag)), env_steps)

    def hyperparameters(self, values: Mapping[str, str | float | bool], metrics: Iterable[str] = ()) -> None:
        """Writes the run's row of the HParams page.

        Args:
            values: the row.
            metrics: the tags beside it. If given, they and the names in `values` become the columns for *all* runs under
                TensorBoard's log directory, since TensorBoard takes the first such list that it finds. If empty, TensorBoard
                joins the hyperparameters and curves of all runs, which suits runs of different algorithms.
        """
        metrics = list(metrics)
        if metrics:
            experiment = Experiment(time_created_secs=self._start_seconds)
            for name, value in values.items():
                experiment.hparam_infos.add(name=name, type=_data_type(value))
            for tag in metrics:
                experiment.metric_infos.add(name={"tag": tag})
            self._write_hparams(hparams_metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))
        start = HParamsPluginData()
        start.session_start_info.start_time_secs = self._start_seconds
        for name, value in values.items():
            field = {DATA_TYPE_BOOL: "bool_value", DATA_TYPE_FLOAT64: "number_value", DATA_TYPE_STRING: "string_value"}[_data_type(value)]
            setattr(start.session_start_info.hparams[name], field, value)
        self._write_hparams(hparams_metadata.SESSION_START_INFO_TAG, start)

    def finish(self, status: Literal["success", "failure"]) -> None:
        """Closes, and marks the run on the HParams page as ended; one that was never marked shows as unknown.

        The mark stands in a file of its own, because TensorBoard keeps the first that it reads: should the run be resumed, the
        next attempt removes it.
        """
        self._records.close()
        self._records = self._new_file(END_SUFFIX)
        end = HParamsPluginData()
        end.session_end_info.status = Status.Value(f"STATUS_{status.upper()}")
        end.session_end_info.end_time_secs = time.time()
        self._write_hparams(hparams_metadata.SESSION_END_INFO_TAG, end)
        self.close()

    def flush(self) -> None:
        """Hands everything written so far to the operating system, so that TensorBoard can read it."""
        self._records.flush()

    def close(self) -> None:
        """Flushes and closes the file; may be called twice."""
        if not self._records.closed:
            self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _new_file(self, suffix: str = "") -> RecordWriter:
        """Opens a file whose name sorts after all others: TensorBoard reads them in that order and never turns back."""
        self._number += 1
        records = RecordWriter(self._folder.open(f"{FILE_PREFIX}{self._number:06d}{suffix}", "xb"))
        records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        return records

    def _write(self, event: Event, wall_time: float | None = None) -> None:
        event.wall_time = time.time() if wall_time is None else wall_time
        self._records.write(event.SerializeToString())

    def _write_tensor(self, tag: str, tensor: TensorProto, metadata: SummaryMetadata, env_steps: int = 0) -> None:
        self._write(Event(step=env_steps, summary=Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])))

    def _write_hparams(self, tag: str, data: HParamsPluginData) -> None:
        self._write_tensor(tag, hparams_metadata.NULL_TENSOR, hparams_metadata.create_summary_metadata(data))


def _data_type(value: str | float | bool) -> int:
    kind: int = DATA_TYPE_FLOAT64
    if isinstance(value, bool):
        kind = DATA_TYPE_BOOL
    elif isinstance(value, str):
        kind = DATA_TYPE_STRING
    return kind
