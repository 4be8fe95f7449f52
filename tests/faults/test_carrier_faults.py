"""The carrier goes away and comes back; the carrier takes texts and never says so."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.scene import scene

OUTAGE = 10.0  # seconds


@pytest.mark.slow
async def test_a_carrier_that_is_gone_for_ten_seconds(tmp_path: Path) -> None:
    """Events are taken meanwhile; when it is back all of it comes out once, in order, and texts of customers too."""
    async with scene(tmp_path) as play:
        texts = [f"number {place}" for place in range(1, 41)]
        for text in texts[:10]:
            assert (await play.event("+15552000001", text))[0] == 202
        answered = "SELECT count(*) FROM attempt WHERE outcome = 'accepted'"
        await play.until("the first ten are answered", lambda: play.rows(answered) == [(10,)])
        await play.smsc.down()
        for text in texts[10:]:
            assert (await play.event("+15552000001", text))[0] == 202
        play.smsc.text("+15551000001", "m1 number 1")
        ready, health = await play.get("/health/ready")
        assert (ready, health["status"]) == (200, "degraded")
        await asyncio.sleep(OUTAGE)  # the fault itself
        await play.smsc.start()
        await play.until("the bind is back", play.smsc.bound.is_set, 30)
        await play.until("all came out", lambda: all(play.took(text) for text in texts), 30)
        await play.until("the customer's echo", lambda: play.took("m1 number 1") == 1)
        said = [one.text for one in play.smsc.taken if one.to == "+15552000001"]
        assert said == texts


@pytest.mark.slow
async def test_a_carrier_that_never_answers(tmp_path: Path) -> None:
    """Each doubt is told, its slot is free, each text goes once more and marked; then nobody claims to know."""
    async with scene(tmp_path, window=4) as play:
        play.smsc.moods.silent = True
        texts = [f"silent number {place}" for place in range(10)]
        for place, text in enumerate(texts):
            assert (await play.event(f"+1555200{place:04d}", text))[0] == 202
        await play.until("the window is full", lambda: len(play.smsc.taken) == 4)
        told = "SELECT count(*) FROM message WHERE disposition = 'in_doubt'"
        await play.until("a doubt is told", lambda: play.rows(told)[0][0] > 0)
        status, answer = await play.get("/v1/messages?disposition=in_doubt")
        assert status == 200
        assert answer["items"]
        await play.until("slots are free again", lambda: all(play.took(text) for text in texts))
        await play.until("each was sent once more", lambda: all(play.took(text) == 2 for text in texts), 30)
        ends = "SELECT DISTINCT state, disposition, possible_duplicate FROM message WHERE direction = 'mt'"
        await play.until("nobody knows", lambda: play.rows(ends) == [("final", "unknown", 1)])
        assert play.rows("SELECT DISTINCT attempt, possible_duplicate FROM attempt ORDER BY 1") == [(1, 0), (2, 1)]
        assert all(play.took(text) == 2 for text in texts)
        play.smsc.moods.silent = False
        assert (await play.event("+15552009999", "loud again"))[0] == 202
        await play.until("the link still works", lambda: play.took("loud again") == 1)


@pytest.mark.slow
async def test_a_late_answer_settles_the_doubt(tmp_path: Path) -> None:
    """An answer after the time-out but before the rule is applied: delivered, sent once, marked nowhere."""
    async with scene(tmp_path, doubt_wait=8.0) as play:
        play.smsc.moods.late, play.smsc.moods.late_after = 1.0, 2.5
        assert (await play.event("+15552000001", "late number 1"))[0] == 202
        told = "SELECT disposition FROM message WHERE direction = 'mt'"
        await play.until("the doubt is told", lambda: play.rows(told) == [("in_doubt",)])
        await play.until("the receipt is matched", lambda: play.rows(told) == [("delivered",)])
        await play.until("the doubt's row is gone", lambda: not play.rows("SELECT 1 FROM work WHERE lane = 'doubt'"))
        assert play.took("late number 1") == 1
        assert play.rows("SELECT possible_duplicate FROM message WHERE direction = 'mt'") == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("echo", [False, True], ids=["by phone", "by reference"])
async def test_receipts_settle_submits_whose_answers_were_lost(tmp_path: Path, echo: bool) -> None:
    """All answers are lost and all receipts come, before the doubt: delivered, each text sent once, marked nowhere."""
    async with scene(tmp_path, window=50, doubt_wait=2.0) as play:
        play.smsc.moods.lost, play.smsc.moods.echo = 1.0, echo
        texts = [f"proven number {place}" for place in range(30)]
        for place, text in enumerate(texts):
            assert (await play.event(f"+1555200{place:04d}", text))[0] == 202
        told = "SELECT disposition, possible_duplicate, count(*) FROM message WHERE direction = 'mt' GROUP BY 1, 2"
        await play.until("all are delivered", lambda: play.rows(told) == [("delivered", 0, 30)])
        await play.until("no doubt is left", lambda: not play.rows("SELECT 1 FROM work WHERE lane = 'doubt'"))
        assert all(play.took(text) == 1 for text in texts)
        outcomes = "SELECT outcome, count(*), count(DISTINCT remote_id) FROM attempt GROUP BY 1"
        assert play.rows(outcomes) == [("accepted", 30, 30)]


@pytest.mark.slow
@pytest.mark.parametrize("status", [0x58, 0x14, 0x64], ids=["throttled", "queue full", "temporary"])
async def test_order_is_kept_when_a_text_is_refused_for_now(tmp_path: Path, status: int) -> None:
    """A text of a customer is put off by the carrier: those that came later wait (reliability anchor section 2)."""
    async with scene(tmp_path) as play:
        texts = [f"number {place}" for place in range(1, 7)]
        play.smsc.moods.refuse = {texts[2]: status}
        for text in texts[:3]:
            assert (await play.event("+15552000001", text))[0] == 202
        await play.until("the third is put off", lambda: play.smsc.put_off == [texts[2]])
        for text in texts[3:]:
            assert (await play.event("+15552000001", text))[0] == 202
        await play.until("all came out", lambda: len(play.smsc.taken) == len(texts), 40)
        assert [one.text for one in play.smsc.taken] == texts
