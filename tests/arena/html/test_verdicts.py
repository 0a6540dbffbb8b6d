import pytest

from arena.html.verdicts import verdict


@pytest.mark.parametrize(
    ("order", "decided", "sentence"),
    [
        ("", "", "There is nobody to compare."),
        ("a", "", "a is alone here: there is nobody to compare it with."),
        ("ab", "ab", "a is ahead of the other."),
        ("ab", "", "Nobody is ahead: a does best here, but that it is better than b is not decided."),
        ("abc", "ab ac bc", "a is ahead of all others."),
        ("abc", "ab ac", "a is ahead of all others. Between b and c nothing is decided."),
        ("abc", "ac bc", "a leads; whether it is better than b is not decided."),
        ("abcd", "ab ac ad", "a is ahead of all others. Nothing is decided between b and c or c and d."),
        ("abc", "ab ac cb", "a is ahead of all others."),
        # What is decided the other way round is not decided this way.
        (
            "ab",
            "ba",
            "Nobody is ahead: a does best here, but that it is better than b is not decided. "
            "The order is not that of the decisions: b is decided to be better than a.",
        ),
    ],
)
def test_a_verdict_claims_no_more_than_was_decided(order: str, decided: str, sentence: str) -> None:
    better = {tuple(pair) for pair in decided.split()}
    assert verdict(list(order), lambda a, b: (a, b) in better) == sentence


@pytest.mark.parametrize(
    ("ranks", "decided", "sentence"),
    [
        ({"a": 1, "b": 1}, "", "Nobody is ahead: a and b are equal."),
        ({"a": 1, "b": 1, "c": 3}, "ac bc", "a and b are equal and share the first rank; each is ahead of the other."),
        (
            {"a": 1, "b": 1, "c": 3},
            "ac",
            "Nobody is ahead: a and b are equal and do best here, but that they are better than c is not decided.",
        ),
        (
            {"a": 1, "b": 1, "c": 3, "d": 4},
            "ad bd cd",
            "a and b are equal and share the first rank; whether both are better than c is not decided.",
        ),
        ({"a": 1, "b": 2}, "ab", "a is ahead of the other."),
        ({"a": 1, "b": 2}, "", "Nobody is ahead: a does best here, but that it is better than b is not decided."),
    ],
)
def test_equal_ones_are_never_put_in_an_order_and_the_quantity_is_named(ranks, decided: str, sentence: str) -> None:
    better = {tuple(pair) for pair in decided.split()}
    assert verdict(list(ranks), lambda a, b: (a, b) in better, ranks=ranks, quantity="points") == f"{sentence} Ranked by points."
