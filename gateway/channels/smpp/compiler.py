"""Writes a decoder and an encoder for each PDU layout, as Python source, from smpplib's own tables.

smpplib walks its tables for each PDU it meets; here they are walked once, at import, and what comes out is the straight
line of code one would write by hand: about ten times as fast. The tables remain the single place that says what a PDU
is made of, and a type of `wire.py` that no longer agrees with them fails at import.

Where smpplib is wrong on purpose we are not (`tests/channels/smpp/test_golden.py` lists each difference).
"""

import struct
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

from smpplib import consts
from smpplib.ptypes import ostr

from gateway.channels.smpp.wire import HEADER_LENGTH, BadPdu, Pdu, Tlvs

P = TypeVar("P", bound=Pdu)
Decoder = Callable[[bytes, int, int, int, int], Pdu]
Encoder = Callable[[Any], bytes]

HEADER = struct.Struct(">IIII")
_TLV = struct.Struct(">HH")
_HEADER_FIELDS = {field.name for field in fields(Pdu)}
_INTS = {1: "B", 2: "H", 4: "I"}


def read_tlvs(data: bytes, at: int, end: int) -> Tlvs:
    """The optional parameters between two places (SMPP v3.4 5.3.1), each as long as it says it is.

    Raises:
        BadPdu: one of them is cut off.
    """
    found = []
    while at < end:
        if end - at < 4:
            raise BadPdu("an optional parameter is cut off", consts.SMPP_ESME_RINVOPTPARSTREAM)
        tag, length = _TLV.unpack_from(data, at)
        at += 4 + length
        if at > end:
            raise BadPdu(f"optional parameter 0x{tag:04x} is longer than its PDU", consts.SMPP_ESME_RINVOPTPARSTREAM)
        found.append((tag, data[at - length : at]))
    return tuple(found)


def write_tlvs(tlvs: Tlvs) -> bytes:
    """The octets of optional parameters. Raises struct.error for a tag or a length over 65,535."""
    return b"".join([_TLV.pack(tag, len(value)) + value for tag, value in tlvs])


def cstring(value: str, limit: int, name: str) -> bytes:
    """The octets of a C-octet string with its NUL. limit: the most octets it may take, NUL included.

    Raises:
        BadPdu: too long, not Latin-1, or a NUL or control character in it, which would shift the fields after it.
    """
    if len(value) >= limit:
        raise BadPdu(f"{name} takes at most {limit - 1} characters", consts.SMPP_ESME_RINVPARLEN)
    if not value.isprintable() or not (value.isascii() or max(value) < "\u0100"):
        raise BadPdu(f"{name} holds a character that SMPP cannot carry", consts.SMPP_ESME_RINVOPTPARAMVAL)
    return value.encode("latin-1") + b"\0"


class Layout:
    """The mandatory fields of one smpplib command, in order: (kind, name, size or limit, length field or None)."""

    def __init__(self, command_class: Any) -> None:
        self.entries: list[tuple[str, str, int]] = []
        self.lengths: dict[str, str] = {}  # octet string -> its length field
        kept = getattr(command_class, "mandatory_fields", ())
        for name in command_class.params_order:
            param = command_class.params[name]
            if name in consts.OPTIONAL_PARAMS and name not in kept:
                continue
            if param.type is int:
                self.entries.append(("int", name, param.size))
            elif param.type is ostr:
                self.entries.append(("octets", name, param.max))
                self.lengths[name] = param.len_field
            else:
                self.entries.append(("string", name, param.max))

    @property
    def names(self) -> list[str]:
        """Names of the fields that a type must have."""
        return [name for _, name, _ in self.entries if name not in self.lengths.values()]


def _check(cls: type[Pdu], layout: Layout, command: str) -> None:
    ours = [field.name for field in fields(cls) if field.name not in _HEADER_FIELDS]
    if ours != layout.names:
        raise TypeError(f"smpplib says {command} is {layout.names}, {cls.__name__} has {ours}")


def _runs(layout: Layout) -> list[tuple[str, list[tuple[str, int]]]]:
    """The entries with consecutive integers joined, since one unpack of three is cheaper than three of one."""
    runs: list[tuple[str, list[tuple[str, int]]]] = []
    for kind, name, size in layout.entries:
        if kind == "int" and runs and runs[-1][0] == "int":
            runs[-1][1].append((name, size))
        else:
            runs.append((kind, [(name, size)]))
    return runs


