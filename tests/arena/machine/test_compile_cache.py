"""The folder of compiled programs: whom it trusts, and that workers beside each other do it no harm."""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from arena.errors import ArenaError
from arena.executors.local import LocalExecutor
from arena.machine import compile_cache as cache

JAX = frozenset({"keras", "jax"})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Names a folder, and takes back all that a worker's process would be told."""
    for name in (
        "JAX_COMPILATION_CACHE_DIR",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES",
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES",
        "TF_XLA_FLAGS",
        "TORCHINDUCTOR_CACHE_DIR",
    ):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "jax", raising=False)  # that of the tests' own process, which would be told
    monkeypatch.setenv("ARENA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def compile_all(*programs: str, name: str = "a", version: str = "1", keep: bool = False) -> set[str]:
    """Stands for a worker that compiles JAX programs; returns those that it found compiled."""
    with cache.compile_cache(name, JAX, {"jax": version}) as keep_compiled:
        own = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
        found = {path.name for path in own.iterdir()}
        for program in programs:
            (own / program).write_text("code")
        if keep:
            keep_compiled()
            (own / "later").write_text("code")
    assert not own.exists()
    return found


def test_what_one_worker_compiled_the_next_finds() -> None:
    assert compile_all("p", "q") == set()
    assert compile_all("r") == {"p", "q"}
    assert compile_all() == {"p", "q", "r"}
    assert compile_all(keep=True) == {"p", "q", "r"}
    assert compile_all() == {"p", "q", "r", "later"}


def test_agents_and_versions_are_kept_apart() -> None:
    compile_all("p")
    assert compile_all(name="b") == set()
    assert compile_all(version="2") == set()


def test_workers_beside_each_other_find_whole_programs_only(folder) -> None:
    with cache.compile_cache("a", JAX, {}) as keep_first:
        first = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
        (first / "p").write_text("half")
        with cache.compile_cache("a", JAX, {}) as keep_second:
            second = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
            assert list(second.iterdir()) == []
            (second / "p").write_text("whole")
            keep_second()
        keep_first()
        assert [path.read_text() for path in folder.rglob("p") if "worker-" not in str(path)] == ["whole"]
        assert (first / "p").read_text() == "half", "a worker's own programs are left alone"


def test_the_folder_is_closed_to_others(folder) -> None:
    compile_all("p")
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755])
def test_a_folder_that_others_may_use_is_refused(folder, mode) -> None:
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ArenaError, match=r"others may use it \(chmod 700 .*or say ARENA_CACHE=off"):
        cache.cache_folder()
    with pytest.raises(ArenaError, match="others may use it"):
        LocalExecutor(gpus=[]).check([])


def test_a_folder_of_another_user_is_refused(folder, monkeypatch) -> None:
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(ArenaError, match="belongs to another user"):
        cache.cache_folder()


def test_a_link_and_a_file_are_refused(folder, tmp_path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "real")
    with pytest.raises(ArenaError, match="not a folder, or it is a link to one"):
        cache.cache_folder()
    folder.unlink()
    folder.write_text("")
    with pytest.raises(ArenaError, match="File exists"):
        cache.cache_folder()


@pytest.mark.parametrize("value", ["", "off"])
def test_switched_off_nothing_is_kept_and_frameworks_are_told_nothing(folder, monkeypatch, value) -> None:
    monkeypatch.setenv("ARENA_CACHE", value)
    with cache.compile_cache("a", JAX, {}):
        assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
        own = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
        assert own.parent.stat().st_mode & 0o777 == 0o700, "PyTorch's own default lies in /tmp, where others may have made it"
    assert not own.parent.exists()
    assert not folder.exists()


def test_the_platforms_folder_is_left_alone_where_it_cannot_be_trusted(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("ARENA_CACHE")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "arena-rl"
    (tmp_path / "arena-rl").chmod(0o777)
    assert cache.cache_folder() is None


def test_agents_that_compile_nothing_are_left_alone(folder) -> None:
    with cache.compile_cache("random", frozenset(), {}):
        assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ
    assert not folder.exists()


def test_flags_that_the_user_has_set_stay(monkeypatch) -> None:
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    with cache.compile_cache("a", frozenset({"tensorflow"}), {}):
        first, second = os.environ["TF_XLA_FLAGS"].split()
        assert first == "--tf_xla_clustering_debug"
        assert Path(second.removeprefix("--tf_xla_persistent_cache_directory=")).is_dir()


def test_the_oldest_programs_go_when_there_are_too_many(monkeypatch) -> None:
    compile_all("old")
    for path in cache.cache_folder().rglob("old"):  # type: ignore[union-attr]
        os.utime(path, (1.0, 1.0))
    monkeypatch.setattr(cache, "MAX_BYTES", 8)
    compile_all("b", "c")
    assert compile_all() == {"b", "c"}


def test_what_nobody_has_used_for_long_goes(folder) -> None:
    compile_all("p", version="old")
    (folder / "worker-killed").mkdir()
    long_ago = time.time() - cache.MAX_UNUSED_SECONDS - 10.0
    for path in folder.iterdir():
        os.utime(path, (long_ago, long_ago))
    compile_all("p", version="new")
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("trap", ["link to a file", "link to a folder", "dangling link", "pipe"])
@pytest.mark.parametrize("place", ["", "a", "a/jax", "a/jax/program"])
def test_a_way_out_of_the_cache_is_refused_by_name(folder: Path, lay_trap, place: str, trap: str):
    compile_all("program")
    [versions] = [path for path in folder.iterdir() if path.is_dir()]
    path = lay_trap(versions / place, trap)
    with pytest.raises(ArenaError, match=rf"{path.name} is a (link|pipe)"):
        compile_all("other")


def test_a_jax_that_is_imported_already_is_told_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, object] = {}
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(config=SimpleNamespace(update=told.__setitem__)))
    with cache.compile_cache("agent", JAX, {"jax": "1"}):
        folder = os.environ["JAX_COMPILATION_CACHE_DIR"]
    assert told == {
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        "jax_persistent_cache_enable_xla_caches": "none",
    }
