from pathlib import Path

from arena.loggers import tags


def test_tags_are_distinct_and_all_explained():
    names = {value for name, value in vars(tags).items() if name.isupper() and isinstance(value, str) and not name.endswith("_PREFIX")}
    prefixes = (tags.LOSS_PREFIX, tags.METRIC_PREFIX, tags.EPISODE_METRIC_PREFIX, tags.IMAGE_PREFIX)
    assert names | {prefix + "*" for prefix in prefixes} == set(tags.TAGS)
    assert all(explanation.endswith(".") for explanation in tags.TAGS.values())


def test_the_page_on_tensorboard_says_the_same():
    page = (Path(__file__).parents[3] / "docs" / "tensorboard.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{tag}` | {text} |" for tag, text in tags.TAGS.items()]
