import pytest

from benchmarks.verdicts import Spread, TargetRow, distance_to_floor, ratio, target_rows, updates_apart


def measured(
    variant: str, number: int, *, seconds: float, updates: int = 100, env_steps: int = 1_000, start: float = 1.0, **further
) -> dict:
    line = {
        "variant": variant,
        "round": number,
        "wall_seconds": seconds,
        "cpu_seconds": seconds,
        "env_steps": env_steps,
        "updates": updates,
    }
    return {**line, "start_seconds": start, "peak_rss_bytes": 2**20, "parts": {}, **further}


def ours(number: int, *, seconds: float, share: float = 0.01, variant: str = "arena", **further) -> dict:
    return measured(
        variant,
        number,
        seconds=seconds,
        share_seconds={"loop": 0.25 * share * seconds, "log": 0.75 * share * seconds},
        train_seconds=seconds,
        **further,
    )


def floor(number: int, *, seconds: float, fused_seconds: float = 1.0) -> dict:
    """Half of it is 1,000 env steps, half 100 updates; these take `fused_seconds` in compiled code."""
    halves = {"env_step": seconds / 2_000, "update": seconds / 200, "fused_update": fused_seconds / 100}
    clocks = {f"{what}_{clock}": value for what, value in halves.items() for clock in ("wall_seconds", "cpu_seconds")}
    return measured("floor", number, seconds=0.1, **clocks)


def outcome(*measurements: dict, target: float = 4.0, failures: dict | None = None) -> dict:
    baseline = {"name": "stock", "label": "its own loop", "target": target, "conditions": "", "trains": True, "is_example": True}
    return {
        "case": "fake-dqn",
        "agent": "fake",
        "algorithm": "dqn",
        "floor_target": 2.0,
        "baselines": [baseline],
        "measurements": list(measurements),
        "failures": failures or {},
    }


def row(of: dict, name: str) -> TargetRow:
    [found] = [row for row in target_rows([of]) if row.name == name]
    return found


def test_the_ratio_is_the_median_of_ratios_within_rounds():
    case = outcome(
        *(ours(number, seconds=seconds) for number, seconds in enumerate((1.0, 2.0, 10.0))),
        *(measured("stock", number, seconds=seconds) for number, seconds in enumerate((5.0, 20.0, 60.0))),
    )
    assert ratio(case, "stock") == Spread(median=6.0, minimum=5.0, maximum=10.0)


def test_a_round_that_lacks_one_side_is_no_pair():
    case = outcome(ours(0, seconds=1.0), ours(1, seconds=1.0), measured("stock", 1, seconds=3.0))
    assert ratio(case, "stock") == Spread(median=3.0, minimum=3.0, maximum=3.0)


@pytest.mark.parametrize(
    ("our_seconds", "floor_seconds", "verdict"),
    [
        (2.5, 0.1, "met"),
        (2.6, 0.1, "missed"),
        (3.6, 3.0, "met, at the floor"),  # the floor allows 3.3 times, and we are within 1.25 of it
        (4.0, 3.0, "missed"),  # the floor allows no more than 3.3, but we are 1.33 above it
        (2.6, 2.4, "missed"),  # near the floor, which would allow the target
        (3.0, 3.1, "missed"),  # below what was measured as the floor, which so is none
    ],
)
def test_a_target_out_of_the_floors_reach_is_met_near_the_floor(our_seconds: float, floor_seconds: float, verdict: str):
    case = outcome(ours(0, seconds=our_seconds), measured("stock", 0, seconds=10.0), floor(0, seconds=floor_seconds))
    assert row(case, "fake-dqn-stock").verdict == verdict


def test_a_missed_target_without_a_floor_stays_missed():
    assert row(outcome(ours(0, seconds=9.0), measured("stock", 0, seconds=10.0)), "fake-dqn-stock").verdict == "missed"


def test_sides_that_did_not_make_the_same_updates_are_not_compared():
    case = outcome(ours(0, seconds=1.0, updates=90), measured("stock", 0, seconds=10.0, updates=100))
    assert updates_apart(case, "stock") == pytest.approx(0.105, abs=1e-3)
    found = row(case, "fake-dqn-stock")
    assert found.figure is None
    assert found.verdict == "refused: updates per env step differ by 11%"


