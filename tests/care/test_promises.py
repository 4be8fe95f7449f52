"""What plays cannot show of promises: what is counted, where the texts are, and that nothing is left on disk."""

from gateway.care.promises import duration
from gateway.model import promises
from gateway.model.promises import Promises, Watch
from gateway.model.rows import replace
from gateway.store import work
from gateway.store.units import Due, Statement, Unit
from gateway.telemetry import metrics
from tests.doubles.stage import Stage
from tests.scenarios.promising import demanding

MAX = "+15551230009"


def counted(promise: str, outcome: str) -> float:
    """How often, since start."""
    labels = {"queue": "billing", "promise": promise, "outcome": outcome}
    return metrics.registry.get_sample_value("careline_promises_total", labels) or 0.0


async def _waiting(stage: Stage) -> int:
    stage.playbook = stage.engine.playbook = demanding(stage.playbook)
    stage.writes(MAX, "agent")
    await stage.settled()
    return int((await stage.conversation(MAX))["id"])


async def test_kept_and_late_are_counted_once_each(stage: Stage) -> None:
    before = {(kind, end): counted(kind, end) for kind in promises.SLA for end in ("kept", "late")}
    an_id = await _waiting(stage)
    await stage.advance(seconds=121)
    await stage.do(stage.desk.claim(an_id, "Ana"))
    await stage.do(stage.desk.say(an_id, "Ana", "Hello"))
    stage.writes(MAX, "my bill")
    await stage.advance(seconds=30)
    await stage.do(stage.desk.say(an_id, "Ana", "I see"))
    await stage.do(stage.desk.close(an_id, "Ana", "resolved", ""))
    await stage.advance(hours=5)
    more = {key: counted(*key) - was for key, was in before.items()}
    assert {key: count for key, count in more.items() if count} == {
        ("first_response", "late"): 1,
        ("next_response", "kept"): 1,
        ("resolve", "kept"): 1,
    }
    notes = await stage.rows("SELECT text FROM note WHERE kind = 'sla'")
    assert [note["text"] for note in notes] == ["late: the first answer was promised within 2 min"]
    assert await stage.rows("SELECT 1 FROM work WHERE kind = 'promise'") == []


async def test_a_lost_decision_counts_nothing(stage: Stage) -> None:
    """What is counted is on disk: an answer that is refused keeps no promise."""
    kept = counted("first_response", "kept")
    an_id = await _waiting(stage)
    await stage.do(stage.desk.claim(an_id, "Ana"))
    stage.writes(MAX, "stop")
    await stage.settled()
    assert counted("first_response", "kept") == kept
    row = await stage.conversation(MAX)
    assert promises.read(row["promises"]).watches == {}


async def test_a_bot_is_promised_nothing(stage: Stage) -> None:
    stage.playbook = stage.engine.playbook = demanding(stage.playbook)
    stage.writes(MAX, "hours")
    await stage.settled()
    row = await stage.conversation(MAX)
    assert row["promises"] is None
    assert await stage.rows("SELECT 1 FROM work WHERE kind = 'promise'") == []


async def test_without_a_desk_no_rows_are_left_for_it(stage: Stage) -> None:
    """Agents over HTTP: what would be told waits for nobody, and who is not reminded loses nothing."""
    an_id = await _waiting(stage)
    await stage.advance(hours=1)
    await stage.do(stage.desk.claim(an_id, "Ana"))
    await stage.advance(hours=1)
    assert (await stage.conversation(MAX))["agent"] == "ana@example.test"
    assert await stage.rows("SELECT 1 FROM work WHERE lane = 'desk'") == []


async def test_a_queue_that_is_gone_promises_nothing(stage: Stage) -> None:
    an_id = await _waiting(stage)
    stage.playbook = stage.engine.playbook = replace(stage.playbook, queues={})
    await stage.advance(hours=5)
    await stage.do(stage.desk.claim(an_id, "Ana"))
    await stage.do(stage.desk.say(an_id, "Ana", "Hello"))
    assert (await stage.conversation(MAX))["state"] == "waiting"


