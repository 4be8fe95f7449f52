"""What `make codec` writes: what is committed, and nothing where smpplib and our types do not agree."""

from pathlib import Path
from typing import Any

import pytest
from smpplib import command as tables
from smpplib.command import Param

from compiling import codec
from gateway.channels.smpp import pdu, wire
from gateway.channels.smpp.decoders import DECODERS
from gateway.channels.smpp.encoders import ENCODERS

TOP = Path(__file__).parents[2]


def test_what_is_committed_is_what_is_written() -> None:
    for name, text in codec.files().items():
        assert (TOP / name).read_text() == text, f"{name} is not what smpplib's tables say: `make codec`"


def test_every_command_of_the_tables_has_both_ways() -> None:
    commands = {pdu.COMMANDS[name] for layout in codec.layouts() for name in layout.names}
    assert commands == DECODERS.keys() == ENCODERS.keys()
    assert len(commands) == 20


def _changed(table: Any, **params: Param) -> Any:
    """The table with other parameters."""
    return type(table.__name__, (table,), {"params": table.params | params})


@pytest.mark.parametrize(
    ("command", "cls", "table", "why"),
    [
        ("submit_sm", wire.Message, _changed(tables.SubmitSM, source_addr=Param(type=str, max=41)), "they differ"),
        ("query_sm", wire.Query, _changed(tables.QuerySM, source_addr_ton=Param(type=int, size=2)), "has 2 octets"),
        ("query_sm", wire.QueryResp, tables.QuerySM, "QueryResp has"),
    ],
)
def test_a_disagreement_is_told(
    command: str, cls: type[wire.Pdu], table: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(codec._TYPES, command, (cls, table))
    with pytest.raises(codec.Disagreement, match=why):
        codec.files()


def test_a_change_of_the_tables_changes_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        codec._TYPES, "query_sm", (wire.Query, _changed(tables.QuerySM, source_addr=Param(type=str, max=41)))
    )
    assert 'read_string(text, at + 2, 41, "source_addr")' in codec.decoders(codec.layouts())
    assert 'cstring(pdu.source_addr, 41, "source_addr")' in codec.encoders(codec.layouts())
