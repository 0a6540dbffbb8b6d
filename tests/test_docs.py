"""What the documentation points at exists: files, links, dotted names of the arena, and commands with their options."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from arena.agent.registry import agent_ids, agent_spec
from arena.cli.app import app
from benchmarks.catalogue import BENCHMARKS

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


KINDS = {
    "discrete": "Discrete",
    "choices": "several choices",
    "box": "Box",
    "flat": "flat",
    "image": "image",
    "mixed": "an image beside other parts",
}
"""Words in the tables of agents for the kinds in their specs."""
COLUMNS = ("flat", "image", "mixed", "masks", "discrete", "choices", "box")
"""Kinds in the columns of the table of agents in `docs/environments.md`, after their names."""


def rows_in(text: str) -> list[list[str]]:
    """Returns the cells of the rows of all tables in a page, headers included."""
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("package", ["arena_keras", "arena_rllib", "arena_sb3", "arena_tfagents"])
def test_a_table_of_agents_has_the_kinds_of_their_specs(package: str):
    ids = {name for name in agent_ids() if agent_spec(name).entry_point.startswith(f"{package}.")}
    told = {}
    for cells in rows_in((ROOT / "agents" / package / "README.md").read_text(encoding="utf-8")):
        if (name := cells[0].strip("`")) in ids and name not in told:
            told[name] = [frozenset(cell.split(", ")) for cell in cells[-2:]]
    specs = {name: agent_spec(name) for name in ids}
    assert told == {
        name: [frozenset(KINDS[kind] for kind in kinds) for kinds in (spec.action_spaces, spec.observation_spaces)]
        for name, spec in specs.items()
    }


def test_the_table_of_all_agents_has_the_kinds_of_their_specs():
    told = {}
    for line in (ROOT / "docs" / "environments.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == len(COLUMNS) + 1 and set(cells[1:]) <= {"yes", ""}:
            takes = {kind for kind, cell in zip(COLUMNS, cells[1:], strict=True) if cell}
            told |= dict.fromkeys(re.findall(r"`([\w-]+)`", cells[0]), takes)
    specs = {name: agent_spec(name) for name in agent_ids()}
    masks = {name: {"masks"} if spec.action_masks else set() for name, spec in specs.items()}
    assert told == {name: spec.action_spaces | spec.observation_spaces | masks[name] for name, spec in specs.items()}


def test_a_name_that_does_not_exist_is_found():
    assert resolves("arena.environments.metering.Meter")
    assert not resolves("arena.environments.metering.Metre")
    assert not resolves("arena.nowhere")


SHELL = re.compile(r"^```(?:bash|console|sh)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")


def commands_in(text: str) -> list[list[str]]:
    """Returns the words of every command of the arena or of its scripts in a page: in blocks of a shell, and in spans of code."""
    blocks = [line.removeprefix("$ ") for block in SHELL.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    spans = [" ".join(span.split()) for span in SPAN.findall(FENCED.sub("", text))]
    commands = []
    for line in (*blocks, *spans):
        words = [word for word in line.partition("  #")[0].split() if not re.fullmatch(r"[A-Z_]+=\S*", word)]  # VARIABLE=value before it
        if words[:1] == ["arena"] or (words[:1] in (["python"], ["python3"]) and words[1:] and words[1].startswith("scripts/")):
            commands.append(words)
    return commands


def fault_of(words: list[str]) -> str | None:
    """Returns what is wrong with a command: a subcommand, an option, a script or a benchmark that does not exist."""
    if words[0] != "arena":
        script, name = words[1].rstrip("`"), words[2] if len(words) > 2 else None
        if not (ROOT / script).is_file():
            return f"no file {script}"
        is_benchmark = script == "scripts/benchmark.py" and name is not None and re.fullmatch(r"[a-z][a-z-]+", name)
        return f"no benchmark {name}" if is_benchmark and name not in {each.name for each in BENCHMARKS} else None
    command: Any = typer.main.get_command(app)
    rest = words[1:]
    while hasattr(command, "commands") and rest and re.fullmatch(r"[a-z]+", rest[0]):
        if rest[0] not in command.commands:
            return f"no command {' '.join(words)}"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    return f"no option {unknown[0]} in {' '.join(words)}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_page_exists_with_its_options(page: Path):
    faults = [fault for words in commands_in(page.read_text(encoding="utf-8")) if (fault := fault_of(words))]
    assert not faults, f"{page.relative_to(ROOT)}: {'; '.join(faults)}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("`arena run\nFILE.toml --dry-run`", None),
        ("```python\narena\n```\nand `arena rnu`", "no command arena rnu"),
        ("```bash\nARENA_CACHE=off arena league play --gamez 3  # comment\n```", "no option --gamez in arena league play --gamez 3"),
        ("`python3\n  scripts/benchmarks/suite.py`", "no file scripts/benchmarks/suite.py"),
        ("`python3 scripts/benchmark.py statup`", "no benchmark statup"),
        ("`python3 scripts/benchmark.py startup --rounds 3`", None),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, fault: str | None):
    [words] = commands_in(text)
    assert fault_of(words) == fault
