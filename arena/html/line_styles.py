"""Colours and dashes of agents: the framework decides the colour, and shades and dashes tell its agents apart, on every page and picture.

The colours of the frameworks stay apart for readers who see no red or no green (tested with the matrices of Machado et al., 2009,
doi:10.1109/TVCG.2009.113), and every shade has a contrast of at least 3 to 1 against the page, light and dark (WCAG 2.2, 1.4.11).
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping

LIGHT_PAPER, DARK_PAPER = "#ffffff", "#14171b"
"""Background of a page in either theme."""


@dataclasses.dataclass(frozen=True)
class Hue:
    """One colour in its three shades."""

    light: tuple[str, str, str]
    """Shades on a light page."""
    dark: tuple[str, str, str]
    """Shades on a dark page."""


HUES: Mapping[str, Hue] = {
    "tfagents": Hue(("#a85211", "#c97037", "#813a00"), ("#ff9445", "#fec5a1", "#dc741c")),
    "rllib": Hue(("#0b4596", "#2c63b7", "#4981d8"), ("#2f9bf5", "#75bbff", "#0a7cce")),
    "keras": Hue(("#35a060", "#098145", "#066032"), ("#8cf0a4", "#6bcf85", "#4aae67")),
    "kerasrl": Hue(("#cc5bbd", "#aa3b9d", "#8a157e"), ("#c75591", "#ea74b0", "#fe9fcd")),
    "sb3": Hue(("#523d00", "#6e5823", "#8c7541"), ("#9d8410", "#bca33d", "#dcc35f")),
    "baseline": Hue(("#76797f", "#5a5c62", "#3f4147"), ("#a3a5ac", "#c2c5cc", "#85878d")),
    "other-1": Hue(("#7a46a8", "#9864c9", "#5d2788"), ("#8f6ff0", "#ab97fd", "#c9bffd")),
    "other-2": Hue(("#05696a", "#338787", "#034a4b"), ("#28dff7", "#05bcd2", "#079aac")),
}
"""Colours by the first part of an agent's id; those of frameworks that have none here share the last two."""

DASHES: tuple[tuple[float, ...], ...] = ((), (8, 3), (2, 3.5), (8, 3, 2, 3))
"""Lengths of strokes and gaps of each kind of line, in pixels of a chart; an empty one is solid."""
_BASELINES = ("random", "constant")
_OTHERS = ("other-1", "other-2")
_SLOTS = {"dqn": 0, "ppo": 1, "sac": 2, "td3": 3, "sarsa": 4, "c51": 5, "reinforce": 6, "ddpg": 7, "random": 0, "constant": 1}
"""Slot of an algorithm among the agents of its framework, so that it has the same dashes everywhere."""
NUM_SHADES = 3
"""Number of shades of a hue; with the dashes they make twelve styles before lines become thin."""


@dataclasses.dataclass(frozen=True)
class LineStyle:
    """Style in which everything of one agent is drawn."""

    hue: str
    """Member of `HUES`."""
    slot: int
    """Number of the agent among those of the same hue: it decides shade and dashes."""

    @property
    def shade(self) -> int:
        """Number of the shade."""
        return self.slot % NUM_SHADES

    @property
    def dash(self) -> int:
        """Number of the kind of line."""
        return self.slot % len(DASHES)

    @property
    def is_thin(self) -> bool:
        """Whether lines are drawn thin, because another agent has the shade and the dashes."""
        return self.slot >= NUM_SHADES * len(DASHES)

    @property
    def classes(self) -> str:
        """Classes of the style sheet that draw it."""
        return f"{self.hue}-{self.shade} d{self.dash}{' thin' if self.is_thin else ''}"

    @property
    def strokes(self) -> tuple[float, tuple[float, ...]]:
        """Offset and lengths of strokes and gaps in widths of the line, as matplotlib's `linestyle` takes them."""
        return 0.0, tuple(length / 2 for length in DASHES[self.dash])

    @property
    def color(self) -> str:
        """Colour on white paper."""
        return HUES[self.hue].light[self.shade]


def agent_styles(agents: Mapping[str, str]) -> dict[str, LineStyle]:
    """Returns the style of each agent of a page; up to 24 of one hue look different from each other.

    Args:
        agents: name -> id of the agent (`keras-dqn`) or import path of its spec; the name itself where the id is not known.
    """
    hues, taken, found = _hues(agents.values()), set[LineStyle](), {}
    algorithms = {name: agent.rpartition("-")[2] for name, agent in agents.items()}
    # Whoever has the name of its id, and an algorithm with a slot, comes first.
    for name in sorted(agents, key=lambda name: (name != agents[name], algorithms[name] not in _SLOTS, name)):
        hue = hues[_group(agents[name])]
        slots = itertools.chain([_SLOTS.get(algorithms[name], 0)], itertools.count())
        style = next(style for style in (LineStyle(hue, slot) for slot in slots) if style not in taken)
        taken.add(style)
        found[name] = style
    return {name: found[name] for name in agents}


def numbered_style(number: int) -> LineStyle:
    """Returns the style of the line of that number, of lines that are not agents: each of the first eight has a hue of its own."""
    round_, hue = divmod(number, len(HUES))
    return LineStyle(list(HUES)[hue], round_)


def style_sheet() -> str:
    """Returns the rules of a style sheet for `LineStyle.classes`, in both themes."""
    light = "".join(f"--{name}-{shade}:{color};" for name, hue in HUES.items() for shade, color in enumerate(hue.light))
    dark = "".join(f"--{name}-{shade}:{color};" for name, hue in HUES.items() for shade, color in enumerate(hue.dark))
    rules = [
        f":root{{--paper:{LIGHT_PAPER};{light}}}",
        f"@media screen and (prefers-color-scheme: dark){{:root{{--paper:{DARK_PAPER};{dark}}}}}",
    ]
    rules += [f".{name}-{shade}{{color:var(--{name}-{shade})}}" for name in HUES for shade in range(NUM_SHADES)]
    rules += [
        f".chart .d{dash},.swatch .d{dash}{{stroke-dasharray:{' '.join(f'{length:g}' for length in lengths)}}}"
        for dash, lengths in enumerate(DASHES)
        if lengths
    ]
    return "\n".join(rules)


def _group(agent: str) -> str:
    """Returns what an agent's colour goes by: the framework in its id, or the package of its spec."""
    root = agent.partition(":")[0].partition(".")[0] if ":" in agent else agent.partition("-")[0]
    return "baseline" if root in _BASELINES else root


def _hues(agents: Iterable[str]) -> dict[str, str]:
    groups = sorted(set(map(_group, agents)))
    others = itertools.cycle(_OTHERS)
    return {group: group if group in HUES else next(others) for group in groups}
