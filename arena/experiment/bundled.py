"""Experiments that come with the arena: `configs/` of the repository, or their copy in the installed package."""

from pathlib import Path

from arena.errors import ArenaError, did_you_mean

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")


def config_path(name: str) -> Path:
    """Returns the path of the bundled experiment `name`.

    Raises:
        ArenaError: if there is none; names the near one.
    """
    found = {path.stem: path for folder in _FOLDERS for path in folder.glob("*.toml")}
    if name not in found:
        raise ArenaError(f"no bundled experiment {name!r}{did_you_mean(name, found)} (there are: {', '.join(sorted(found))})")
    return found[name]
