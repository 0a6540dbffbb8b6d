"""Reference scores and published numbers: the words in which packages of environments give them, and where the core finds them.

A package names a `Catalogue` in the entry point group `arena.references`; `arena_envs` does.
"""

import dataclasses
import functools
import importlib.metadata
import math
from collections.abc import Mapping

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.statistics.score_scale import ScoreScale

ENTRY_POINT_GROUP = "arena.references"

MARGIN_FRACTION = 0.1
"""Share of the way from the random score to the solved score that a published number must exceed."""
MARGIN_STDS = 2.0
"""Standard deviations of a random episode by which a published number must exceed the random score."""


@dataclasses.dataclass(frozen=True)
class Score:
    """An episode return and its source."""

    value: float
    """Undiscounted episode return."""
    source: str
    """File, paper or argument that the score comes from."""
    std: float | None = None
    """Standard deviation over episodes, where the source gives it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """Reference scores of one environment; None for a score without a sound source."""

    env_id: str
    """The Gymnasium id."""
    random: Score
    """Mean of uniformly random actions."""
    threshold: Score | None
    """Return from which the environment counts as solved."""
    lower_bound: Score | None
    """Bound that no episode's return falls below."""
    upper_bound: Score | None
    """Bound that no episode's return exceeds; no policy may reach it."""

    @property
    def solved(self) -> Score | None:
        """The return that scores 1: the threshold, or the upper bound where nobody set one."""
        return self.threshold or self.upper_bound

    @property
    def scale(self) -> ScoreScale:
        """The scale on which random play scores 0 and `solved` scores 1, with the bounds of a return."""
        lower = -math.inf if self.lower_bound is None else self.lower_bound.value
        upper = math.inf if self.upper_bound is None else self.upper_bound.value
        return ScoreScale(random=self.random.value, solved=self.solved.value if self.solved else None, bounds=(lower, upper))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A number that somebody published for an algorithm on an environment."""

    env_id: str
    who: str
    """Project or paper."""
    algorithm: str
    """Algorithm, in the words of `AgentSpec.algorithm`: `dqn`, `ppo`."""
    value: float
    """Mean episode return."""
    std: float | None
    """Published standard deviation, over seeds or over episodes (see `protocol`); None if there is none."""
    env_steps: int | None
    """Budget of training; None where the source does not say."""
    num_seeds: int | None
    """Training seeds behind the number; None where the source does not say."""
    protocol: str
    """Rule by which the policy was judged."""
    source: str
    """File or page that the number was read from."""
    url: str = ""
    """Address of the source (`https://…`); empty if it has none."""


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Reference scores and published numbers that one package gives for its environments.

    Raises:
        ArenaError: on making one, if a published number is vacuous or impossible.
    """

    references: Mapping[str, Reference]
    """Reference scores, by env id."""
    published: tuple[Published, ...] = ()

    def __post_init__(self) -> None:
        for entry in self.published:
            check_published(entry, self.references.get(entry.env_id))

    def reference_for(self, env: EnvConfig) -> Reference | None:
        """Returns the reference scores that hold for an environment; None where there are none, or it has arguments or wrappers of its own.

        These change rewards, dynamics or the length of episodes, so that neither random play nor a solution returns what it did.
        """
        return self.references.get(env.id) if env.is_plain else None


def check_published(entry: Published, reference: Reference | None) -> None:
    """Refuses a number that random play nearly reaches, or that no policy can reach.

    Raises:
        ArenaError: if reference scores to judge it by are missing, if it is not clearly above random play, or if it is above the
            environment's bound.
    """
    what = f"{entry.who}'s {entry.value:g} on {entry.env_id} ({entry.source})"
    if reference is None:
        raise ArenaError(f"{what} cannot be judged: {entry.env_id} has no reference scores")
    solved, random, bound = reference.solved, reference.random, reference.upper_bound
    margin = MARGIN_STDS * (random.std or 0.0)
    if solved is not None:
        margin = max(margin, MARGIN_FRACTION * (solved.value - random.value))
        margin = min(margin, solved.value - random.value)  # a solved environment is an achievement, however noisy random play is
    if entry.value < random.value + margin:
        raise ArenaError(f"{what} is vacuous: random play returns {random.value:g}, and it must be at least {random.value + margin:g}")
    if bound is not None and entry.value > bound.value:
        raise ArenaError(f"{what} is impossible: no episode returns more than {bound.value:g}")


@functools.cache
def catalogue() -> Catalogue:
    """Returns the reference scores and published numbers of all installed packages.

    Raises:
        ArenaError: if an entry point cannot be loaded or isn't a catalogue, or two packages describe one environment.
    """
    references: dict[str, Reference] = {}
    published: list[Published] = []
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            part = entry_point.load()
        except (ImportError, AttributeError) as error:
            raise ArenaError(f"references {entry_point.value!r} cannot be loaded: {error}; reinstall their package") from error
        if not isinstance(part, Catalogue):
            raise ArenaError(
                f"entry point {entry_point.value!r} must be an arena.environments.references.Catalogue, found {type(part).__name__}"
            )
        if twice := sorted(references.keys() & part.references.keys()):
            raise ArenaError(f"two packages give reference scores of {twice[0]!r} ({entry_point.value!r} is one); uninstall one")
        references |= part.references
        published += part.published
    return Catalogue(references, tuple(published))
