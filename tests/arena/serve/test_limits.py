from arena.serve.limits import MAX_CLIENTS, Rates


def test_a_client_may_ask_as_often_as_is_allowed_and_others_do_not_count():
    now = 0.0
    rates = Rates(2.0, lambda: now)
    assert [rates.allows("a") for _ in range(3)] == [True, True, False]
    assert rates.allows("b")
    now = 0.5
    assert [rates.allows("a") for _ in range(2)] == [True, False]
    now = 100.0
    assert [rates.allows("a") for _ in range(3)] == [True, True, False]


def test_no_rate_allows_all():
    rates = Rates(0.0)
    assert all(rates.allows("a") for _ in range(5_000))


def test_clients_without_end_are_forgotten():
    rates = Rates(1.0, lambda: 0.0)
    assert rates.allows("first")
    assert not rates.allows("first")
    for number in range(MAX_CLIENTS):
        rates.allows(str(number))
    assert rates.allows("first")
