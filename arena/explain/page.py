"""The page of an explanation: one HTML file that opens offline."""

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from arena.explain.explanation import Explanation, ImageExplanation
from arena.html.charts import ChartLine, LineChart, line_chart
from arena.html.line_styles import numbered_style
from arena.html.rendering import render

Array = npt.NDArray[Any]

MAX_LINES = 6
"""Largest number of features whose course along the episode is drawn."""


def render_explanation(found: Explanation | ImageExplanation, *, policy: str, env: str) -> str:
    """Returns the HTML of the page.

    Args:
        found: Explanation.
        policy: Name of the policy.
        env: Name of the environment.
    """
    is_image = isinstance(found, ImageExplanation)
    pictures = _pictures(found) if isinstance(found, ImageExplanation) else []
    chart = None if isinstance(found, ImageExplanation) else _episode(found)
    sections = [("ranking", "Ranking", not is_image), ("actions", "Actions", not is_image), ("episode", "Episode", chart or pictures)]
    lines = [] if isinstance(found, ImageExplanation) else [found.feature_names[index] for index in found.ranking[:MAX_LINES]]
    return render(
        "explanation.html",
        sections=sections,
        found=found,
        policy=policy,
        env=env,
        is_image=is_image,
        chart=chart,
        lines={name: numbered_style(number) for number, name in enumerate(lines)},
        pictures=pictures,
    )


def _episode(found: Explanation) -> LineChart | None:
    steps = [float(step) for step in range(len(found.episode_values))]
    lines = [
        ChartLine(label=found.feature_names[index], style=numbered_style(number), x=steps, y=found.episode_values[:, index].tolist())
        for number, index in enumerate(found.ranking[:MAX_LINES])
    ]
    return line_chart(
        lines, x_label="env step", y_label="contribution to the chosen action", description="Contribution of each feature along one episode"
    )


def _pictures(found: ImageExplanation) -> list[str]:
    """Returns each image as a data URI, with the patches that count in colour and the others dark."""
    uris = []
    for image, saliency in zip(found.images, found.saliency, strict=True):
        pixels = image[..., -1:] if image.shape[-1] not in (1, 3) else image
        grey = pixels.astype(np.float64).mean(-1)
        grey = 255.0 * (grey - grey.min()) / max(float(np.ptp(grey)), 1e-12)
        share = saliency / max(float(saliency.max()), 1e-12)
        rows, columns = (np.arange(size) * patches // size for size, patches in zip(grey.shape, share.shape, strict=True))
        heat = share[np.ix_(rows, columns)]
        shown = np.stack([np.maximum(0.6 * grey, 255.0 * heat), 0.6 * grey, 0.6 * grey * (1.0 - heat)], axis=-1).astype(np.uint8)
        scale = max(1, 168 // max(grey.shape))
        picture, content = Image.fromarray(shown), io.BytesIO()
        picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST).save(content, "PNG")
        uris.append(f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}")
    return uris
