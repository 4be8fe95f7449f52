"""Counts become metrics whose names say what was counted."""

from gateway.care.delivery import DeliveryFigures
from gateway.care.figures import Figures
from gateway.care.intake import IntakeFigures
from gateway.telemetry import Metrics


def lines(metrics: Metrics, name: str) -> set[str]:
    """The lines of one metric."""
    return {line for line in metrics.exposition()[0].decode().splitlines() if line.startswith(name + "{")}


def test_texts_from_phones_are_counted_by_what_became_of_them() -> None:
    metrics = Metrics()
    figures, intake = Figures(metrics), IntakeFigures(texts=5, redelivered=1, incomplete=2, refused=3, unreadable=4)
    figures.intake(intake, 0)
    figures.intake(intake, 0)
    assert lines(metrics, "careline_texts_in_total") == {
        'careline_texts_in_total{outcome="taken"} 3.0',
        'careline_texts_in_total{outcome="taken_incomplete"} 2.0',
        'careline_texts_in_total{outcome="redelivered"} 1.0',
        'careline_texts_in_total{outcome="not_stored"} 3.0',
        'careline_texts_in_total{outcome="sender_unreadable"} 4.0',
    }
    intake.texts += 1
    figures.intake(intake, 0)
    assert 'careline_texts_in_total{outcome="taken"} 4.0' in lines(metrics, "careline_texts_in_total")


def test_attempts_are_counted_by_outcome() -> None:
    metrics = Metrics()
    Figures(metrics).delivery("sim", DeliveryFigures({"accepted": 2}), {})
    assert lines(metrics, "careline_attempts_total") == {
        'careline_attempts_total{carrier="sim",outcome="accepted"} 2.0'
    }
