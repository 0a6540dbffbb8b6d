"""What the documentation points at exists: files, links and dotted names of the arena."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "agents/*/README.md", "requirements/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"  # names of earlier versions
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
FILE = re.compile(r"`((?:arena|agents|envs|configs|tests|scripts|docs|requirements)/[\w./-]+\.(?:py|md|toml|txt|html|svg))`")
NAME = re.compile(r"`(arena(?:\.\w+)+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_points_at_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    targets = [(link, page.parent / link) for link, _ in LINK.findall(text) if link] + [(file, ROOT / file) for file in FILE.findall(text)]
    missing = sorted({name for name, path in targets if not path.exists()} | {name for name in NAME.findall(text) if not resolves(name)})
    assert not missing, f"{page.relative_to(ROOT)} points at what does not exist: {', '.join(missing)}"


def resolves(name: str) -> bool:
    """Returns whether a dotted name is a module of the arena, an attribute of one, or a group of entry points."""
    if name in ("arena.agents", "arena.references"):
        return True
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_a_name_that_does_not_exist_is_found():
    assert resolves("arena.environments.metering.Meter")
    assert not resolves("arena.environments.metering.Metre")
    assert not resolves("arena.nowhere")