def test_promises_are_read_as_they_were_written() -> None:
    its = Promises(5, True, {"resolve": Watch(7, 10, 1, 5, 20), "first_response": Watch(0, 3, 2, 1, 3)})
    assert promises.read(promises.written(its)) == its
    assert promises.read(None) == Promises()
    assert {kind: watch.state for kind, watch in its.watches.items()} == {
        "resolve": "warned",
        "first_response": "late",
    }


def test_durations_are_said_as_people_do() -> None:
    seconds = {0.2: "1 s", 24.0: "24 s", 119.0: "119 s", 300.0: "5 min", 3600.0: "1 h", 5400.0: "1 h 30 min"}
    assert {number: duration(number) for number in seconds} == seconds


def test_what_is_paused_says_so() -> None:
    its = Promises(None, True, {"resolve": Watch(0, 10, 1, 5, 20, left=9)})
    assert promises.read(promises.written(its)) == its
    assert its.watches["resolve"].state == "paused"
    assert its.watches["resolve"].live


def test_rows_of_an_older_program_are_read() -> None:
    its = promises.read('[5,1,{"resolve":[7,10,1,5,20]}]')
    assert its.watches["resolve"] == Watch(7, 10, 1, 5, 20)


async def test_pauses_add_up(stage: Stage) -> None:
    """Three answers of the customer later the end is due by just what passed in silence."""
    an_id = await _waiting(stage)
    first = promises.read((await stage.conversation(MAX))["promises"]).watches["resolve"]
    await stage.do(stage.desk.claim(an_id, "Ana"))
    for _ in range(3):
        await stage.advance(seconds=7)
        await stage.do(stage.desk.say(an_id, "Ana", "Which bill?"))
        await stage.advance(seconds=1000)
        await stage.restart()
        stage.playbook = stage.engine.playbook = demanding(stage.playbook)
        stage.writes(MAX, "that of May")
        await stage.settled()
    now = promises.read((await stage.conversation(MAX))["promises"]).watches["resolve"]
    assert (now.state, now.due - first.due) == ("running", 3 * 1000 * 1000)
    assert now.since == first.since
    rows = await stage.rows("SELECT due FROM work WHERE kind = 'promise' AND body = 'resolve'")
    assert [row["due"] for row in rows] == [now.at]


async def test_timers_of_an_older_program_end_what_they_were_set_for(stage: Stage) -> None:
    """It wrote one for each text of an agent, and no watch."""
    stage.writes(MAX, "agent")
    await stage.settled()
    an_id = int((await stage.conversation(MAX))["id"])
    await stage.do(stage.desk.claim(an_id, "Ana"))
    await stage.do(stage.desk.say(an_id, "Ana", "Hello"))
    unit = Unit(f"tel:{MAX}")
    unit.add(Statement("no watch", "DELETE FROM work WHERE kind = 'promise' AND ref = ?"), (an_id,))
    unit.add(Statement("no promises", "UPDATE conversation SET promises = '[null,1,{}]' WHERE id = ?"), (an_id,))
    for at in (1, 2):
        work.add(unit, Due(stage.ids(), "customer", f"tel:{MAX}", "idle", stage.now + at * 3_600_000, ref=an_id))
    await stage.store.write(unit)
    await stage.restart()
    await stage.advance(hours=3)
    rows = await stage.rows("SELECT kind, body, due FROM work WHERE ref = ?", an_id)
    assert [(row["kind"], row["body"]) for row in rows] == [("promise", "idle")], (
        "one is left, which goes on to the end"
    )
    assert not await stage.laws()
    await stage.advance(hours=22)
    assert (await stage.conversation(MAX))["disposition"] == "no_reply"


async def test_two_texts_in_one_millisecond_are_two(stage: Stage) -> None:
    """The second is owed an answer, though it came at the time of the first."""
    an_id = await _waiting(stage)
    await stage.do(stage.desk.claim(an_id, "Ana"))
    await stage.do(stage.desk.say(an_id, "Ana", "Hello"))
    stage.writes(MAX, "my bill")
    await stage.settled()
    assert promises.read((await stage.conversation(MAX))["promises"]).owed == stage.now
