"""Observations of nested spaces as one vector, by Gymnasium's rules (`gymnasium.spaces.flatten`), with a name for each number.

The parts of a Dict or Tuple follow each other in the space's own order. Discrete and MultiDiscrete become one-hot vectors, a Box its
numbers one after the other, MultiBinary its flags. Text, which Gymnasium turns into character codes, becomes words
(`arena.environments.words`).
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.environments.images import is_bytes, is_image
from arena.environments.words import TextEncoder, is_text

Array = npt.NDArray[Any]

Write = Callable[[Any, Array], None]
"""Writes an observation into the numbers `float32 [D]` that stand for it; raises ValueError, TypeError, IndexError or KeyError for a value
that is not in the space."""

Path = tuple[Any, ...]
"""Keys of a Dict and indices of a Tuple, from the outermost, that lead to a part."""


class Flat(NamedTuple):
    """A space as a vector of D numbers."""

    low: Array
    """Lower bounds, `float32 [D]`."""
    high: Array
    """Upper bounds, `float32 [D]`."""
    names: Callable[[], list[str]]
    """Returns a name for each number; those of words are known once a text with them was seen."""
    write: Write
    """Writes an observation."""


def leaves(space: gym.Space[Any]) -> Iterator[tuple[str, gym.Space[Any]]]:
    """Yields the parts of a space that have no parts themselves, with their names: `player.cards[0]`."""
    return ((name, part) for _, name, part in _leaves(space))


def only_image(space: gym.Space[Any]) -> tuple[Path, gym.spaces.Box] | None:
    """Returns the keys that lead to the one image among other parts, and its space; None where there are more, none, or no other parts."""
    parts = list(_leaves(space))
    images = [(path, part) for path, _, part in parts if isinstance(part, gym.spaces.Box) and is_image(part)]
    return images[0] if len(images) == 1 and len(parts) > 1 else None


def _leaves(space: gym.Space[Any], path: Path = (), name: str = "") -> Iterator[tuple[Path, str, gym.Space[Any]]]:
    if isinstance(space, (gym.spaces.Dict, gym.spaces.Tuple)):
        for key, part, where in _parts(space, name):
            yield from _leaves(part, (*path, key), where)
    else:
        yield path, name, space


def _parts(space: gym.spaces.Dict | gym.spaces.Tuple, name: str) -> list[tuple[Any, gym.Space[Any], str]]:
    """Returns key, space and name of each part."""
    if isinstance(space, gym.spaces.Dict):
        return [(key, part, f"{name}.{key}" if name else str(key)) for key, part in space.spaces.items()]
    return [(index, part, f"{name}[{index}]") for index, part in enumerate(space.spaces)]


def what_cannot_be_flat(space: gym.Space[Any], *, with_images: bool = False, without: Path | None = None) -> str:
    """Returns why a space is no vector; empty if it is one.

    Args:
        space: observation space.
        with_images: whether images among its parts may become numbers.
        without: keys that lead to a part that is left out; None for none.
    """
    for path, name, part in _leaves(space):
        if path == without:
            continue
        where = f"{name!r} is " if name else "they are "
        taken = (gym.spaces.Discrete, gym.spaces.MultiDiscrete, gym.spaces.MultiBinary, gym.spaces.Box)
        if not isinstance(part, taken) and not is_text(part):
            return f"{where}{part}, which has no vector of a fixed length"
        if not isinstance(part, gym.spaces.Box) or with_images:
            continue
        if is_image(part):
            return (
                f"{where}an image {part.shape} beside another image: choose a wrapper, 'flat' for a vector of everything, or "
                "gymnasium.wrappers:FilterObservation for one image"
            )
        if len(part.shape) > 3 and is_bytes(part):
            return f"{where}bytes of {len(part.shape)} axes, {part.shape}, which looks like a stack of colour images: make them grey first"
    return ""


def flatten(space: gym.Space[Any], make_encoder: Callable[[], TextEncoder], name: str = "", *, without: Path = ()) -> Flat:
    """Returns a space as a vector.

    Args:
        space: space in which `what_cannot_be_flat` finds nothing.
        make_encoder: returns an encoder for each part that is text.
        name: name of the space; empty for the whole.
        without: keys that lead to a part that is left out; empty for none.
    """
    if not isinstance(space, (gym.spaces.Dict, gym.spaces.Tuple)):
        return _leaf(space, make_encoder, name or "observation")
    kept = [(key, part, where) for key, part, where in _parts(space, name) if without != (key,)]
    inner = {key: without[1:] if without and without[0] == key else () for key, _, _ in kept}
    return _joined([(key, flatten(part, make_encoder, where, without=inner[key])) for key, part, where in kept])


def _joined(parts: list[tuple[Any, Flat]]) -> Flat:
    sizes = [len(flat.low) for _, flat in parts]
    ends = list(itertools.accumulate(sizes))
    places = [(key, slice(end - size, end), flat.write) for (key, flat), size, end in zip(parts, sizes, ends, strict=True)]

    def write(value: Any, out: Array) -> None:
        if len(value) < len(places):  # keys beyond the space's are nobody's; those that are missing raise KeyError
            raise ValueError(f"{len(value)} parts")
        for key, place, write_part in places:
            write_part(value[key], out[place])

    lows, highs = [flat.low for _, flat in parts], [flat.high for _, flat in parts]
    empty = [np.zeros(0, np.float32)]
    return Flat(
        np.concatenate(empty + lows), np.concatenate(empty + highs), lambda: [name for _, flat in parts for name in flat.names()], write
    )


def _leaf(space: gym.Space[Any], make_encoder: Callable[[], TextEncoder], name: str) -> Flat:
    if isinstance(space, gym.spaces.Discrete):
        return _one_hot(int(space.n), int(space.start), name)
    if isinstance(space, gym.spaces.MultiDiscrete):
        index = _indices(space.nvec.shape)
        return _one_hots(space.nvec.reshape(-1), space.start.reshape(-1), lambda place, value: f"{name}{index[place]}={value}")
    if isinstance(space, gym.spaces.MultiBinary):
        shape = space.shape
        return _numbers(np.zeros(shape, np.float32), np.ones(shape, np.float32), name)
    if isinstance(space, gym.spaces.Box):
        return _numbers(space.low.astype(np.float32), space.high.astype(np.float32), name)
    encoder = make_encoder()

    def write(value: Any, out: Array) -> None:
        if not isinstance(value, str):
            raise TypeError(type(value))
        out[:] = encoder(value)

    low, high = (np.full(encoder.width, bound, np.float32) for bound in (encoder.low, np.inf))
    return Flat(low, high, lambda: [f"{name}: {word}" for word in encoder.names()], write)


def _numbers(low: Array, high: Array, name: str) -> Flat:
    shape = low.shape
    names = [f"{name}{index}" for index in _indices(shape)]

    def write(value: Any, out: Array) -> None:
        array = np.asarray(value)
        if array.shape != shape:
            raise ValueError(array.shape)  # NumPy would repeat it where it can
        out[:] = array.reshape(-1)

    return Flat(low.reshape(-1), high.reshape(-1), lambda: names, write)


def _one_hot(size: int, start: int, name: str) -> Flat:
    names = [f"{name}={start + place}" for place in range(size)]

    def write(value: Any, out: Array) -> None:
        place = int(value) - start
        if place < 0:
            raise IndexError(value)  # NumPy would count from the end
        out[:] = 0.0
        out[place] = 1.0

    return Flat(np.zeros(size, np.float32), np.ones(size, np.float32), lambda: names, write)


def _one_hots(sizes: Array, starts: Array, name: Callable[[int, int], str]) -> Flat:
    ends = np.cumsum(sizes)
    firsts = ends - sizes
    width = int(ends[-1]) if len(ends) else 0
    names = [name(place, int(start) + k) for place, (size, start) in enumerate(zip(sizes, starts, strict=True)) for k in range(int(size))]

    def write(value: Any, out: Array) -> None:
        given = np.asarray(value).reshape(-1)
        if given.shape != starts.shape:
            raise ValueError(given.shape)  # NumPy would repeat it where it can
        index = given.astype(np.int64) - starts
        if (index < 0).any() or (index >= sizes).any():
            raise IndexError(value)  # it is not in the space
        out[:] = 0.0
        out[firsts + index] = 1.0

    return Flat(np.zeros(width, np.float32), np.ones(width, np.float32), lambda: names, write)


def _indices(shape: tuple[int, ...]) -> list[str]:
    """Returns the indices of an array's numbers as text: `[0]`, `[1,2]`, and nothing for a single number without axes."""
    return [f"[{','.join(map(str, index))}]" if index else "" for index in np.ndindex(*shape)]
