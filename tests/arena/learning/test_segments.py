"""Rings of rows in segments: every state comes back exactly, and what was written once stays as it is."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.learning import segments
from arena.learning.segments import restore_ring, save_ring


class Ring:
    def __init__(self, capacity: int) -> None:
        self.arrays = {"values": np.full(capacity, -1.0), "flags": np.zeros((capacity, 2), np.bool_)}
        self.num_added = 0

    def add(self, count: int) -> None:
        for number in range(self.num_added, self.num_added + count):
            row = number % len(self.arrays["values"])
            self.arrays["values"][row], self.arrays["flags"][row] = number, (number % 2, number % 3 == 0)
        self.num_added += count


def files(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in (directory / "segments").iterdir()}


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(capacity=st.integers(1, 23), counts=st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_every_state_comes_back_while_checkpoints_share_segments(tmp_path_factory, capacity: int, counts: list[int]):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "MAX_SEGMENT_ROWS", 4)
        ring, before = Ring(capacity), None
        for count in counts:
            ring.add(count)
            directory = tmp_path_factory.mktemp("state")
            if before is not None:
                shutil.copytree(before / "segments", directory / "segments", copy_function=os.link)
                old = files(before)
            save_ring(directory, ring.arrays, ring.num_added)
            if before is not None:
                changed = {name for name, value in files(directory).items() if name in old and old[name] != value}
                assert changed <= {"tail.npz"}, "a full segment is written once"
                assert files(before) == old, "what the checkpoint before holds has not changed"
            restored = Ring(capacity)
            restore_ring(directory, restored.arrays, ring.num_added)
            for name, array in ring.arrays.items():
                np.testing.assert_array_equal(restored.arrays[name], array)
            assert len(files(directory)) <= capacity // 4 + 3, "segments without a row of the ring are removed"
            before = directory


def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ring:
    monkeypatch.setattr(segments, "MAX_SEGMENT_ROWS", 4)
    ring = Ring(16)
    ring.add(14)
    save_ring(tmp_path, ring.arrays, ring.num_added)
    assert sorted(files(tmp_path)) == ["rows-000000000000.npz", "rows-000000000004.npz", "rows-000000000008.npz", "tail.npz"]
    return ring


@pytest.mark.parametrize(
    ("name", "reason"), [("rows-000000000000.npz", "row 0 comes"), ("rows-000000000004.npz", "row 4 comes"), ("tail.npz", "before row 12")]
)
def test_a_missing_segment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str):
    ring = saved(tmp_path, monkeypatch)
    (tmp_path / "segments" / name).unlink()
    with pytest.raises(ValueError, match=reason):
        restore_ring(tmp_path, ring.arrays, ring.num_added)


def test_a_stray_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ring = saved(tmp_path, monkeypatch)
    (tmp_path / "segments" / "other.npz").touch()
    with pytest.raises(ValueError, match=r"other\.npz is no segment"):
        restore_ring(tmp_path, ring.arrays, ring.num_added)


def test_large_rows_make_short_segments(tmp_path: Path):
    images = np.zeros((9, 2, 2**23), np.uint8)  # 16 MiB a row, two in a segment
    save_ring(tmp_path, {"images": images}, 5)
    assert sorted(files(tmp_path)) == ["rows-000000000000.npz", "rows-000000000002.npz", "tail.npz"]
