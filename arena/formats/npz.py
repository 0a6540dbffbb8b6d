"""Arrays by name in one `.npz` file, written and read without pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def write_arrays(path: Path, arrays: Mapping[str, Array], *, compressed: bool = False) -> None:
    """Writes `arrays` to `path`, whatever the suffix of its name."""
    save = np.savez_compressed if compressed else np.savez
    with path.open("wb") as file:
        save(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, Array]:
    """Returns all arrays that `write_arrays` wrote to `path`, by name."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
