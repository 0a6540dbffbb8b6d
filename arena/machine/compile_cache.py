"""Compile cache: keeps the programs that a framework compiled, so that the next worker with the same agent need not compile them.

Frameworks load machine code from this folder, so it is trusted only if it belongs to this user and is closed to others. Each worker's
framework reads and writes a copy of its own, made of hard links. New files are linked into the shared folder once they are complete, so
that neither a worker beside it nor a killed one leaves a half-written program to others. Every set of versions and every processor has a
folder of its own.
"""

import contextlib
import hashlib
import json
import os
import platform
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.folders import Folder
from arena.formats.trees import files_below

VARIABLE = "ARENA_CACHE"
"""Environment variable that names the folder. Empty or `off` keeps nothing; if it is not set, the platform's folder for caches is used."""
MAX_BYTES = 2**28
"""Largest size of the programs kept for one agent and one set of versions; the oldest are removed first."""
MAX_UNUSED_SECONDS = 30 * 86_400.0
"""Age at which unused programs of other versions, and copies left by killed workers, are removed."""


def cache_folder() -> Path | None:
    """Returns the folder for compiled programs, which is made if it is missing; None if nothing is to be kept.

    Raises:
        ArenaError: if `ARENA_CACHE` names a folder that cannot be trusted or written. If the platform's own folder cannot, nothing is kept.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted in ("", "off"):
        return None
    try:
        folder = Path(wanted).absolute() if wanted else _platform_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        problem = _problem(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: the user has no home directory
        problem = getattr(error, "strerror", None) or str(error)
    if problem is None:
        return folder
    if wanted:
        raise ArenaError(f"{VARIABLE}={wanted!r} cannot hold compiled programs: {problem}; name another folder, or say {VARIABLE}=off")
    return None


@contextlib.contextmanager
def compile_cache(name: str, modules: frozenset[str], versions: Mapping[str, str | None]) -> Iterator[Callable[[], None]]:
    """Makes this process's framework, which must not have been imported yet, load and keep compiled programs.

    Args:
        name: id of the agent; each agent's programs are kept apart.
        modules: the framework's modules; nothing is done for a framework that compiles nothing.
        versions: versions of all packages that compile.

    Yields:
        A function that keeps what has been compiled so far; the end of the context does the same.
    """
    if not modules & {"jax", "tensorflow", "torch"}:
        yield lambda: None
        return
    folder = cache_folder()
    kept = None if folder is None else folder / _fingerprint(versions) / name
    if folder is not None and kept is not None:
        Folder(folder).check(kept.relative_to(folder).as_posix())  # programs are neither read nor written through a link
    with tempfile.TemporaryDirectory(prefix="worker-", dir=folder, ignore_cleanup_errors=True) as path:
        own = Path(path)
        # PyTorch keeps programs anyway, in a folder of /tmp that another user may have made first: it gets one of its own in any case.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(own / "torch")
        if folder is None or kept is None:
            yield lambda: None
            return
        with contextlib.suppress(OSError):  # a full disk, or someone clears the folder: the programs are compiled anew
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.utime(kept.parent)
            _link_all(kept, own)
        variables = _variables(own)
        os.environ.update(variables)
        _tell_jax(variables)
        try:
            yield lambda: _link_all(own, kept)
        finally:
            with contextlib.suppress(OSError):
                _link_all(own, kept)
                _prune(folder, kept)


def _variables(folder: Path) -> dict[str, str]:
    for name in ("jax", "tensorflow"):
        (folder / name).mkdir(exist_ok=True)
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if not any(character.isspace() for character in str(folder)):  # TensorFlow splits its flags there, and knows no quotes
        flags = f"{flags} --tf_xla_persistent_cache_directory={folder / 'tensorflow'}".strip()
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",  # hundreds of small programs take longer to compile than the large one
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",  # their folder's name becomes part of a program's key (jax/_src/cache_key.py)
        "TF_XLA_FLAGS": flags,
    }


def _tell_jax(variables: Mapping[str, str]) -> None:
    """Tells JAX what the variables say, if it is imported already, as it is in a warm worker: it reads them when it is imported."""
    if (jax := sys.modules.get("jax")) is None:
        return
    jax.config.update("jax_compilation_cache_dir", variables["JAX_COMPILATION_CACHE_DIR"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", float(variables["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"]))
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", int(variables["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"]))
    jax.config.update("jax_persistent_cache_enable_xla_caches", variables["JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES"])


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "arena-rl"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arena-rl"


def _problem(folder: Path) -> str | None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a folder, or it is a link to one"
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return "it belongs to another user, whose programs would be run here"
    if status.st_mode & 0o077:
        return f"others may use it (chmod 700 {folder})"
    return None if os.access(folder, os.W_OK) else "it is not writable"


def _fingerprint(versions: Mapping[str, str | None]) -> str:
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):  # machine code may use any feature of the processor that it was compiled on
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor += "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    known = json.dumps([dict(versions), processor, platform.platform(), sys.version])
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def _link_all(source: Path, target: Path) -> None:
    for path in files_below(source):
        other = target / path.relative_to(source)
        with contextlib.suppress(OSError):  # another worker was faster, or removed it
            if path.is_file() and not path.is_symlink() and not other.exists():
                other.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.link(path, other)


def _prune(folder: Path, kept: Path) -> None:
    now = time.time()
    with contextlib.suppress(OSError):  # another worker removes them at the same time
        for entry in Folder(folder).entries():
            if entry.kind == "folder" and entry.name != kept.parent.name and now - entry.modified_seconds > MAX_UNUSED_SECONDS:
                Folder(folder).remove(entry.name)
        files = sorted((path.lstat().st_mtime, path.lstat().st_size, path) for path in files_below(kept) if path.is_file())
        excess = sum(size for _, size, _ in files) - MAX_BYTES
        for _, size, path in files:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size
