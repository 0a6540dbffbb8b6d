import pytest

from arena.environments.references import Score, check_published
from arena_envs.published import PUBLISHED
from arena_envs.references import CATALOGUE, REFERENCES


def test_published_numbers_carry_links() -> None:
    addresses = {entry.source: entry.url for entry in PUBLISHED}
    assert all(url.startswith("https://") and url.endswith(source.partition(", ")[2]) for source, url in addresses.items())


def test_every_published_number_lies_between_random_play_and_the_bound():
    """Also checked when the catalogue is made; here each is named by its own failure."""
    for entry in PUBLISHED:
        check_published(entry, REFERENCES[entry.env_id])
        assert entry.source
        assert entry.protocol
        assert entry.env_steps is None or entry.env_steps > 0
    assert len({(entry.env_id, entry.who, entry.algorithm, entry.value) for entry in PUBLISHED}) == len(PUBLISHED)
    assert CATALOGUE.published == PUBLISHED


@pytest.mark.parametrize("env_id", REFERENCES)
def test_references_are_in_order_and_name_their_sources(env_id):
    reference = REFERENCES[env_id]
    scores = [reference.lower_bound, reference.random, reference.threshold, reference.upper_bound]
    given = [score for score in scores if isinstance(score, Score)]
    assert [score.value for score in given] == sorted(score.value for score in given)
    assert all(score.source for score in given)
    assert reference.env_id == env_id
