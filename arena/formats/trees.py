"""All files below a folder that other processes may be writing to."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[Path]:
    """Yields what is no folder below `folder`, links to folders included, which are not followed.

    Folders that vanish meanwhile are passed over, where `Path.rglob` raises FileNotFoundError: an arena at work makes and removes some. A
    file may be gone by the time that it is opened. A `folder` that does not exist has no files.
    """
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        yield from (here / name for name in names)
        yield from (link for name in folders if (link := here / name).is_symlink())
