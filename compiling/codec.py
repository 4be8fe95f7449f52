"""Writes `decoders.py` and `encoders.py` of the SMPP channel from smpplib's own tables: `make codec`.

smpplib walks its tables for each PDU it meets; here they are walked once, and what comes out is the straight line of
code one would write by hand. The tables remain the single place that says what a PDU is made of: a type of `wire.py`
that does not agree with them is an error here, and a test compares what is committed with what this writes. It stands
beside what rewrites sources for mypyc because what it writes is there to be compiled; the gateway never imports it.

Where smpplib is wrong on purpose we are not (`tests/channels/smpp/test_golden.py` lists each difference).
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from smpplib import command as tables
from smpplib import command_codes, consts
from smpplib.ptypes import ostr

from gateway.channels.smpp import wire

HERE = "gateway/channels/smpp"
COMMANDS: Mapping[str, int] = MappingProxyType(dict(command_codes.commands))
_TYPES: Mapping[str, tuple[type[wire.Pdu], Any]] = {
    "bind_transmitter": (wire.Bind, tables.BindTransmitter),
    "bind_transmitter_resp": (wire.BindResp, tables.BindTransmitterResp),
    "bind_receiver": (wire.Bind, tables.BindReceiver),
    "bind_receiver_resp": (wire.BindResp, tables.BindReceiverResp),
    "bind_transceiver": (wire.Bind, tables.BindTransceiver),
    "bind_transceiver_resp": (wire.BindResp, tables.BindTransceiverResp),
    "submit_sm": (wire.Message, tables.SubmitSM),
    "submit_sm_resp": (wire.MessageResp, tables.SubmitSMResp),
    "deliver_sm": (wire.Message, tables.DeliverSM),
    "deliver_sm_resp": (wire.MessageResp, tables.DeliverSMResp),
    "data_sm": (wire.Data, tables.DataSM),
    "data_sm_resp": (wire.MessageResp, tables.DataSMResp),
    "query_sm": (wire.Query, tables.QuerySM),
    "query_sm_resp": (wire.QueryResp, tables.QuerySMResp),
    "unbind": (wire.Pdu, tables.Unbind),
    "unbind_resp": (wire.Pdu, tables.UnbindResp),
    "enquire_link": (wire.Pdu, tables.EnquireLink),
    "enquire_link_resp": (wire.Pdu, tables.EnquireLinkResp),
    "alert_notification": (wire.Alert, tables.AlertNotification),
    "generic_nack": (wire.Pdu, tables.GenericNAck),
}
_BY_HAND = "Written by `make codec` (compiling/codec.py) from smpplib's tables; a change made here is lost."


class Disagreement(Exception):
    """smpplib's tables say something that our types, or what is written here, do not."""


@dataclass(frozen=True)
class Entry:
    """A mandatory field. kind: int (one octet), string (with a NUL) or octets. limit: the most octets it may take."""

    kind: str
    name: str
    limit: int


@dataclass
class Layout:
    """The mandatory fields of one type, in order.

    lengths: octet string -> the field that says how long it is. names: of the commands. optional: the PDU may end after
    its header, as responses do (SMPP v3.4 4.4.2).
    """

    cls: type[wire.Pdu]
    entries: list[Entry]
    lengths: dict[str, str]
    optional: bool
    names: list[str] = field(default_factory=list)

    @property
    def fields(self) -> list[str]:
        """Those that the type has."""
        return [entry.name for entry in self.entries if entry.name not in self.lengths.values()]

    @property
    def function(self) -> str:
        """`message_resp` for MessageResp."""
        name = self.cls.__name__
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _read(cls: type[wire.Pdu], table: Any, command: str) -> Layout:
    """What smpplib says of a command, checked against our type."""
    entries: list[Entry] = []
    lengths: dict[str, str] = {}
    kept = getattr(table, "mandatory_fields", ())
    for name in table.params_order:
        param = table.params[name]
        if name in consts.OPTIONAL_PARAMS and name not in kept:
            continue
        if param.type is int:
            if param.size != 1:
                raise Disagreement(f"{command}: {name} has {param.size} octets; what is written here reads one")
            entries.append(Entry("int", name, 1))
        elif param.type is ostr:
            entries.append(Entry("octets", name, param.max))
            lengths[name] = param.len_field
        else:
            entries.append(Entry("string", name, param.max))
    layout = Layout(cls, entries, lengths, bool(COMMANDS[command] & wire.RESPONSE) and bool(entries))
    ours = list(cls.__match_args__[len(wire.Pdu.__match_args__) :])
    if ours != layout.fields:
        raise Disagreement(f"smpplib says {command} is {layout.fields}, {cls.__name__} has {ours}")
    return layout


