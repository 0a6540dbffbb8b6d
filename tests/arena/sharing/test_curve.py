from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

from arena.run_folder.schema import Evaluated
from arena.sharing.curve import curve_svg

SVG = "{http://www.w3.org/2000/svg}"


def record(*returns: tuple[float, ...], name: str = "keras-ppo/CartPole-v1/seed-0") -> Any:
    rows = tuple(
        Evaluated(
            kind="selection",
            env_steps=1_000 * (number + 1),
            train_seconds=1.0,
            episode_return_mean=sum(each) / len(each),
            episode_returns=each,
            episode_lengths=tuple(1 for _ in each),
        )
        for number, each in enumerate(returns)
    )
    run = SimpleNamespace(name=name, agent=SimpleNamespace(name="keras-ppo", agent="keras-ppo"))
    return SimpleNamespace(run=run, selection=rows)


def test_the_curve_has_a_point_for_each_evaluation_and_a_band_of_intervals():
    content = curve_svg(record((1.0, 2.0, 3.0), (4.0, 6.0, 8.0), (9.0, 9.5, 10.0)))
    assert content is not None
    root = ElementTree.fromstring(content)
    (line,) = [path for path in root.iter(f"{SVG}path") if path.get("class") == "line"]
    (band,) = root.iter(f"{SVG}polygon")
    assert line.get("d", "").count(",") == 3
    assert band.get("points", "").count(",") == 6
    assert len(list(root.iter(f"{SVG}circle"))) == 3
    assert {"env steps", "mean return"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_names_of_strangers_are_text():
    content = curve_svg(record((1.0, 2.0), name="<script>&/\u00e9"))
    assert content is not None
    assert ElementTree.fromstring(content).findtext(f"{SVG}title") == "Learning curve of <script>&/\u00e9"


def test_a_run_without_evaluations_has_no_curve():
    assert curve_svg(record()) is None
