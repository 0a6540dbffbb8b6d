"""The learning curve of a packed policy as an SVG of its own, which the card shows."""

from xml.sax.saxutils import escape

import numpy as np

from arena.html.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, ChartLine, LineChart, line_chart
from arena.html.line_styles import agent_styles
from arena.run_folder.record import RunRecord
from arena.statistics.mean_intervals import mean_interval

_STYLE = (
    "text{{font:11px sans-serif;fill:#59626d}}.tick{{stroke:#d9dde2}}.axis{{stroke:#59626d}}"
    ".line{{fill:none;stroke:{0};stroke-width:2}}.dot{{fill:{0}}}.band{{fill:{0};fill-opacity:.15}}"
)
"""Style of the picture, for the agent's colour; the background is white, since a card may be shown on dark pages."""


def curve_svg(record: RunRecord) -> bytes | None:
    """Returns the mean return of a run's selection evaluations over env steps, with 95% intervals over episodes; None without any."""
    selection = record.selection
    estimates = [mean_interval(np.array(evaluation.episode_returns, np.float64)[None]) for evaluation in selection]
    style = agent_styles({record.run.agent.name: record.run.agent.agent})[record.run.agent.name]
    line = ChartLine(
        label=record.run.name,
        style=style,
        x=[float(evaluation.env_steps) for evaluation in selection],
        y=[estimate.value for estimate in estimates],
        low=[estimate.low for estimate in estimates],
        high=[estimate.high for estimate in estimates],
    )
    chart = line_chart([line], x_label="env steps", y_label="mean return", description=f"Learning curve of {record.run.name}")
    return None if chart is None else "\n".join(_drawn(chart, style.color)).encode("ascii", errors="xmlcharrefreplace")


def _drawn(chart: LineChart, color: str) -> list[str]:
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{escape(chart.description)}</title><style>{_STYLE.format(color)}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for y, label in chart.y.labelled_ticks():
        drawn.append(f'<path class="tick" d="M{left} {y}H{right}"/>')
        drawn.append(f'<text x="{left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{escape(label)}</text>')
    drawn += [f'<text x="{x}" y="{bottom + 15}" text-anchor="middle">{escape(label)}</text>' for x, label in chart.x.labelled_ticks()]
    drawn.append(f'<text x="{(left + right) / 2}" y="{bottom + 32}" text-anchor="middle">{chart.x_label}</text>')
    middle = (top + bottom) / 2
    drawn.append(f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{chart.y_label}</text>')
    drawn += [f'<polygon class="band" points="{line.band}"/>' for line in chart.lines if line.band]
    drawn += [f'<path class="line" d="{line.path}"/>' for line in chart.lines]
    drawn += [f'<circle class="dot" cx="{point.x}" cy="{point.y}" r="2.5"/>' for line in chart.lines for point in line.points]
    return [*drawn, f'<path class="axis" d="M{left} {bottom}H{right}"/>', "</svg>", ""]