def test_updates_are_compared_per_env_step():
    case = outcome(ours(0, seconds=1.0), measured("stock", 0, seconds=10.0, updates=200, env_steps=2_000))
    assert row(case, "fake-dqn-stock").verdict == "met"
    assert ratio(case, "stock").median == 5.0


def test_a_side_that_makes_fewer_updates_gains_nothing_by_it():
    fewer = outcome(ours(0, seconds=1.0, updates=95), measured("stock", 0, seconds=10.0))
    assert ratio(fewer, "stock").median == pytest.approx(9.5)
    more = outcome(ours(0, seconds=1.0, updates=105), measured("stock", 0, seconds=10.0))
    assert ratio(more, "stock").median == pytest.approx(10.0)


def test_a_variant_that_failed_says_why():
    case = outcome(ours(0, seconds=1.0), failures={"stock": "no such module"})
    assert row(case, "fake-dqn-stock").verdict == "failed: no such module"
    assert row(case, "fake-dqn-start").verdict == "failed: no such module"
    assert row(case, "fake-dqn-share").verdict == "failed: not measured; measure the case again"


def test_the_floor_is_that_of_the_same_round():
    case = outcome(ours(0, seconds=2.0), ours(1, seconds=6.0), floor(0, seconds=1.0), floor(1, seconds=2.0))
    assert distance_to_floor(case) == Spread(median=2.5, minimum=2.0, maximum=3.0)
    assert row(case, "fake-dqn-floor").verdict == "missed"


def test_the_distance_to_the_compiled_floor_is_shown_beside_the_one_that_is_judged():
    case = outcome(ours(0, seconds=3.0), floor(0, seconds=2.0, fused_seconds=0.5))  # 1 s of env steps in both floors
    found = row(case, "fake-dqn-floor")
    assert (found.figure, found.verdict) == (Spread(median=1.5, minimum=1.5, maximum=1.5), "met")
    assert found.note == "2.00 times the compiled floor"


@pytest.mark.parametrize(("share", "verdict"), [(0.029, "met"), (0.031, "missed")])
def test_the_arenas_own_share_has_a_bound(share: float, verdict: str):
    found = row(outcome(ours(0, seconds=5.0, share=0.5), ours(0, seconds=5.0, share=share, variant="whole")), "fake-dqn-share")
    assert found.verdict == verdict
    assert found.figure.median == pytest.approx(share)
    assert found.note == f"loop {0.25 * share:.1%}, log {0.75 * share:.1%}"


def test_start_up_is_compared_with_the_example():
    kept = ours(0, seconds=9.0, start=2.0, variant="whole")
    case = outcome(ours(0, seconds=1.0, start=4.0), kept, measured("stock", 0, seconds=9.0, start=5.0))
    found, cold = row(case, "fake-dqn-start"), row(case, "fake-dqn-start-cold")
    assert (found.figure, found.verdict, found.note) == (Spread(median=2.5, minimum=2.5, maximum=2.5), "met", "2.0 s against 5.0 s")
    assert (cold.figure.median, cold.verdict) == (1.25, "missed")
    earlier = row(outcome(ours(0, seconds=1.0), measured("stock", 0, seconds=9.0), failures={"whole": "no room"}), "fake-dqn-start")
    assert (earlier.figure, earlier.verdict) == (None, "failed: no room")


@pytest.mark.parametrize(("their_return", "verdict"), [(500.0, "met"), (499.0, "refused: the two sides' mean returns differ")])
def test_evaluations_are_compared_where_they_play_alike(their_return: float, verdict: str):
    both = (
        measured("arena", 0, seconds=0.1, episode_return_mean=500.0),
        measured("sb3", 0, seconds=3.0, episode_return_mean=their_return),
    )
    [found] = target_rows([{"case": "evaluation", "measurements": list(both), "failures": {}}])
    assert found.verdict == verdict