def layouts() -> list[Layout]:
    """One for each type.

    Raises:
        Disagreement: a type does not agree with smpplib, or two commands of one type differ.
    """
    found: dict[type[wire.Pdu], Layout] = {}
    for command, (cls, table) in _TYPES.items():
        new = _read(cls, table, command)
        known = found.setdefault(cls, new)
        if (known.entries, known.lengths, known.optional) != (new.entries, new.lengths, new.optional):
            raise Disagreement(f"{command} and {known.names[0]} are both {cls.__name__}, and smpplib says they differ")
        known.names.append(command)
    return list(found.values())


def _runs(layout: Layout) -> list[list[Entry]]:
    """The entries, with consecutive integers joined."""
    runs: list[list[Entry]] = []
    for entry in layout.entries:
        if entry.kind == "int" and runs and runs[-1][0].kind == "int":
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return runs


def _place(at: str, behind: int) -> str:
    """`at` and so many octets, as Python."""
    if at.isdigit():
        return str(int(at) + behind)
    return f"{at} + {behind}" if behind else at


def _decoder(layout: Layout) -> list[str]:
    name = layout.cls.__name__
    lines = [
        f"def decode_{layout.function}(data: bytes, length: int, command: int, status: int, sequence: int) -> {name}:",
        f'    """{", ".join(sorted(layout.names))}."""',
    ]
    if layout.optional:
        lines += [f"    if length == {wire.HEADER_LENGTH}:", f"        return {name}(command, status, sequence)"]
    if any(entry.kind == "string" for entry in layout.entries):
        lines.append('    text = data.decode("latin-1")')
    at, behind = str(wire.HEADER_LENGTH), 0  # where we are: a variable or a number, and octets after it
    for entry in layout.entries:
        here, next_one = _place(at, behind), _place(at, behind + 1)
        if entry.kind == "int":
            lines.append(f"    {entry.name} = data[{here}]")
            behind += 1
            continue
        if entry.kind == "string":
            read = f'read_string(text, {here}, {entry.limit}, "{entry.name}")'
            lines.append(f'    {entry.name}, at = {read} if data[{here}] else ("", {next_one})')
            at, behind = "at", 0
        else:
            size = layout.lengths[entry.name]
            lines += [
                f"    stop = {here} + {size}",
                f"    if {size} > {entry.limit} or stop > length:",
                f'        raise BadPdu("{size} is wrong", {_status("RINVMSGLEN")}',
                f"    {entry.name} = data[{here}:stop]",
            ]
            at, behind = "stop", 0
    here = _place(at, behind)
    lines.append(f"    tlvs = read_tlvs(data, {here}, length) if length > {here} else ()")
    lines.append(f"    return {name}({', '.join(['command', 'status', 'sequence', 'tlvs', *layout.fields])})")
    return lines


def _status(name: str) -> str:
    """A command_status as the last argument of a call."""
    return f"0x{getattr(consts, f'SMPP_ESME_{name}'):02x})  # ESME_{name}"


def _encoder(layout: Layout) -> list[str]:
    lines = [
        f"def encode_{layout.function}(pdu: {layout.cls.__name__}) -> bytes:",
        f'    """{", ".join(sorted(layout.names))}."""',
    ]
    measured = {size: octets for octets, size in layout.lengths.items()}
    parts: list[str] = []
    for run in _runs(layout):
        name, limit = run[0].name, run[0].limit
        if run[0].kind == "int":
            values = [f"len(pdu.{measured[e.name]})" if e.name in measured else f"pdu.{e.name}" for e in run]
            parts.append(f"_pack{len(run)}({', '.join(values)})")
        elif run[0].kind == "string":
            parts.append(f"""cstring(pdu.{name}, {limit}, "{name}") if pdu.{name} else b"\\0" """)
        else:
            refusal = f'BadPdu("{name} takes at most {limit} octets", {_status("RINVMSGLEN")}'
            lines += [f"    if len(pdu.{name}) > {limit}:", f"        raise {refusal}"]
            parts.append(f"pdu.{name}")
    parts.append('write_tlvs(pdu.tlvs) if pdu.tlvs else b""')
    lines.append(f'    return b"".join(({", ".join(parts)},))' if len(parts) > 1 else f"    return {parts[0]}")
    return lines


