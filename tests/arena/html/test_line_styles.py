import itertools
import re

import numpy as np
import numpy.typing as npt
import pytest

from arena.html.line_styles import DARK_PAPER, HUES, LIGHT_PAPER, agent_styles, numbered_style, style_sheet
from arena.html.rendering import TEMPLATES

FRAMEWORKS = ("tfagents", "rllib", "keras", "kerasrl", "sb3")
# Machado et al., 2009, doi:10.1109/TVCG.2009.113: full deficiency, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}
# Ottosson, 2020, https://bottosson.github.io/posts/oklab/
LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]
)
LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]
)


def _linear(color: str) -> npt.NDArray[np.float64]:
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    low, high = sorted(float(_linear(color) @ (0.2126, 0.7152, 0.0722)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def _seen(color: str, deficiency: str) -> npt.NDArray[np.float64]:
    return LAB @ np.cbrt(LMS @ np.clip(DEFICIENCIES[deficiency] @ _linear(color), 0.0, 1.0))


@pytest.mark.parametrize(("theme", "paper"), [("light", LIGHT_PAPER), ("dark", DARK_PAPER)])
def test_every_shade_stands_out_from_the_page(theme: str, paper: str) -> None:
    weak = {(name, color) for name, hue in HUES.items() for color in getattr(hue, theme) if _contrast(color, paper) < 3.0}
    assert weak == set(), "WCAG 2.2, 1.4.11"


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_frameworks_stay_apart_also_without_red_or_green(theme: str, deficiency: str) -> None:
    colors = {name: _seen(getattr(HUES[name], theme)[0], deficiency) for name in FRAMEWORKS}
    near = {pair: float(np.linalg.norm(colors[pair[0]] - colors[pair[1]])) for pair in itertools.combinations(FRAMEWORKS, 2)}
    assert min(near.values()) > 0.09, near


def test_a_framework_has_one_colour_on_every_page_and_its_agents_differ_in_shade_and_dashes() -> None:
    few = agent_styles({"keras-dqn": "keras-dqn", "sb3-ppo": "sb3-ppo"})
    many = agent_styles(
        {name: name for name in ("keras-dqn", "keras-ppo", "keras-sac", "kerasrl-dqn", "random", "sb3-ppo", "tfagents-dqn")}
    )
    assert all(many[name] == style for name, style in few.items())
    assert {many[name].hue for name in many if name.startswith("keras-")} == {"keras"}
    assert many["random"].hue == "baseline"
    assert len({(many[name].shade, many[name].dash) for name in ("keras-dqn", "keras-ppo", "keras-sac")}) == 3


def test_a_named_agent_has_its_frameworks_colour_and_leaves_its_style_to_the_one_that_is_called_so() -> None:
    styles = agent_styles({"fast": "keras-dqn", "keras-dqn": "keras-dqn"})
    assert styles["fast"].hue == styles["keras-dqn"].hue == "keras"
    assert styles["keras-dqn"] == agent_styles({"keras-dqn": "keras-dqn"})["keras-dqn"] != styles["fast"]


def test_agents_of_unknown_frameworks_have_colours_of_their_own() -> None:
    styles = agent_styles({"torch_dqn": "torch_dqn:SPEC", "jaxy-ppo": "jaxy-ppo", "third-dqn": "third-dqn"})
    assert {style.hue for style in styles.values()} == {"other-1", "other-2"}
    assert len(set(styles.values())) == 3


def test_two_dozen_agents_of_one_framework_look_different_from_each_other() -> None:
    styles = agent_styles({f"agent-{k}": "keras-dqn" for k in range(24)})
    assert len({(style.shade, style.dash, style.is_thin) for style in styles.values()}) == 24


def test_lines_that_are_no_agents_take_each_hue_once_before_one_repeats() -> None:
    styles = [numbered_style(number) for number in range(2 * len(HUES))]
    assert len({style.hue for style in styles[: len(HUES)]}) == len(HUES)
    assert len(set(styles)) == len(styles)


def test_the_style_sheet_draws_every_style_and_no_other_colour_of_lines() -> None:
    rules = style_sheet()
    for style in agent_styles({f"{name}-{k}": f"{name}-dqn" for name in FRAMEWORKS for k in range(24)}).values():
        color, dash, *_ = style.classes.split()
        assert f".{color}{{color:var(--{color})}}" in rules
        assert style.dash == 0 or f".chart .{dash}," in rules
    assert not re.findall(r"--c\d", (TEMPLATES / "style.css").read_text(encoding="utf-8"))
