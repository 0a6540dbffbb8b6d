"""Text among observations: a bag of hashed words, or what an encoder of the user's own makes of it.

Each word has one of `TEXT_WIDTH` places, which its checksum decides, so that no vocabulary must be known beforehand and a word has the same
place everywhere (Weinberger et al., 2009, arXiv:0902.2206); the number there counts how often the words of the place occur. The order of
words is lost.
"""

import functools
import importlib
import re
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.errors import ArenaError, did_you_mean, how_to_find

Array = npt.NDArray[Any]

TEXT_WIDTH = 256
"""Number of places of a bag of words; of 30 words, two share a place in 8 of 10 vocabularies, and about 1.7 pairs do."""
MAX_CACHED = 1_024
"""Number of texts whose numbers are kept: a mission stays the same for a whole episode."""
_WORD, _PLACE = re.compile(r"\w+"), re.compile(r": #\d+$")


class TextEncoder(Protocol):
    """Makes numbers of texts."""

    width: int
    """Number of numbers for a text."""
    low: float
    """Lower bound of the numbers."""

    def __call__(self, text: str) -> Array:
        """Returns the numbers of a text, `float32 [width]`; they are the encoder's own."""

    def names(self) -> list[str]:
        """Returns a name for each number."""

    def learn_names(self, other: "TextEncoder") -> None:
        """Takes over the names that another encoder of the same part has found; the numbers of texts stay as they are."""


class HashedWords:
    """A bag of hashed words, `float32 [TEXT_WIDTH]`, that remembers which words it has met."""

    width, low = TEXT_WIDTH, 0.0

    def __init__(self) -> None:
        self._met: list[dict[str, None]] = [{} for _ in range(TEXT_WIDTH)]  # in the order of their first appearance
        self._counts = functools.lru_cache(MAX_CACHED)(self._count)

    def __call__(self, text: str) -> Array:
        """Returns how often the words of each place occur in a text."""
        return self._counts(text)

    def names(self) -> list[str]:
        """Returns the words that were met at each place, such as `red`, or `red|door`; `#17` for a place without any."""
        return ["|".join(words) or f"#{place}" for place, words in enumerate(self._met)]

    def learn_names(self, other: TextEncoder) -> None:
        """Takes over the words that another has met."""
        if isinstance(other, HashedWords):
            for words, met in zip(self._met, other._met, strict=True):
                words.update(met)

    def _count(self, text: str) -> Array:
        counts = np.zeros(TEXT_WIDTH, np.float32)
        for word in _WORD.findall(text.lower()):
            place = word_place(word)
            counts[place] += 1.0
            self._met[place].setdefault(word)
        return counts


class OwnEncoder:
    """A function of the user's own from a text to a vector.

    Args:
        path: `package.module:function`; it is called with one text and returns as many finite numbers for each.

    Raises:
        ArenaError: if it cannot be imported, fails, or returns something else than a vector of numbers.
    """

    low = -np.inf

    def __init__(self, path: str) -> None:
        self._path, function = path, _imported(path)
        self._encode: Callable[[str], Array] = functools.lru_cache(MAX_CACHED)(lambda text: np.array(function(text), np.float32))
        try:
            found = self._encode("")
        except Exception as error:  # the user's own code
            raise ArenaError(f"text_encoder {path!r} fails on an empty text: {error!r}") from error
        if found.ndim != 1 or not len(found) or not np.isfinite(found).all():
            raise ArenaError(f"text_encoder {path!r} must return a vector of finite numbers; it returned the shape {found.shape}")
        self.width = len(found)

    def __call__(self, text: str) -> Array:
        """Returns the vector of a text."""
        return self._encode(text)

    def names(self) -> list[str]:
        """Returns numbered names."""
        return [f"#{place}" for place in range(self.width)]

    def learn_names(self, other: TextEncoder) -> None:
        """Does nothing: these names are the same everywhere."""


def is_wordless(name: str) -> bool:
    """Returns whether a feature's name is that of a place of which no word was met, such as `mission: #17`."""
    return _PLACE.search(name) is not None


def word_place(word: str) -> int:
    """Returns the place of a word, in lower case, in a bag of words; it is the same in every process and version."""
    return zlib.crc32(word.encode()) % TEXT_WIDTH


def is_text(space: gym.Space[Any]) -> bool:
    """Returns whether observations are texts: a `Text` space, or one of somebody else's whose samples are strings (MiniGrid's missions)."""
    if isinstance(space, gym.spaces.Text):
        return True
    if type(space).__module__.startswith("gymnasium."):
        return False
    try:
        return isinstance(space.sample(), str)
    except Exception:  # another package's code
        return False


def _imported(path: str) -> Callable[[str], Any]:
    module, colon, name = path.partition(":")
    if not colon:
        raise ArenaError(f"text_encoder {path!r} must be package.module:function")
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # the user's own code
        raise ArenaError(f"text_encoder {path!r} cannot be imported: {error}{how_to_find(module)}") from error
    found = getattr(imported, name, None)
    if not callable(found):
        raise ArenaError(f"text_encoder {path!r}: {module} has no function {name!r}{did_you_mean(name, vars(imported))}")
    return found  # type: ignore[no-any-return]
