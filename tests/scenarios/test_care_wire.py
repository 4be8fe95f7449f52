"""Canned replies, tags and a first word on real parts: Prosody, a chat client on slixmpp, npm `smpp`."""

from pathlib import Path

import pytest

from tests.doubles.prosody import installed as prosody_installed
from tests.scenarios.test_desk_wire import ANN, scene
from tests.scenarios.wire import installed

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not installed(), reason="npm smpp is not installed (node, tests/peers/node_modules/smpp)"),
    pytest.mark.skipif(not prosody_installed(), reason="Prosody is not installed"),
]
REFUND = {
    "texts": {"en": "{{ agent }} here: {{ amount }} <are> on their way."},
    "fields": [{"name": "amount", "type": "money", "currency": "USD"}],
}


async def test_by_line_and_by_form(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        run = on.run
        await run.api("PUT", "/v1/canned/refund", REFUND)
        ana = await on.agent("ana")
        await on.present(ana)
        # The first word is the agent's, from the desk's own contact.
        asked = await ana.command("", "careline#start")
        assert list(asked.fields) == ["number", "text"]
        done = await ana.complete({"number": ANN, "text": "Hi, this is Ana."})
        assert done.says == f"sent to {ANN}: Hi, this is Ana."
        assert (await run.received(ANN, 1))[0] == "Hi, this is Ana."
        await ana.reads("Why: an agent wrote first", of=ANN)
        # A line: the words and what they cost, then one tap.
        ana.says(ANN, "/c refund amount=20")
        shown = await ana.reads("> Ana here: $20.00 <are> on their way.", of=ANN)
        assert "(1 part, GSM-7)" in shown
        assert ana.heard[-1].answers == (".send", ".cancel")
        sent = ana.says(ANN, "/send")
        await ana.reads("sent: Ana here: $20.00 <are> on their way.", of=ANN)
        assert (await run.received(ANN, 2))[1] == "Ana here: $20.00 <are> on their way."
        assert sent not in ana.failed
        # A form, three pages: which, what, look at it.
        assert {"c", "send", "cancel", "tag", "untag", "start", "done"} <= set(await ana.commands(ANN))
        first = await ana.command(ANN, "careline#c")
        assert first.fields == {"canned.reply": ["(none)", "refund"]}
        second = await ana.submit(ANN, "careline#c", first.session, {"canned.reply": "refund"})
        assert (list(second.fields), second.hidden) == (["amount"], {"canned.reply": "refund"})
        wrong = await ana.submit(ANN, "careline#c", first.session, {**second.hidden, "amount": "a lot"})
        assert "amount must be an amount in USD" in wrong.says
        third = await ana.submit(ANN, "careline#c", first.session, {**second.hidden, "amount": "5"})
        assert "> Ana here: $5.00 <are> on their way." in third.text
        assert third.fields == {"canned.do": ["send", "cancel"]}
        for said in ("sent: Ana here: $5.00", "nothing is previewed"):
            told = await ana.submit(ANN, "careline#c", first.session, {**third.hidden, "canned.do": "send"})
            assert said in told.says
        assert len(await run.received(ANN, 3)) == 3
        await ana.reads("sent: Ana here: $5.00 <are> on their way.", of=ANN)
        ana.says(ANN, "/tag refund vip")
        await ana.reads("tags: refund, vip", of=ANN)
        assert len((await run.api("GET", "/v1/conversations?tag=vip"))["items"]) == 1
