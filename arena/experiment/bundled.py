"""Experiments that come with the arena, known by their names: `configs/` of the repository, or their copy in the installed package."""

from collections.abc import Collection
from pathlib import Path

from arena.errors import ArenaError, did_you_mean

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")


def bundled_names() -> list[str]:
    """Returns the names of all bundled experiments, sorted."""
    return sorted(_found())


def file_or_bundled(path: Path) -> Path:
    """Returns `path` if it is a file or has a folder or a suffix, and else the bundled experiment of that name.

    Raises:
        ArenaError: if there is neither a file nor a bundled experiment of that name, names the near one; or if it is another folder.
    """
    is_name, found = path.name == str(path) and not path.suffix and (path.is_dir() or not path.exists()), _found()
    if path.is_dir() and not (is_name and path.name in found):
        raise ArenaError(f"{path} is a folder; give the experiment's file in TOML, or the name of one in `arena list configs`")
    if is_name and path.name not in found:
        raise ArenaError(f"no file {path.name!r} here, and {_unknown(path.name, found)}")
    return config_path(path.name) if is_name else path


def config_path(name: str) -> Path:
    """Returns the path of the bundled experiment `name`.

    Raises:
        ArenaError: if there is none; names the near one.
    """
    found = _found()
    if name not in found:
        raise ArenaError(_unknown(name, found))
    return found[name]


def zoo_files() -> dict[str, Path]:
    """Returns the files with tuned settings, by the name of their environment as it stands in run folders."""
    return {path.stem: path for folder in _FOLDERS for path in (folder / "zoo").glob("*.toml")}


def _found() -> dict[str, Path]:
    return {path.stem: path for folder in _FOLDERS for path in folder.glob("*.toml")}


def _unknown(name: str, found: Collection[str]) -> str:
    return f"no bundled experiment {name!r}{did_you_mean(name, found)} (there are: {', '.join(sorted(found))})"
