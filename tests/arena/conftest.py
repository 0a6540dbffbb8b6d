import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from strangers import write_modules

from arena.cli.app import main
from arena.environments.config import EnvConfig
from arena.environments.spaces import network_inputs
from arena.policies.bounded.whole_episodes import WholeEpisodes
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy
from arena.policies.quarantine import Trial
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Run
from arena.run_folder.result import RunResult
from arena.run_folder.schema import Evaluated, write_result
from arena.run_folder.timings import Timings
from arena.tournament.entry import admission
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.play import load_policy
from arena.watching import film


class PlayedHere(OnnxPolicy):
    """Takes the place of a `BoundedPolicy` in a test that starts no process."""

    def __enter__(self) -> "PlayedHere":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    is_alive = True

    def play(self, asked: WholeEpisodes) -> None:
        """Plays no whole episodes by itself: it is asked step by step."""

    def close(self) -> None:
        """Does nothing: there is no process to end."""


@pytest.fixture(autouse=True)
def _policies_of_a_unit_test_play_in_its_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets tournaments play without a process for each policy; tests marked `worker` play as everybody does."""
    if request.node.get_closest_marker("worker") is None:
        for module in (admission, load_policy):
            monkeypatch.setattr(module, "BoundedPolicy", PlayedHere)


@pytest.fixture(autouse=True)
def short_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets pages and films have a few frames of each episode, for each takes milliseconds; a test of the frames themselves overrides it."""
    monkeypatch.setattr(film, "MAX_FRAMES", 5)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths of files put into quarantine, which are let through without a process of their own."""
    paths: list[Path] = []

    def let_through(copies: Sequence[Path], shown_as: Sequence[Path]) -> list[Trial]:
        paths.extend(shown_as)
        return [Trial(OnnxPolicy(copy, shown_as=shown).signature, 0.0) for copy, shown in zip(copies, shown_as, strict=True)]

    monkeypatch.setattr(admission, "check_policy_files", let_through)
    return paths


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A home with a file and folders; the test fails if anything in it has changed."""
    path = tmp_path / "home"
    for name in ("documents", "agent", "env-steps-1000"):
        (path / name).mkdir(parents=True)
        (path / name / "letter.txt").write_text("dear\n")
    (path / "diary.txt").write_text('{"a": 1}\n')

    def content() -> dict[str, bytes | None]:
        return {str(each.relative_to(path)): each.read_bytes() if each.is_file() else None for each in sorted(path.rglob("*"))}

    before = content()
    yield path
    assert content() == before


