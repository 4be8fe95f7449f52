"""Message ids and delivery receipts in the forms that carriers use (SMPP 3.4 section 5.3.2 and appendix B)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.simulator.faults import Faults

STATES = {
    "ENROUTE": 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
}
"""message_state codes, SMPP 3.4 section 5.2.28."""

FINAL = frozenset(STATES) - {"ENROUTE", "ACCEPTD"}
RECEIPT, INTERMEDIATE = 0x04, 0x20


def ids(number: int, form: str) -> tuple[str, str]:
    """A message's id as the answer says it and as the receipt says it; `form` is `Faults.id`."""
    upper = f"{number:08X}"
    return {
        "hex": (upper, upper),
        "decimal": (str(number), str(number)),
        "resp-hex": (upper, str(number)),
        "zeros": (f"{number:020d}", str(number)),
        "case": (upper, upper.lower()),
        "text": (f"sim-{number:x}.a", f"sim-{number:x}.a"),
    }[form]


def wanted(registered_delivery: int, state: str) -> bool:
    """Whether the sender asked for this receipt (SMPP 3.4 section 5.2.17; 3 is SMPP 5.0's success only)."""
    asked = registered_delivery & 0x03
    if state not in FINAL:
        return asked != 0
    return asked == 1 or (asked == 2 and state != "DELIVRD") or (asked == 3 and state == "DELIVRD")


def receipt(
    faults: Faults, *, receipt_id: str, state: str, submitted: datetime, text: str, source: dict[str, Any]
) -> dict[str, Any]:
    """Fields of the deliver_sm. `source` has the address fields, already turned round; `text` is the message's own."""
    done = datetime.now(UTC)
    shown = "".join(c if c.isascii() and c.isprintable() else "." for c in text[:20])
    good = state == "DELIVRD"
    error = faults.err if faults.err != "000" or good else "001"
    line = (
        f"id:{receipt_id} sub:001 dlvrd:{'001' if good else '000'} submit date:{submitted:%y%m%d%H%M}"
        f" done date:{done:%y%m%d%H%M} stat:{state} err:{error} text:{shown}"
    )
    fields = {**source, "esm_class": RECEIPT if state in FINAL else INTERMEDIATE, "data_coding": 0}
    if faults.dlr_form != "tlv":
        fields["short_message"] = line.encode("ascii")[:254]
    if faults.dlr_form != "text":
        fields |= {"receipted_message_id": receipt_id, "message_state": STATES[state]}
        if error.isdigit():
            fields["network_error_code"] = b"\x03" + (int(error) & 0xFFFF).to_bytes(2, "big")
    return fields
