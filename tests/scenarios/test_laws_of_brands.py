"""Random lives of two customers of two brands on one short code, against the invariants (design 4) and decision 26."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.care.desk import Sending, Unknown
from gateway.care.turn import Refused
from gateway.model.channel import InboundPart
from gateway.model.message import MessageClass, ReceiptState
from tests.doubles import carrier as moods
from tests.doubles.stage import OURS, Stage, fresh_database, house
from tests.scenarios.brands import sharing
from tests.scenarios.playing import SAMPLES

SHM = Path("/dev/shm")  # the database of a test that crashes nothing needs no disk
ANN, BOB = "+15551230001", "+15551230002"
PEOPLE = st.sampled_from([ANN, BOB])
BRANDS = st.sampled_from(["acme", "zed"])
TYPES = st.sampled_from(
    [
        ("plan.overage", SAMPLES["plan.overage"]),
        ("flight.delayed", SAMPLES["flight.delayed"]),
        ("notice.only", {"what": "news"}),
        ("colour.asked", {"what": "colour"}),
        ("sale.promo", {"what": "sale"}),
    ]
)
# What consent each text gives or takes, by brand; all others change nothing.
CONSENT: dict[str, tuple[str, tuple[str, ...]]] = {
    "STOP": ("revoked", ("acme", "zed")),
    "stop, thanks": ("revoked", ("acme", "zed")),
    "STOP ACME": ("revoked", ("acme",)),
    "Zed Air: stop!": ("revoked", ("zed",)),
    "Acme Mobile Zed STOP": ("revoked", ("acme", "zed")),
    "START": ("granted", ("acme", "zed")),
    "start acme": ("granted", ("acme",)),
    "FLY START": ("granted", ("zed",)),
    "stop acme": ("revoked", ("acme",)),
}
OTHERS = ["YES", "no", "HELP", "help zed", "AGENT", "why?", "ok", "1", "2", "2 please", "acme", "ZED AIR", "Acme yes",
          "fly agent", "zed: red", "BALANCE", "hi", "4", "thanks", "I cannot stop laughing at Acme"]  # fmt: skip
WORDS = st.sampled_from([*CONSENT, *OTHERS])
ANSWERS = st.sampled_from(["1", "2 please", "zed", "FLY my bag", "hm", "and more", "STOP", "stop acme", "HELP"])
PAUSES = st.sampled_from([1, 61, 301, 3601, 13 * 3600, 25 * 3600])
MOODS = st.sampled_from([moods.OK, moods.THROTTLE, moods.BUSY, moods.LOSE, moods.LOSE_UNTAKEN])
ASKED = "Who is your message for?"


class SharedCode(RuleBasedStateMachine):
    """Rules are what the world does; whether the house comes to rest after one is chance too."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="careline-brands-", dir=SHM if SHM.is_dir() else None))
        self.loop = asyncio.new_event_loop()
        self.restless = False
        self.written: list[InboundPart] = []
        self.last_written = self.strangers = 0
        self.consent: dict[tuple[str, str], str] = {}
        self.changes: Counter[str] = Counter()
        self.seen, self.stopped_then, self.changes_then = 0, set[tuple[str, str]](), Counter[str]()

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(doing)

    @initialize(at_once=st.booleans(), chat=st.booleans())
    def begin(self, at_once: bool, chat: bool) -> None:
        fresh_database(self.folder / "house.db")
        self.stage = Stage(self.folder / "house.db", playbook=sharing(house()[1]), at_once=at_once, chat=chat)
        self.run(self.stage.open())

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            self.run(self.stage.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)

    def rest(self, settle: bool) -> None:
        self.restless = not settle
        if settle:
            self.run(self.stage.settled())

    @rule(to=PEOPLE, brand=BRANDS, what=TYPES, settle=st.booleans())
    def event(self, to: str, brand: str, what: tuple[str, dict[str, object]], settle: bool) -> None:
        self.run(self.stage.event(what[0], to, what[1], brand=brand))
        self.rest(settle)

    @rule(who=PEOPLE, texts=st.lists(WORDS, min_size=1, max_size=5), settle=st.booleans())
    def writes(self, who: str, texts: list[str], settle: bool) -> None:
        self.write(who, texts, settle)

    @rule(who=PEOPLE, text=st.sampled_from(list(CONSENT)), settle=st.booleans())
    def says_stop_or_start(self, who: str, text: str, settle: bool) -> None:
        self.write(who, [text], settle)

    @rule(first=st.sampled_from(["hi", "AGENT", "why?"]), then=st.lists(ANSWERS, min_size=1, max_size=3))
    def a_stranger_is_asked(self, first: str, then: list[str]) -> None:
        self.strangers += 1
        for text in (first, *then):
            self.write(f"+1555124{self.strangers:04d}", [text], settle=True)

    def write(self, who: str, texts: list[str], settle: bool) -> None:
        for text in texts:
            self.written.append(self.stage.writes(who, text))
            state, brands = CONSENT.get(text, ("", ()))
            self.consent.update({(who, brand): state for brand in brands})
            self.changes[who] += len(brands)
        self.last_written = self.stage.now
        self.rest(settle)

    @precondition(lambda self: self.written and self.stage.now - self.last_written < 290_000)
    @rule()
    def hands_over_again(self) -> None:
        self.stage.carrier.again(self.written[-1])
        self.rest(settle=True)

    @rule(seconds=PAUSES)
    def pause(self, seconds: int) -> None:
        self.run(self.stage.advance(seconds=seconds))
        self.restless = False

    @rule(mood=MOODS)
    def carrier_mood(self, mood: str) -> None:
        self.stage.carrier.moods.append(mood)

    @rule(before=st.integers(0, 3), state=st.sampled_from(list(ReceiptState)))
    def receipt(self, before: int, state: ReceiptState) -> None:
        """Of one of the last four texts."""
        for part in self.stage.carrier.taken[-4:][::-1][before : before + 1]:
            self.stage.report(part, state)
        self.rest(settle=True)

    @rule()
    def billing_answers(self) -> None:
        for visit in self.stage.office.waiting[:1]:
            self.stage.office.answer(visit, 200, {"balance": "1.00", "currency": "USD"})
        self.rest(settle=True)

    @rule(to=PEOPLE, brand=BRANDS, cls=st.sampled_from(list(MessageClass)))
    def program(self, to: str, brand: str, cls: MessageClass) -> None:
        sending = Sending(to, f"A {cls.name} text.", None, {}, cls, OURS, None, "program", brand)
        self.run(self.stage.do(self.stage.desk.send(sending)))
        self.restless = False

    @rule(of=PEOPLE, brand=BRANDS, verb=st.sampled_from(["claim", "say", "close"]))
    def ana(self, of: str, brand: str, verb: str) -> None:
        self.run(self.stage.settled())
        rows = self.run(
            self.stage.rows(
                "SELECT id FROM conversation WHERE key = ? AND brand = ? ORDER BY id DESC LIMIT 1", f"tel:{of}", brand
            )
        )
        desk = self.stage.desk
        for row in rows:
            doing: dict[str, Coroutine[Any, Any, Any]] = {
                "claim": desk.claim(row["id"], "Ana"),
                "say": desk.say(row["id"], "Ana", "It is Ana."),
                "close": desk.close(row["id"], "Ana", "resolved", ""),
            }
            try:
                self.run(self.stage.do(doing.pop(verb)))
            except (Refused, Unknown):
                pass
            finally:
                for other in doing.values():
                    other.close()
        self.restless = False

    @rule()
    def restart(self) -> None:
        # The same words on a later bind within ten minutes count as a redelivery (docs/decisions/0004).
        self.run(self.stage.advance(minutes=11))
        self.run(self.stage.restart())
        self.rest(settle=True)

    # -- the laws

    @invariant()
    def laws(self) -> None:
        if self.restless or not hasattr(self, "stage"):
            return
        broken = self.run(self.stage.laws())
        assert not broken, broken

    @invariant()
    def every_text_is_kept_once(self) -> None:
        if self.restless or not hasattr(self, "stage"):
            return
        kept = self.run(self.stage.rows("SELECT digest, count(*) AS n FROM message WHERE direction = 'mo' GROUP BY 1"))
        assert {row["digest"]: row["n"] for row in kept} == Counter(item.digest for item in self.written)

    @invariant()
    def consent_is_what_they_said_of_each_brand(self) -> None:
        if self.restless or not hasattr(self, "stage"):
            return
        rows = self.run(
            self.stage.rows("SELECT value, brand, state FROM consent JOIN address ON address.id = address_id")
        )
        assert {(row["value"], row["brand"]): row["state"] for row in rows} == self.consent

    @invariant()
    def nothing_but_the_confirmation_after_stop(self) -> None:
        """Of each brand by itself. Where consent changed since the last look, nobody knows what came before."""
        if self.restless or not hasattr(self, "stage"):
            return
        for part in self.stage.carrier.submitted[self.seen :]:
            [row] = self.run(self.stage.rows("SELECT brand, cls, author_id FROM message WHERE id = ?", part.attempt[0]))
            if (part.to, row["brand"]) in self.stopped_then and self.changes[part.to] == self.changes_then[part.to]:
                assert row["author_id"] == "compliance" or row["cls"] == MessageClass.emergency, part
        self.seen, self.changes_then = len(self.stage.carrier.submitted), Counter(self.changes)
        self.stopped_then = {who for who, state in self.consent.items() if state == "revoked"}

    @invariant()
    def one_question_and_no_text_waits_for_ever(self) -> None:
        if self.restless or not hasattr(self, "stage"):
            return
        asked = self.run(
            self.stage.rows("SELECT theirs, id >> 20 AS at FROM message WHERE text LIKE ? ORDER BY id", f"{ASKED}%")
        )
        latest: dict[str, int] = {}
        for row in asked:
            before = latest.get(row["theirs"])
            answers = [item for item in self.written if item.sender == row["theirs"]]
            assert before is None or (before < row["at"] and len(answers) > 1), "asked twice at once"
            latest[row["theirs"]] = row["at"]
        held = self.run(
            self.stage.rows(
                "SELECT m.id, m.text, json_extract(c.shared, '$.\"70007\"[1]') AS question FROM message m "
                "JOIN message_event e ON e.message_id = m.id AND e.code = 'brand' JOIN customer c ON c.key = m.key "
                "WHERE m.conversation_id IS NULL AND (SELECT count(DISTINCT k.brand) FROM consent_event k "
                "WHERE k.address_id = m.address_id AND k.act = 'revoke') < 2 "
                "AND NOT EXISTS (SELECT 1 FROM message_event r WHERE r.message_id = m.id "
                "AND (r.kind = 'reply' OR r.code = 'suppression'))"
            )
        )
        for row in held:
            assert str(row["id"]) in (row["question"] or ""), f"{row['text']!r} is lost sight of"


TestSharedCode = SharedCode.TestCase
TestSharedCode.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
)
