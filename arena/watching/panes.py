"""Pictures to watch: the environment, and below it the policy's name, return, env step and action scores; several panes in a grid."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from arena.watching.episode import Moment

ONE_WIDTH, GRID_WIDTH = 480, 300
"""Width in pixels of a pane that stands alone, and of one in a grid."""
TEXT_HEIGHT = 18
"""Height in pixels of a line of text."""
SCORES_HEIGHT = 44
"""Height in pixels of the bars of action scores."""
MAX_BARS = 18
"""Largest number of action scores that are drawn; of more, the first are."""
_PAPER, _INK, _SOFT, _CHOSEN, _RULE = (255, 255, 255), (27, 31, 36), (89, 98, 109), (213, 94, 0), (217, 221, 226)
_MARGIN = 6


@dataclasses.dataclass(frozen=True)
class Watched:
    """One pane."""

    name: str
    """Name of the policy."""
    moments: Iterator[Moment]
    """Its episode."""


def frames(watched: Sequence[Watched], columns: int | None = None) -> Iterator[Image.Image]:
    """Yields one picture for each env step, until the last episode is over; what is over stands still.

    Args:
        watched: Episodes to show side by side.
        columns: Number of panes in a row; None makes a grid that is about as wide as high.
    """
    columns = columns or int(np.ceil(len(watched) ** 0.5))
    width = ONE_WIDTH if len(watched) == 1 else GRID_WIDTH
    panes: list[Image.Image] = [Image.new("RGB", (1, 1))] * len(watched)
    while True:
        moments = [next(each.moments, None) for each in watched]
        if all(moment is None for moment in moments):
            return
        for index, moment in enumerate(moments):
            if moment is not None:
                panes[index] = draw_pane(watched[index].name, moment, width)
        yield _grid(panes, min(columns, len(panes)))


def draw_pane(name: str, moment: Moment, width: int) -> Image.Image:
    """Returns the picture of one moment with its overlay.

    Args:
        name: Name of the policy.
        moment: The moment.
        width: Width in pixels.
    """
    drawn = Image.fromarray(moment.picture)
    enlarges = drawn.width < width  # pixels of small pictures stay sharp
    method = Image.Resampling.NEAREST if enlarges else Image.Resampling.BILINEAR
    drawn = drawn.resize((width, max(1, round(drawn.height * width / drawn.width))), method)
    pane = Image.new("RGB", (width, drawn.height + 2 * TEXT_HEIGHT + SCORES_HEIGHT + 2 * _MARGIN), _PAPER)
    pane.paste(drawn, (0, 0))
    draw, font, top = ImageDraw.Draw(pane), ImageFont.load_default(size=13), drawn.height + _MARGIN
    draw.text((_MARGIN, top), _fitting(draw, name, font, width - 2 * _MARGIN), fill=_INK, font=font)
    ending = f", {moment.ending}" if moment.ending else ""
    text = f"step {moment.env_step}, return {moment.episode_return:g}{ending}"
    draw.text((_MARGIN, top + TEXT_HEIGHT), _fitting(draw, text, font, width - 2 * _MARGIN), fill=_SOFT, font=font)
    _draw_scores(draw, moment, top + 2 * TEXT_HEIGHT, width)
    return pane


def _draw_scores(draw: ImageDraw.ImageDraw, moment: Moment, top: int, width: int) -> None:
    """Draws a bar for each score between the lowest and the highest, or for each number of a Box action; the chosen one is filled."""
    is_discrete = np.issubdtype(moment.action.dtype, np.integer)
    given = moment.scores if is_discrete else moment.action.reshape(-1)
    values = np.clip(np.nan_to_num(np.asarray(given, np.float64)), -1e30, 1e30)[:MAX_BARS]
    allowed = values > -1e29  # forbidden actions have no bar
    shown = values[allowed] if allowed.any() else np.zeros(1)
    low, high = float(shown.min()), float(shown.max())
    if not is_discrete:
        low, high = min(low, -1.0), max(high, 1.0)
    font, room = ImageFont.load_default(size=10), SCORES_HEIGHT - 14
    step = (width - 2 * _MARGIN) / len(values)
    base = top + room
    draw.line((_MARGIN, base, width - _MARGIN, base), fill=_RULE)
    for index, value in enumerate(values):
        left, right = _MARGIN + index * step + 2, _MARGIN + (index + 1) * step - 2
        is_chosen = is_discrete and index == int(moment.action)
        if allowed[index]:
            share = (value - low) / (high - low) if high > low else 1.0
            draw.rectangle((left, base - 2 - share * (room - 4), right, base), fill=_CHOSEN if is_chosen else _SOFT)
        if step >= 24:
            label = f"{value:.3g}" if allowed[index] else "-"
            draw.text(((left + right) / 2, base + 2), label, fill=_CHOSEN if is_chosen else _SOFT, font=font, anchor="ma")


def _fitting(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """Returns a text, cut to a width."""
    while text and draw.textlength(text, font) > width:
        text = text[:-2] + "\u2026" if len(text) > 2 else ""
    return text


def _grid(panes: Sequence[Image.Image], columns: int) -> Image.Image:
    width, height = max(pane.width for pane in panes), max(pane.height for pane in panes)
    whole = Image.new("RGB", (columns * width, -(-len(panes) // columns) * height), _PAPER)
    for index, pane in enumerate(panes):
        left, top = index % columns * width, index // columns * height
        whole.paste(pane, (left, top))
        ImageDraw.Draw(whole).rectangle((left, top, left + width - 1, top + height - 1), outline=_RULE)
    return whole