def _table(title: str, its_type: str, function: str, all_layouts: list[Layout]) -> list[str]:
    lines = [f"{title}: Final[Mapping[int, {its_type}]] = MappingProxyType({{"]
    for layout in all_layouts:
        lines += [f"    {_hex(COMMANDS[name])}: {function}_{layout.function},  # {name}" for name in layout.names]
    return [*lines, "})"]


def _hex(number: int) -> str:
    return f"0x{number >> 16:04x}_{number & 0xFFFF:04x}"


def decoders(all_layouts: list[Layout]) -> str:
    """The text of `decoders.py`, before ruff formats it."""
    types = ", ".join(["BadPdu", *(layout.cls.__name__ for layout in all_layouts)])
    lines = [
        '"""Decoders of PDUs, one for each type of `wire.py`.',
        "",
        _BY_HAND,
        "They raise BadPdu without a header, and IndexError where the body is cut off; `pdu.decode` says the rest.",
        '"""',
        "",
        "from collections.abc import Callable, Mapping",
        "from types import MappingProxyType",
        "from typing import Final",
        "",
        f"from {HERE.replace('/', '.')}.fields import read_string, read_tlvs",
        f"from {HERE.replace('/', '.')}.wire import {types}",
        "",
        "Decoder = Callable[[bytes, int, int, int, int], Pdu]",
    ]
    for layout in all_layouts:
        lines += ["", "", *_decoder(layout)]
    return "\n".join([*lines, "", "", *_table("DECODERS", "Decoder", "decode", all_layouts), ""])


def encoders(all_layouts: list[Layout]) -> str:
    """The text of `encoders.py`, before ruff formats it."""
    types = ", ".join(["BadPdu", *(layout.cls.__name__ for layout in all_layouts)])
    counts = sorted({len(run) for layout in all_layouts for run in _runs(layout) if run[0].kind == "int"})
    lines = [
        '"""Encoders of PDUs, one for each type of `wire.py`.',
        "",
        _BY_HAND,
        "They write the body alone. They raise BadPdu for what SMPP cannot carry, struct.error for a number too",
        "large; `pdu.encode` says the rest.",
        '"""',
        "",
        "import struct",
        "from collections.abc import Callable, Mapping",
        "from types import MappingProxyType",
        "from typing import Any, Final",
        "",
        f"from {HERE.replace('/', '.')}.fields import cstring, write_tlvs",
        f"from {HERE.replace('/', '.')}.wire import {types}",
        "",
        "Encoder = Callable[[Any], bytes]",
        "",
        *(f'_pack{count}: Final = struct.Struct(">{"B" * count}").pack' for count in counts),
    ]
    for layout in all_layouts:
        lines += ["", "", *_encoder(layout)]
    lines += ["", "", *_table("ENCODERS", "Encoder", "encode", all_layouts), ""]
    lines += ["# octets of those optional parameters that are numbers"]
    lines += [f"TLV_SIZES: Final[Mapping[str, int]] = MappingProxyType({_tlv_sizes()!r})", ""]
    return "\n".join(lines)


def _tlv_sizes() -> dict[str, int]:
    """smpplib gives source_addr_subunit two octets in submit_sm and one in data_sm; the standard says one (5.3.2.2)."""
    sizes: dict[str, int] = {}
    for _, table in _TYPES.values():
        for name in table.params_order:
            if name in consts.OPTIONAL_PARAMS and table.params[name].type is int:
                sizes[name] = min(table.params[name].size, sizes.get(name, 8))
    return sizes


def _formatted(source: str) -> str:
    """As `make format` wants it: imports in order, and black's layout."""
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "I", "--fix-only", "--quiet"], ["format"]):
        whole = [*ruff, *command, "--stdin-filename", f"{HERE}/decoders.py", "-"]
        root = Path(__file__).parent.parent
        done = subprocess.run(whole, input=source, capture_output=True, text=True, check=True, cwd=root)  # noqa: S603
        source = done.stdout
    return source


def files() -> dict[str, str]:
    """The text of each file, by its name in the clone. Raises Disagreement."""
    known = layouts()
    return {f"{HERE}/decoders.py": _formatted(decoders(known)), f"{HERE}/encoders.py": _formatted(encoders(known))}


if __name__ == "__main__":
    for its_name, text in files().items():
        (Path(__file__).parent.parent / its_name).write_text(text)
