from benchmarks.scale_curves import half_speed, near_maximum, while_all_train
from benchmarks.verdicts import Spread


def test_runs_are_summed_over_the_time_in_which_all_train():
    early = [(0.0, 0), (10.0, 1_000)]  # 100 a second
    late = [(5.0, 0), (10.0, 250), (20.0, 10_000)]  # 50 a second, and more once it is alone
    assert while_all_train([early, late]) == (150.0, 5.0)
    assert while_all_train([early, [(10.0, 0), (20.0, 1_000)]]) is None
    assert while_all_train([early, []]) is None
    assert while_all_train([]) is None


def test_bends_are_found_by_medians():
    curve = {value: Spread(median=rate, minimum=0.0, maximum=1e9) for value, rate in {1: 10.0, 4: 91.0, 16: 100.0, 64: 40.0}.items()}
    assert near_maximum(curve) == 4
    assert half_speed({64: curve[16], 128: curve[4], 256: curve[64]}) == 256
    assert half_speed({64: curve[16], 128: curve[4]}) is None
