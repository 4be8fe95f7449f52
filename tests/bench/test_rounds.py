"""What several rounds of a measurement come to."""

from tests.bench.measures import Figure, of_rounds


def test_the_median_and_the_best() -> None:
    rounds = [
        Figure("path", 10, 900.0, 1.0, 9.0, 100.0, 50.0, 60.0, ["odd"], submitted=3.0),
        Figure("path", 20, 1000.0, 3.0, 4.0, 70.0, 60.0, 30.0, ["odd"], submitted=1.0),
        Figure("path", 30, 700.0, 2.0, 5.0, 80.0, 70.0, 40.0, ["more"], submitted=2.0),
    ]
    assert of_rounds(rounds) == Figure(
        "path", 60, 900.0, 2.0, 5.0, 80.0, 70.0, 40.0, ["odd", "more"], 2.0, 3, 1000.0, 4.0, 70.0
    )


def test_one_round_of_what_has_no_latency() -> None:
    assert of_rounds([Figure("echo", 1, 5.0)]) == Figure("echo", 1, 5.0, best_rate=5.0)
