"""Makes the project's own environments from the hashed lock files, with nothing but Python and pip.

`enter()` sets one up if that has not been done, then runs the calling script again inside. The user's Python stays as it was.
"""

import dataclasses
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
UV_LOCK = REQUIREMENTS / "uv.txt"


@dataclasses.dataclass(frozen=True)
class Environment:
    """A virtual environment inside the repository that holds the packages of some lock files and this project."""

    folder: Path
    locks: tuple[Path, ...]
    """Lock files; a package that several name has one version in all of them."""
    cost: str
    """Size and time of the set-up, printed before it begins."""

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """File that holds the fingerprint of what was installed; absent until the set-up has succeeded."""
        return self.folder / "arena-setup"

    def fingerprint(self) -> str:
        """Returns a digest of everything that the set-up reads."""
        digest = hashlib.sha256(str(ROOT).encode())
        for path in (UV_LOCK, *self.locks, ROOT / "pyproject.toml"):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def is_ready(self) -> bool:
        """Returns whether the environment holds what its lock files name: it was set up with these, or with all frameworks."""
        if not (self.python.exists() and self.stamp.exists()):
            return False
        enough = {self.fingerprint(), *([FULL.fingerprint()] if self.folder == FULL.folder else [])}
        return self.stamp.read_text() in enough


FULL = Environment(ROOT / ".venv", (REQUIREMENTS / "all.txt",), "once; about 11 GB with the CUDA libraries of PyTorch")
CORE = Environment(ROOT / ".venv-core", (REQUIREMENTS / "core.txt",), "once; about 0.7 GB")
GIGABYTES = {"keras": 1.0, "tfagents": 2.6, "kerasrl": 2.5, "rllib": 8.1, "rllib-cpu": 6.8}
"""Framework -> size of an environment with the core and its agents, in GB on Linux; two that share TensorFlow share most of it."""
FRAMEWORKS = tuple(GIGABYTES)
"""Frameworks that can be set up without the others; each has a lock of its own, with the versions of `all.txt`."""


def with_frameworks(names: Sequence[str]) -> Environment:
    """Returns the project's environment with the core and some frameworks; what another set-up has put there stays.

    Args:
        names: members of `FRAMEWORKS`; anything else ends the program with one line.
    """
    unknown = [name for name in names if name not in FRAMEWORKS]
    if unknown or not names:
        sys.exit(f"no framework {', '.join(unknown) or 'is named'}; there are {', '.join(FRAMEWORKS)}")
    if {"rllib", "rllib-cpu"} <= {*names}:
        sys.exit("rllib-cpu is a part of rllib: name one of them")
    chosen = [name for name in FRAMEWORKS if name in names]
    cost = f"once; {' and '.join(chosen)}: at most {sum(GIGABYTES[name] for name in chosen):.1f} GB"
    return Environment(ROOT / ".venv", tuple(REQUIREMENTS / f"{name}.txt" for name in chosen), cost)


def enter(environment: Environment = FULL) -> None:
    """Returns inside the environment; from outside, sets it up and does not return."""
    if Path(sys.prefix).resolve() == environment.folder.resolve() and environment.is_ready():
        return
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}. Call this script with another python3.")
    if not environment.is_ready():
        if environment.folder.is_symlink():
            sys.exit(f"{environment.folder} is a link, and setting up would change the folder that it points to; remove the link")
        _install(environment)
    folder = environment.folder
    variables = {**os.environ, "VIRTUAL_ENV": str(folder), "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    os.execve(environment.python, [str(environment.python), *sys.argv], variables)


def _install(environment: Environment) -> None:
    print(f"Setting up {environment.folder} ({environment.cost})", flush=True)
    environment.stamp.unlink(missing_ok=True)
    python = environment.python
    if not python.exists():
        venv.create(environment.folder, with_pip=True)
    _call(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", UV_LOCK)
    install = (python, "-m", "uv", "pip", "install", "--quiet", "--python", python, "--no-deps")
    locks = [part for lock in environment.locks for part in ("-r", lock)]
    _call(*install, "--require-hashes", "--compile-bytecode", *locks)
    _call(*install, "--no-build-isolation", "--editable", ROOT)
    environment.stamp.write_text(environment.fingerprint())


def _call(*command: object) -> None:
    try:
        subprocess.run([str(part) for part in command], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"setting up failed: {' '.join(map(str, command))} ended with code {error.returncode}")
