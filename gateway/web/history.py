"""The timeline of a message: from the event that caused it to the customer's answer, each line dated and explained."""

from gateway.care.rules import GATES, PASSED
from gateway.model.channel import FAULT_ADVICE, Fault
from gateway.model.message import Direction, Outcome, ReceiptState
from gateway.store.timeline import Trace, Try
from gateway.web.answers import instant

_RECEIPTS = {
    ReceiptState.delivered: "the phone has it",
    ReceiptState.expired: "the carrier gave up before the phone was reachable",
    ReceiptState.deleted: "the carrier deleted it",
    ReceiptState.undeliverable: "the network could not deliver it",
    ReceiptState.rejected: "the network rejected it",
    ReceiptState.unknown: "the carrier does not know what became of it",
    ReceiptState.accepted: "the carrier accepted it",
    ReceiptState.enroute: "on its way",
    ReceiptState.scheduled: "scheduled by the carrier",
    ReceiptState.skipped: "the carrier skipped it",
}
_OUTCOMES = {
    Outcome.accepted: "the carrier has it",
    Outcome.refused: "the carrier refused it",
    Outcome.retry: "the carrier said: not now",
    Outcome.unsent: "the link was lost before it left; it goes again",
    Outcome.in_doubt: "no answer came; whether the carrier has it cannot be known",
}
Line = tuple[int, dict[str, object]]


def timeline(trace: Trace) -> list[dict[str, object]]:
    """Every line, oldest first; lines of the same moment in the order of their causes."""
    lines = [*_causes(trace), *_tries(trace), *_happenings(trace), *_consequences(trace)]
    lines.sort(key=lambda line: line[0])
    return [line for _, line in lines]


def _line(
    at: int,
    kind: str,
    *,
    route: str | None = None,
    remote_id: str | None = None,
    code: str | None = None,
    reason: str | None = None,
    segment: int | None = None,
) -> Line:
    return at, {
        "at": instant(at),
        "kind": kind,
        "route": route,
        "remote_id": remote_id,
        "code": code,
        "reason": reason,
        "segment": segment,
    }


def _causes(trace: Trace) -> list[Line]:
    """Event, author, gates and rendering: all of the moment in which the message was made."""
    message = trace.message
    at = message.id >> 20
    lines: list[Line] = []
    if trace.event is not None and message.event_id is not None:
        type_, source = trace.event
        lines.append(_line(message.event_id >> 20, "event", code=type_, reason=f"{type_} from {source}"))
    if message.direction is Direction.mo:
        return lines
    if message.author_kind == "agent":
        lines.append(_line(at, "agent", code=message.author_id, reason=f"written by {message.author_id}"))
    if message.parent_id is not None and message.author_kind == "agent":
        lines.append(_line(at, "correction", code=str(message.parent_id), reason=f"corrects {message.parent_id}"))
    elif message.parent_id is not None:
        lines.append(_line(at, "resend", code=str(message.parent_id), reason=f"sends {message.parent_id} again"))
    lines += _gates(message.gates, at)
    if message.disposition is None or message.state != "final" or trace.tries or message.gates is None:
        said = f"{message.parts} part{'s' if message.parts > 1 else ''} in {message.encoding}"
        lines.append(_line(at, "render", route=message.carrier, code=message.encoding, reason=said))
    if trace.offer is not None:
        lines.append(_line(at, "offer", code=trace.offer[0], reason=f"{trace.offer[0]} was shown"))
    return lines


def _gates(trail: str | None, at: int) -> list[Line]:
    """One line per gate. The store keeps only a gate that did not let it pass: `gate|held or blocked|reason`."""
    stopped, _, rest = (trail or "").partition("|")
    verdict, _, reason = rest.partition("|")
    lines = []
    for gate in GATES:
        if gate == stopped:
            lines.append(_line(at, "gate", code=gate, reason=f"{verdict}: {reason}" if reason else verdict))
            if verdict == "blocked":
                break
        else:
            lines.append(_line(at, "gate", code=gate, reason=PASSED))
    if stopped and stopped not in GATES:
        lines.append(_line(at, "gate", code=stopped, reason=f"{verdict}: {reason}" if reason else verdict))
    return lines


def _tries(trace: Trace) -> list[Line]:
    lines: list[Line] = []
    for one in trace.tries:
        again = ", may be a duplicate" if one.possible_duplicate else ""
        said = f"part {one.part} of {trace.message.parts}, try {one.attempt}{again}"
        lines.append(_line(one.at, "attempt", route=one.carrier, reason=said, segment=one.part))
        if one.outcome is not None:
            lines.append(_response(one))
        if one.receipt is not None:
            lines.append(_receipt(one))
    return lines


def _response(one: Try) -> Line:
    outcome = Outcome(one.outcome or "")
    said = _OUTCOMES[outcome]
    if one.fault is not None:
        said = f"{said}: {FAULT_ADVICE[Fault(one.fault)][1]}"
    # No status of the carrier's own where it never answered.
    answered = outcome in (Outcome.accepted, Outcome.refused, Outcome.retry)
    code = f"0x{one.status or 0:08X}" if answered else str(outcome)
    return _line(
        one.answered_at or one.at,
        "response",
        route=one.carrier,
        remote_id=one.remote_id or None,
        code=code,
        reason=said,
        segment=one.part,
    )


def _receipt(one: Try) -> Line:
    try:
        said = _RECEIPTS[ReceiptState(one.receipt or "")]
    except ValueError:
        said = "a state that we do not know"
    if one.receipt_error and one.receipt_error.strip("0"):
        said = f"{said} (network error {one.receipt_error})"
    return _line(
        one.receipt_at or one.at,
        "receipt",
        route=one.carrier,
        remote_id=one.remote_id or None,
        code=one.receipt,
        reason=said,
        segment=one.part,
    )


def _happenings(trace: Trace) -> list[Line]:
    return [
        _line(
            one.id >> 20,
            one.kind,
            route=one.route,
            remote_id=one.remote_id,
            code=one.code,
            reason=one.reason,
            segment=one.segment,
        )
        for one in trace.happenings
    ]


def _consequences(trace: Trace) -> list[Line]:
    """What the customer did, and what was stopped or sent again because of it."""
    lines: list[Line] = []
    if trace.stop is not None:
        lines.append(_line(trace.stop >> 20, "gate", code="suppression", reason=trace.message.reason))
    if trace.reply is not None:
        lines.append(_line(trace.reply >> 20, "reply", code=str(trace.reply), reason="the customer wrote back"))
    if trace.offer is not None:
        name, state, accepted_at, ended_at = trace.offer
        if accepted_at is not None:
            lines.append(_line(accepted_at, "offer", code=name, reason=f"{name} was accepted"))
        if ended_at is not None and state not in ("open", "accepted", "fulfilling"):
            lines.append(_line(ended_at, "offer", code=name, reason=f"{name}: {state}"))
    told = {one.code for one in trace.happenings if one.kind in ("resend", "correction")}
    written = " ".join(one.reason or "" for one in trace.happenings if one.kind == "resend")
    unsaid = [child for child in trace.children if str(child) not in told and str(child) not in written]
    lines += [_line(child >> 20, "resend", code=str(child), reason=f"sent again as {child}") for child in unsaid]
    return lines
