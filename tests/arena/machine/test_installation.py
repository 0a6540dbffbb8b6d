"""The command that installs what is missing."""

import importlib.metadata
import importlib.util
import shutil
import tomllib
from pathlib import Path

import pytest

from arena.machine.installation import OVERRIDES, install_command


def _distribution(tmp_path: Path, direct_url: str | None) -> importlib.metadata.Distribution:
    (tmp_path / "METADATA").write_text("Name: arena-rl\nVersion: 1\n")
    if direct_url is not None:
        (tmp_path / "direct_url.json").write_text(direct_url)
    return importlib.metadata.PathDistribution(tmp_path)


@pytest.mark.parametrize(
    ("direct_url", "command"),
    [
        (None, "pip install 'arena-rl[keras]'"),
        ('{"url": "file:///gone/arena_rl.whl", "archive_info": {}}', "pip install 'arena-rl[keras]'"),
        (
            f'{{"url": "{Path(__file__).as_uri()}", "archive_info": {{}}}}',  # stands for a wheel that is still there
            f"pip install 'arena-rl[keras] @ {Path(__file__).as_uri()}'",
        ),
        (
            '{"url": "https://example.org/arena", "archive_info": {}}',
            "pip install 'arena-rl[keras] @ https://example.org/arena'",
        ),
        (
            '{"url": "https://example.org/arena", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}}',
            "pip install 'arena-rl[keras] @ git+https://example.org/arena@0a1b'",
        ),
        (
            '{"url": "file:///home/a/arena", "dir_info": {}}',
            "cd /home/a/arena && uv pip install --override requirements/overrides.txt '.[keras]'",
        ),
        (
            '{"url": "file:///home/a%20b/arena", "dir_info": {"editable": true}}',
            "cd '/home/a b/arena' && uv pip install --override requirements/overrides.txt -e '.[keras]'",
        ),
    ],
)
def test_the_command_leads_back_to_where_the_arena_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct_url: str | None, command: str
):
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: _distribution(tmp_path, direct_url))
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/uv")
    assert install_command("keras") == command


def test_uv_is_installed_first_where_the_core_came_by_pip_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: _distribution(tmp_path, '{"url": "file:///a", "dir_info": {}}'))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert install_command("keras") == "pip install uv && cd /a && uv pip install --override requirements/overrides.txt '.[keras]'"


def test_without_an_installation_it_names_the_package_index(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert install_command("keras") == "pip install 'arena-rl[keras]'"


def test_what_pip_cannot_resolve_is_installed_by_uv_with_the_overrides_that_the_package_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: _distribution(tmp_path, None))
    assert install_command("tfagents") == f"pip install uv && uv pip install --override {OVERRIDES} 'arena-rl[tfagents]'"
    root = Path(__file__).parents[3]
    assert root / "arena" / "overrides.txt" == OVERRIDES
    included = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["requirements/overrides.txt"] == "arena/overrides.txt"
