"""The verdict: the carrier's and the billing system's own words, held against what the gateway acknowledged."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.business import Ledger
from tests.faults.office import Call
from tests.faults.smsc import Smsc, Taken


@dataclass(slots=True)
class Sent:
    """A message as the gateway's database has it: its rows, and its attempts."""

    ids: list[int] = field(default_factory=list)
    marked: bool = False
    attempts: int = 0
    marked_attempts: int = 0
    disposition: str | None = None


@dataclass(slots=True)
class Verdict:
    """What is wrong, each in a sentence, and what was counted."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def say(self, kind: str, sentence: str) -> None:
        """One violation."""
        self.counts[kind] += 1
        if self.counts[kind] <= 5:
            self.wrong.append(f"{kind}: {sentence}")


def read(database: Path) -> sqlite3.Connection:
    """The database, only to look."""
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True)


def unfinished(database: Path) -> int:
    """Work that is due, and tries without an outcome: 0 when all that was taken is settled."""
    connection = read(database)
    try:
        [now] = connection.execute("SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000").fetchone()
        [due] = connection.execute(
            "SELECT count(*) FROM work WHERE due <= ? AND lane <> 'receipt' OR lane = 'doubt'", (now,)
        ).fetchone()
        [calls] = connection.execute("SELECT count(*) FROM work WHERE lane = 'call'").fetchone()
        [open_attempts] = connection.execute("SELECT count(*) FROM attempt WHERE outcome IS NULL").fetchone()
        return int(due) + int(calls) + int(open_attempts)
    finally:
        connection.close()


def judge(database: Path, ledger: Ledger, smsc: Smsc, calls: Sequence[Call]) -> Verdict:
    """All rules of the kill test."""
    verdict = Verdict()
    connection = read(database)
    try:
        for sentence in ledger.wrong:
            verdict.say("a refused request", sentence)
        [check] = connection.execute("PRAGMA quick_check").fetchone()
        if check != "ok":
            verdict.say("a broken database", str(check))
        for kind, ref, cause in connection.execute("SELECT kind, ref, cause FROM dead_letter"):
            verdict.say("a dead letter", f"{kind} {ref}: {cause}")
        sent = _sent(connection)
        _lost(verdict, ledger, smsc, sent)
        _twice(verdict, smsc.taken, sent)
        _order(verdict, smsc.taken, sent)
        _texts(verdict, connection, smsc)
        _billing(verdict, connection, ledger, smsc, calls)
        _found(verdict, connection)
        verdict.counts["submits that the carrier took"] = len(smsc.taken)
        verdict.counts["marked duplicates"] = sum(1 for one in sent.values() if one.marked)
    finally:
        connection.close()
    return verdict


def _sent(connection: sqlite3.Connection) -> dict[tuple[str, str], Sent]:
    found: dict[tuple[str, str], Sent] = defaultdict(Sent)
    names: dict[int, tuple[str, str]] = {}
    for an_id, to, text, marked, disposition in connection.execute(
        "SELECT id, theirs, text, possible_duplicate, disposition FROM message WHERE direction = 'mt' ORDER BY id"
    ):
        one = found[to, text]
        names[an_id] = (to, text)
        one.ids.append(an_id)
        one.marked = one.marked or bool(marked)
        one.disposition = disposition
    for an_id, marked in connection.execute("SELECT message_id, possible_duplicate FROM attempt"):
        one = found[names[an_id]]
        one.attempts += 1
        one.marked_attempts += int(marked)
    return found


def _lost(verdict: Verdict, ledger: Ledger, smsc: Smsc, sent: dict[tuple[str, str], Sent]) -> None:
    """What was acknowledged came out; an at-most-once text may stay away if it is said to be in doubt."""
    came_out = {(taken.to, taken.text) for taken in smsc.taken}
    for to, text in [*ledger.events, *(label for label in smsc.acknowledged if label[1].startswith("m"))]:
        if (to, text) in came_out:
            continue
        one = sent.get((to, text))
        if text.startswith("o") and one is not None and one.disposition in ("unknown", "in_doubt"):
            verdict.counts["at most once, and not sent"] += 1
            continue
        verdict.say("lost", f"{text!r} to {to}; the database has {one}")


def _twice(verdict: Verdict, taken: Sequence[Taken], sent: dict[tuple[str, str], Sent]) -> None:
    """Each copy beyond the first is a marked one; no at-most-once text has any; nothing was decided twice."""
    copies = Counter((one.to, one.text) for one in taken)
    for (to, text), count in copies.items():
        one = sent.get((to, text))
        if one is None:
            verdict.say("unknown to the database", f"{text!r} to {to}, taken {count} times")
            continue
        if _numbered(text) and len(one.ids) > 1:
            verdict.say("handled twice", f"{text!r} to {to} is {len(one.ids)} messages: {one.ids}")
        if count > one.attempts:
            verdict.say("not journalled", f"{text!r} to {to}: {count} submits, {one.attempts} attempts")
        if count > len(one.ids) + one.marked_attempts or (count > len(one.ids) and not one.marked):
            verdict.say("unmarked duplicate", f"{text!r} to {to}: {count} submits, {one}")
        if count > 1 and text.startswith("o"):
            verdict.say("at most once, sent twice", f"{text!r} to {to}: {count} submits, {one}")
    verdict.counts["duplicates at the carrier"] = sum(count - 1 for count in copies.values() if count > 1)
    for (to, text), one in sent.items():
        if _numbered(text) and len(one.ids) > 1 and (to, text) not in copies:
            verdict.say("handled twice", f"{text!r} to {to} is {len(one.ids)} messages, none sent: {one.ids}")


def _numbered(text: str) -> bool:
    return " number " in text


def _numbers(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], int]]:
    """((phone, kind), number) of the numbered texts."""
    for to, text in pairs:
        if _numbered(text):
            yield (to, text[0]), int(text.rsplit(" ", 1)[1])


def _order(verdict: Verdict, taken: Sequence[Taken], sent: dict[tuple[str, str], Sent]) -> None:
    """Of one customer, in order of arrival: as decided, all; as sent, all but those sent again after a doubt."""
    decided = sorted((one.ids[0], name) for name, one in sent.items() if one.ids)
    newest: dict[tuple[str, str], int] = {}
    for who, number in _numbers(name for _, name in decided):
        if number <= newest.get(who, 0):
            verdict.say("decided out of order", f"{who[0]}: {number} after {newest[who]}")
        newest[who] = number
    newest.clear()
    seen: set[tuple[str, str]] = set()
    for one in taken:
        name = (one.to, one.text)
        if name in seen or not _numbered(one.text):
            continue
        seen.add(name)
        if name in sent and sent[name].marked:
            verdict.counts["order not judged, a doubt came between"] += 1
            continue
        [(who, number)] = _numbers(iter([name]))
        if number <= newest.get(who, 0):
            verdict.say("sent out of order", f"{one.to}: {one.text!r} after number {newest[who]} (life {one.life})")
        newest[who] = max(number, newest.get(who, 0))


def _texts(verdict: Verdict, connection: sqlite3.Connection, smsc: Smsc) -> None:
    """Each text of a customer is kept once, and the handler's own count of them is right."""
    kept = Counter(
        (str(to), str(text))
        for to, text in connection.execute("SELECT theirs, text FROM message WHERE direction = 'mo'")
    )
    for label, count in kept.items():
        if count > 1 and _numbered(label[1]):
            verdict.say("a text kept twice", f"{label[1]!r} of {label[0]}: {count} times")
    for label in smsc.acknowledged:
        if label not in kept:
            verdict.say("a text lost", f"{label[1]!r} of {label[0]} was acknowledged and is not kept")
    counted = {
        str(key): int(json.loads(slots)["texts"])
        for key, slots in connection.execute(
            "SELECT conversation.key, dialogue.slots FROM dialogue JOIN conversation "
            "ON conversation.id = conversation_id WHERE handler = 'bench_echo'"
        )
        if "texts" in json.loads(slots)
    }
    mine = Counter(phone for phone, text in smsc.acknowledged if _numbered(text))
    for phone, count in mine.items():
        if counted.get(f"tel:{phone}") != count:
            verdict.say("miscounted", f"{phone} wrote {count} texts, the handler counted {counted.get(f'tel:{phone}')}")
    verdict.counts["texts of customers"] = sum(mine.values())


