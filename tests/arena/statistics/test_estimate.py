from arena.statistics.estimate import Estimate, remarks


def test_an_interval_is_cut_off_at_the_bounds_and_a_missing_one_stays_missing():
    wide = Estimate(value=0.9, low=-0.5, high=1.2, num_seeds=5, note="a remark")
    assert wide.clipped((0.0, 1.0)) == Estimate(value=0.9, low=0.0, high=1.0, num_seeds=5, note="a remark")
    none = Estimate(value=0.9, num_seeds=2)
    assert none.clipped((0.0, 1.0)) == none


def test_each_remark_on_an_interval_is_given_once_and_no_reason_for_a_missing_one():
    marked = Estimate(value=1.0, low=0.0, high=2.0, num_seeds=5, note="holds less often")
    missing = Estimate(value=1.0, num_seeds=1, note="one episode supports no interval")
    plain = Estimate(value=1.0, low=0.0, high=2.0, num_seeds=20)
    assert remarks([marked, None, missing, plain, marked]) == ["holds less often"]
