from arena.serve.metrics import ServerCounts


def test_counts_in_the_format_of_prometheus():
    metrics = ServerCounts()
    for seconds, status in ((0.0005, 200), (0.003, 200), (9.0, 500)):
        metrics.note_request("/act", status, seconds)
    metrics.add("observations", 5, policy='a"b\\c\nd')
    lines = metrics.text({"sums/1": 2}).splitlines()
    assert 'arena_requests_total{route="/act",code="200"} 2' in lines
    assert 'arena_request_seconds_bucket{route="/act",le="0.001"} 1' in lines
    assert 'arena_request_seconds_bucket{route="/act",le="5"} 2' in lines
    assert 'arena_request_seconds_bucket{route="/act",le="+Inf"} 3' in lines
    assert 'arena_request_seconds_count{route="/act"} 3' in lines
    assert 'arena_observations_total{policy="a\\"b\\\\c\\nd"} 5' in lines
    assert 'arena_waiting_requests{policy="sums/1"} 2' in lines
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families)) == 7