@pytest.fixture
def lay_trap(outside: Path) -> Callable[[Path, str], Path]:
    """Puts a way out, or a pipe that blocks its reader, in the place of a file or folder."""

    def lay(path: Path, trap: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if trap == "pipe":
            os.mkfifo(path)
        elif trap == "hard link":
            os.link(outside / "diary.txt", path)
        else:
            path.symlink_to(
                {"link to a file": outside / "diary.txt", "link to a folder": outside, "dangling link": outside / "absent"}[trap]
            )
        return path

    return lay


@pytest.fixture
def write_policy() -> Callable[..., Path]:
    """Writes a random linear policy for an environment or game."""

    def write(path: Path, env_id: str, seed: int = 0) -> Path:
        observations, actions = env_spaces(EnvConfig(env_id))
        rng = np.random.default_rng(seed)
        kernel = rng.normal(size=(network_inputs(observations).shape[0], int(actions.n))).astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        PolicyNetwork([Dense(kernel, np.zeros(int(actions.n), np.float32))], observations, actions).export(path)
        return path

    return write


@pytest.fixture
def write_run(write_policy: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a finished run's folder as far as tournaments read it."""

    def write(
        experiment: Path, agent: str, env_id: str, seed: int, *, status: str = "finished", policy: bool = True, inputs: Any = None
    ) -> Path:
        path = experiment / agent / EnvConfig(env_id).name / f"seed-{seed}"
        path.mkdir(parents=True)
        run = Run(
            agent=AgentEntry(name=agent, agent=agent, hyperparameters={}),
            env=EnvConfig(env_id),
            seed=seed,
            experiment_seed=0,
            budget=Budget(),
            evaluation=EvaluationProtocol(),
            checkpoint_period=1_000,
            log_period=1_000,
        )
        (path / "run.json").write_text(json.dumps({"schema_version": 1, "inputs": {**run.inputs(), **(inputs or {})}}))
        if policy:
            write_policy(path / "policy.onnx", env_id, seed)
        evaluations = [
            Evaluated(
                kind="selection",
                env_steps=1000 * step,
                train_seconds=step * (1.0 + seed),
                episode_return_mean=10.0 * step + seed,
                episode_returns=(10.0 * step + seed,),
                episode_lengths=(10,),
            )
            for step in (1, 2, 3)
        ]
        (path / "evaluations.jsonl").write_text("".join(json.dumps(dataclasses.asdict(line)) + "\n" for line in evaluations))
        result = RunResult(
            status=status,
            agent=agent,
            env=EnvConfig(env_id).name,
            seed=seed,
            path=str(path),
            env_steps=3000,
            seconds=Timings(train=3.0 + seed),
            cpu_seconds=9.0,
        )
        write_result(RunDir(path), result)
        return path

    return write


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the stranger's modules write when one of them runs; they can be imported."""
    folder = tmp_path / "path"
    mark = write_modules(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(tmp_path)
    yield mark
    for module in [name for name in sys.modules if name.startswith("evil")]:
        del sys.modules[module]
    gym.registry.pop("Id-v0", None)


@pytest.fixture
def arena(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Calls the command line in this process; returns the exit code and all that it printed, as one line."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["arena", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return int(exit_.value.code or 0), " ".join((said.out + said.err).split())

    return call


_VOID = frozenset({"meta", "link", "br", "input", "wbr", "img", "hr"})
_FETCHING = frozenset({"src", "href", "xlink:href", "action", "poster", "data", "srcset"})


@pytest.fixture(scope="session")
def problems() -> Callable[[str], list[str]]:
    """What every page must keep to."""
    return _problems


def _problems(html: str) -> list[str]:
    """Returns what is wrong with a page: tags that do not match, repeated ids, anything fetched, tables and charts without words."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.found + [f"<{tag}> is never closed" for tag in page.open] + [f"no element has the id {name!r}" for name in page.dangling()]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self._ids: set[str] = set()
        self._references: set[str] = set()
        self._has_header = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, {name: value or "" for name, value in attrs})
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}> on line {self.getpos()[0]} closes something else")
        if tag == "table" and not self._has_header:
            self.found.append(f"the table that ends on line {self.getpos()[0]} has no header cell with a scope")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style" and ("@import" in data or "url(" in data):
            self.found.append("the style sheet fetches something")

    def dangling(self) -> list[str]:
        """Returns the ids that are referred to and do not exist."""
        return sorted(self._references - self._ids)

    def _check(self, tag: str, attributes: dict[str, str]) -> None:
        where = f"<{tag}> on line {self.getpos()[0]}"
        if name := attributes.get("id"):
            if name in self._ids:
                self.found.append(f"{where} repeats the id {name!r}")
            self._ids.add(name)
        self._references |= {attributes[name] for name in ("aria-labelledby", "for") if name in attributes}
        for key in _FETCHING & attributes.keys():
            target = attributes[key]
            if target.startswith("#"):
                self._references.add(target[1:])
            elif not target.startswith("data:") and (tag != "a" or (":" in target and not target.startswith("https://"))):
                self.found.append(f"{where} reaches out to {target!r}")
        if any(key.startswith("on") for key in attributes):
            self.found.append(f"{where} carries a script in an attribute")
        if tag == "table":
            self._has_header = False
        if tag == "th":
            self._has_header |= "scope" in attributes
        if tag == "svg" and attributes.get("role") != "img" and attributes.get("aria-hidden") != "true":
            self.found.append(f"{where} has neither a description nor is it hidden from screen readers")
        if tag == "svg" and attributes.get("role") == "img" and not attributes.get("aria-label"):
            self.found.append(f"{where} has no description")
