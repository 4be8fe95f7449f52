"""From the counts that the parts keep to the metrics that operators scrape. Read once a second, so the hot paths pay
nothing but an addition.
"""

from collections.abc import Mapping

from prometheus_client import Counter

from gateway.care.delivery import DeliveryFigures
from gateway.care.intake import IntakeFigures
from gateway.care.tracking import TrackingFigures
from gateway.model.rows import values_of
from gateway.store import ends
from gateway.store.writer import WriterFigures
from gateway.telemetry import Metrics


class Figures:
    """Carries counts over into metrics; remembers what it carried already."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._carried: dict[tuple[str, ...], float] = {}
        for end in ends.ALL:
            metrics.messages.labels("mt", end.value)  # shown from the start, so that the first of each is a rise

    def _raise(self, counter: Counter, total: float, *labels: str) -> None:
        place = (str(counter), *labels)
        more = total - self._carried.get(place, 0.0)
        if more > 0:
            self._carried[place] = total
            (counter.labels(*labels) if labels else counter).inc(more)

    def delivery(self, carrier: str, figures: DeliveryFigures, link: Mapping[str, int]) -> None:
        """One carrier: attempts by outcome, PDUs that could not be read."""
        for outcome, count in figures.outcomes.items():
            self._raise(self._metrics.attempts, count, carrier, outcome)
        self._raise(self._metrics.bad_pdu, link.get("bad_pdu", 0), carrier)

    def receipts(self, by_carrier: Mapping[str, TrackingFigures]) -> None:
        """Receipts by what became of them."""
        for carrier, figures in by_carrier.items():
            for name, count in values_of(figures).items():
                self._raise(self._metrics.receipts, count, carrier, name)

    def intake(self, figures: IntakeFigures, dead_letters: int) -> None:
        """Texts from phones, and inputs that were given up."""
        outcomes = {
            "taken": figures.texts - figures.incomplete,
            "taken_incomplete": figures.incomplete,
            "redelivered": figures.redelivered,
            "not_stored": figures.refused,
            "sender_unreadable": figures.unreadable,
        }
        for outcome, count in outcomes.items():
            self._raise(self._metrics.texts_in, count, outcome)
        self._raise(self._metrics.dead_letters, dead_letters, "input")

    def desk(self, *, up: bool, counters: Mapping[str, int], waiting: Mapping[str, int]) -> None:
        """The agents' server, and who waits in which queue."""
        self._metrics.desk_up.set(up)
        for name, count in counters.items():
            self._raise(self._metrics.desk, count, name)
        for queue, number in waiting.items():
            self._metrics.waiting.labels(queue).set(number)

    def store(self, figures: WriterFigures) -> None:
        """Messages that ended, by disposition; and the mean of the transactions since the last look, since the writer
        keeps sums only.
        """
        for disposition, count in figures.tallies.copy().items():
            self._raise(self._metrics.messages, count, "mt", disposition)
        before = self._carried.get(("transactions",), 0.0)
        transactions = figures.transactions - before
        if transactions <= 0:
            return
        units = figures.units - self._carried.get(("units",), 0.0)
        seconds = figures.commit_seconds - self._carried.get(("seconds",), 0.0)
        self._carried[("transactions",)] = figures.transactions
        self._carried[("units",)] = figures.units
        self._carried[("seconds",)] = figures.commit_seconds
        self._metrics.batch_size.observe(units / transactions)
        self._metrics.commit_seconds.observe(seconds / transactions)
