import dataclasses
import importlib.metadata

import pytest

from arena.environments import references
from arena.environments.references import Catalogue, Published, Reference, Score, catalogue, check_published
from arena.errors import ArenaError

REFERENCE = Reference(
    env_id="Env-v0", random=Score(20.0, "s", 10.0), threshold=Score(475.0, "s"), lower_bound=Score(1.0, "s"), upper_bound=Score(500.0, "s")
)


def published(value: float, env_id: str = "Env-v0") -> Published:
    return Published(
        env_id=env_id, who="W", algorithm="dqn", value=value, std=None, env_steps=1, num_seeds=1, protocol="p", source="file.md"
    )


def test_a_number_between_random_play_and_the_bound_is_taken():
    for value in (66.0, 475.0, 500.0):
        check_published(published(value), REFERENCE)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (50.0, "is vacuous: random play returns 20, and it must be at least 65.5"),
        (19.0, "vacuous"),
        (500.5, "impossible: .* more than 500"),
    ],
)
def test_vacuous_and_impossible_numbers_are_refused(value, message):
    with pytest.raises(ArenaError, match=message):
        check_published(published(value), REFERENCE)


def test_noisy_random_play_asks_for_more_but_never_for_more_than_solved():
    noisy = dataclasses.replace(REFERENCE, random=Score(20.0, "s", 100.0))
    with pytest.raises(ArenaError, match="at least 220"):
        check_published(published(219.0), noisy)
    check_published(published(475.0), dataclasses.replace(REFERENCE, random=Score(20.0, "s", 400.0)))


def test_a_catalogue_cannot_be_made_with_a_number_that_cannot_be_judged():
    with pytest.raises(ArenaError, match="Other-v0 has no reference scores"):
        Catalogue({"Env-v0": REFERENCE}, (published(300.0, "Other-v0"),))


class FakeEntryPoint:
    def __init__(self, value):
        self.value, self.part = "package.module:NAME", value

    def load(self):
        if isinstance(self.part, Exception):
            raise self.part
        return self.part


@pytest.fixture
def installed(monkeypatch):
    def install(*parts):
        catalogue.cache_clear()
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [FakeEntryPoint(part) for part in parts])

    yield install
    catalogue.cache_clear()


def test_catalogues_of_several_packages_are_joined(installed):
    installed(
        Catalogue({"Env-v0": REFERENCE}, (published(300.0),)), Catalogue({"Other-v0": dataclasses.replace(REFERENCE, env_id="Other-v0")})
    )
    assert sorted(catalogue().references) == ["Env-v0", "Other-v0"]
    assert len(catalogue().published) == 1


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([Catalogue({"Env-v0": REFERENCE})] * 2, "two packages give reference scores of 'Env-v0'"),
        (["text"], r"must be an arena.environments.references.Catalogue, found str"),
        ([ImportError("gone")], "cannot be loaded: gone"),
    ],
)
def test_wrong_packages_are_refused(installed, parts, message):
    installed(*parts)
    with pytest.raises(ArenaError, match=message):
        catalogue()


def test_the_entry_point_group_is_the_documented_one():
    assert references.ENTRY_POINT_GROUP == "arena.references"
