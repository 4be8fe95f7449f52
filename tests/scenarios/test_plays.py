"""Every `.play` file of this folder is a test: the story as a care manager would tell it."""

import re
from pathlib import Path

import pytest

from tests.doubles.stage import Stage, fresh_database
from tests.scenarios import brands, chat_sentences, playing_rooms, promising, saying
from tests.scenarios.playing import Boo, perform

MORE_SENTENCES = (brands, chat_sentences, playing_rooms, promising, saying)
PLAYS = sorted(Path(__file__).parent.glob("*.play"))


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "by lanes"])
@pytest.mark.parametrize("path", PLAYS, ids=[path.stem for path in PLAYS])
async def test_play(path: Path, tmp_path: Path, at_once: bool) -> None:
    """Each story ends the same, whether its texts are decided when they come or wait their turn in lanes. Where a name
    begins with chat_, agents are on XMPP.
    """
    fresh_database(tmp_path / "stage.db")
    stage = Stage(tmp_path / "stage.db", at_once=at_once, chat=path.stem.startswith("chat_"))
    await stage.open()
    try:
        await perform(path, stage)
    finally:
        await stage.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Ann recieves: hello", "no such sentence"),
        ("Ann receives: hello", "Ann received nothing"),
        ("The conversation is closed: no_reply", "nobody was mentioned"),
    ],
)
async def test_a_bad_play_names_file_and_line(line: str, said: str, stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "bad.play"
    path.write_text(f"# a play\n\n{line}\n")
    with pytest.raises(Boo, match=r"bad\.play:3") as boo:
        await perform(path, stage)
    assert said in str(boo.value)


async def test_a_text_that_a_play_does_not_mention_is_an_error(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "deaf.play"
    path.write_text("Event plan.overage for Ann\n")
    with pytest.raises(Boo, match="also received"):
        await perform(path, stage)


HOPS = 7
"""The moment that comes with a channel that is not there yet."""


def test_the_list_of_plays_names_plays() -> None:
    """The README says which plays show which hard moment: all fifteen, and nothing that is not there."""
    listed: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) > 1:
            plays = cells[2] if cells[0].isdigit() else cells[0]
            listed[cells[0]] = re.findall(r"`(\w+)`", plays)
    there = {path.stem for path in PLAYS}
    assert {name for names in listed.values() for name in names} <= there
    moments = {int(number): names for number, names in listed.items() if number.isdigit()}
    assert sorted(moments) == list(range(1, 16))
    assert [number for number, names in moments.items() if not names] == [HOPS]