def _found(verdict: Verdict, connection: sqlite3.Connection) -> None:
    """Up to its mark, each index of messages has them all."""
    connection.execute("CREATE VIRTUAL TABLE temp.word USING fts5vocab(main, message_fts, instance)")
    indexes = {
        "filed": "SELECT address_id, message_id FROM address_message",
        "fts": "SELECT address_id, id FROM message WHERE id IN (SELECT doc FROM temp.word)",
    }
    for mark, held in indexes.items():
        should = (
            "SELECT address_id, id FROM message WHERE id <= (SELECT CAST(value AS INTEGER) FROM mark WHERE name = ?)"
        )
        for _, missing in connection.execute(f"{should} EXCEPT {held}", (mark,)):
            verdict.say("a message that is not found", f"{missing} is not in {mark}")
        [verdict.counts[f"messages {mark}"]] = connection.execute(f"SELECT count(*) FROM ({held})").fetchone()


def _billing(
    verdict: Verdict, connection: sqlite3.Connection, ledger: Ledger, smsc: Smsc, calls: Sequence[Call]
) -> None:
    """One key for one offer; every YES that was acknowledged is bought, once."""
    keys: dict[str, set[str]] = defaultdict(set)
    customers: dict[str, set[str]] = defaultdict(set)
    for call in calls:
        keys[call.offer].add(call.key)
        customers[call.customer].add(call.offer)
    for offer, found in keys.items():
        if len(found) > 1:
            verdict.say("a second key", f"offer {offer} was bought with {sorted(found)}")
    for customer, offers in customers.items():
        if len(offers) > 1:
            verdict.say("bought twice", f"{customer} bought {sorted(offers)}")
    states: dict[str, str] = {
        str(key): str(state) for key, state in connection.execute("SELECT key, state FROM offer ORDER BY id")
    }
    for phone in ledger.overages:
        key = f"tel:{phone}"
        if key not in states:
            verdict.say("lost", f"no offer was made to {phone}")
        elif (phone, "YES") in smsc.acknowledged and states[key] != "fulfilled":
            verdict.say("not bought", f"{phone}: the offer is {states[key]}")
    verdict.counts["offers bought"] = sum(1 for state in states.values() if state == "fulfilled")
    verdict.counts["calls of the billing system"] = len(calls)
