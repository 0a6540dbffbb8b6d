import numpy as np
import pytest

from arena.formats.npz import read_arrays, write_arrays


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_come_back_as_they_were(tmp_path, compressed) -> None:
    arrays = {"weights/0": np.arange(6.0, dtype=np.float32).reshape(2, 3), "flags": np.array([True, False]), "step": np.array(3)}
    write_arrays(tmp_path / "state", arrays, compressed=compressed)
    found = read_arrays(tmp_path / "state")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_objects_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_arrays(tmp_path / "state", {"object": np.array([{}], object)})
