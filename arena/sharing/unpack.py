"""Unpacking: arguments that name an archive become arguments that name the policy files in it, in a private folder."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.archives import read_archive


@contextlib.contextmanager
def unpacked(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yields the arguments with `NAME=FILE` for each policy of an archive, whose copies exist until the end of the `with` block.

    Nothing but policy files is taken from an archive. They are files of strangers like any other: whoever opens them tries them first.

    Args:
        arguments: Players or policies; `PATH.zip` or `NAME=PATH.zip` is an archive.

    Raises:
        ArenaError: If an archive is refused, or holds no policy.
    """
    with tempfile.TemporaryDirectory(prefix="arena-pack-") as folder:
        found: list[str] = []
        for index, argument in enumerate(arguments):
            archive = _archive(argument)
            if archive is None:
                found.append(argument)
            else:
                found += _policies(*archive, Path(folder, str(index)))
        yield found


def _archive(argument: str) -> tuple[str | None, Path] | None:
    """Returns name and path of an argument that is an archive; None for any other."""
    name, equals, path = argument.partition("=")
    if argument.endswith(".zip") and Path(argument).is_file():
        return None, Path(argument)
    return (name, Path(path)) if equals and path.endswith(".zip") and Path(path).is_file() else None


def _policies(name: str | None, archive: Path, folder: Path) -> list[str]:
    policies = {Path(file).stem: content for file, content in read_archive(archive).items() if file.endswith(".onnx")}
    if not policies:
        raise ArenaError(f"{archive} holds no policy (a file .onnx)")
    folder.mkdir()
    found = []
    for stem, content in policies.items():
        path = folder / f"{stem}.onnx"
        path.write_bytes(content)
        named = stem
        if name is not None:
            named = name if len(policies) == 1 else f"{name}-{stem}"
        found.append(f"{named}={path}")
    return found