def compile_decoder(cls: type[P], layout: Layout, command: str, *, body_optional: bool) -> Decoder:
    """A function (data, length, command, status, sequence) -> PDU of that type, which raises nothing but BadPdu.

    body_optional: the PDU may end after its header, as responses do (SMPP v3.4 4.4.2).
    """
    _check(cls, layout, command)
    lengths = set(layout.lengths.values())
    scope: dict[str, Any] = {
        "cls": cls,
        "new": cls.__new__,
        "BadPdu": BadPdu,
        "read_tlvs": read_tlvs,
        "StructError": struct.error,
    }
    lines = ["def decode(data, length, command, status, sequence):", " pdu = new(cls)"]
    lines += [" pdu.command = command", " pdu.status = status", " pdu.sequence = sequence"]
    if body_optional:
        lines.append(f" if length == {HEADER_LENGTH}:")
        lines += [f"  pdu.{name} = {_empty(cls, name)!r}" for name in layout.names]
        lines += ["  pdu.tlvs = ()", "  return pdu"]
    lines += [" try:", f"  at = {HEADER_LENGTH}"]
    for number, (kind, members) in enumerate(_runs(layout)):
        if kind == "int":
            packed = struct.Struct(">" + "".join(_INTS[size] for _, size in members))
            scope[f"unpack{number}"] = packed.unpack_from
            targets = ", ".join(member if member in lengths else f"pdu.{member}" for member, _ in members)
            lines += [f"  {targets}, = unpack{number}(data, at)", f"  at += {packed.size}"]
        elif kind == "string":
            lines += _read_string(*members[0])
        else:
            lines += _read_octets(*members[0], layout.lengths[members[0][0]])
    lines += ["  pdu.tlvs = read_tlvs(data, at, length) if at < length else ()", "  return pdu"]
    lines += [
        " except (IndexError, StructError):",
        f"  raise BadPdu('the body is cut off', {consts.SMPP_ESME_RINVCMDLEN}, command, status, sequence) from None",
        " except BadPdu as bad:",
        "  bad.command = command; bad.status = status; bad.sequence = sequence",
        "  raise",
    ]
    return cast(Decoder, _run(lines, scope, f"decode_{command}", "decode"))


def _read_string(name: str, limit: int) -> list[str]:
    return [
        "  if data[at]:",
        f"   stop = data.find(0, at, at + {limit})",
        f"   if stop < 0: raise BadPdu('{name} has no end', {consts.SMPP_ESME_RINVPARLEN})",
        f"   pdu.{name} = data[at:stop].decode('latin-1')",
        "   at = stop + 1",
        f"  else: pdu.{name} = ''; at += 1",
    ]


def _read_octets(name: str, limit: int, size: str) -> list[str]:
    return [
        f"  stop = at + {size}",
        f"  if {size} > {limit} or stop > length:",
        f"   raise BadPdu('{size} is wrong', {consts.SMPP_ESME_RINVMSGLEN})",
        f"  pdu.{name} = data[at:stop]",
        "  at = stop",
    ]


def compile_encoder(cls: type[P], layout: Layout, command: str) -> Encoder:
    """A function PDU -> bytes, which raises BadPdu for what SMPP cannot carry (AttributeError for another type)."""
    _check(cls, layout, command)
    measured = {size: text for text, size in layout.lengths.items()}
    scope: dict[str, Any] = {"cstring": cstring, "write_tlvs": write_tlvs, "pack_header": HEADER.pack, "BadPdu": BadPdu}
    scope["StructError"] = struct.error
    lines = ["def encode(pdu):", " try:"]
    body = []
    for number, (kind, members) in enumerate(_runs(layout)):
        name, limit = members[0]
        if kind == "int":
            scope[f"pack{number}"] = struct.Struct(">" + "".join(_INTS[size] for _, size in members)).pack
            values = ", ".join(f"len(pdu.{measured[m]})" if m in measured else f"pdu.{m}" for m, _ in members)
            body.append(f"pack{number}({values})")
        elif kind == "string":
            body.append(f"(cstring(pdu.{name}, {limit}, '{name}') if pdu.{name} else b'\\0')")
        else:
            refusal = f"raise BadPdu('{name} takes at most {limit} octets', {consts.SMPP_ESME_RINVMSGLEN})"
            lines.append(f"  if len(pdu.{name}) > {limit}: {refusal}")
            body.append(f"pdu.{name}")
    body.append("(write_tlvs(pdu.tlvs) if pdu.tlvs else b'')")
    lines += [
        f"  body = b''.join(({', '.join(body)},))",
        f"  return pack_header({HEADER_LENGTH} + len(body), pdu.command, pdu.status, pdu.sequence) + body",
        " except StructError as error:",
        f"  raise BadPdu(f'a number does not fit its field: {{error}}', {consts.SMPP_ESME_RINVPARLEN}) from None",
    ]
    return cast(Encoder, _run(lines, scope, f"encode_{command}", "encode"))


def _empty(cls: type[Pdu], name: str) -> object:
    return next(field.default for field in fields(cls) if field.name == name)


def _run(lines: list[str], scope: dict[str, Any], title: str, name: str) -> object:
    # the source is made of smpplib's field names and numbers alone, nothing from outside
    exec(compile("\n".join(lines), f"<{title}>", "exec"), scope)  # noqa: S102
    return scope[name]
