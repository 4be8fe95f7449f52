"""What several rounds of a measurement come to."""

from tests.bench.measures import Figure, of_rounds


def test_the_median_of_all_and_the_best_of_the_good() -> None:
    rounds = [
        Figure("path", 10, 900.0, 1.0, 9.0, 100.0, 50.0, 60.0, submitted=3.0),
        Figure("path", 20, 2000.0, 3.0, 0.0, 7.0, 60.0, 30.0, ["not all came out"], submitted=1.0),
        Figure("path", 30, 700.0, 2.0, 5.0, 80.0, 70.0, 40.0, submitted=2.0),
    ]
    assert of_rounds(rounds) == Figure(
        "path", 60, 900.0, 2.0, 5.0, 80.0, 70.0, 40.0, ["not all came out"], 2.0, 3, 900.0, 5.0, 80.0
    )


def test_one_round_of_what_has_no_latency() -> None:
    assert of_rounds([Figure("echo", 1, 5.0)]) == Figure("echo", 1, 5.0, best_rate=5.0)


def test_rounds_that_are_all_odd_have_no_best() -> None:
    assert of_rounds([Figure("path", 1, 5.0, notes=["odd"])] * 2).best_rate is None
