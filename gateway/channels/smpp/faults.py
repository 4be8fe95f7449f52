"""What a command_status means, as data; a profile may override any (SMPP v3.4 5.1.3, SMPP v5 4.7.6)."""

from collections.abc import Mapping
from types import MappingProxyType

from smpplib import consts

from gateway.model.channel import Fault
from gateway.model.message import Outcome

STATUS_OK = consts.SMPP_ESME_ROK
INVALID_LENGTH = consts.SMPP_ESME_RINVCMDLEN
INVALID_COMMAND = consts.SMPP_ESME_RINVCMDID
WRONG_BIND_STATE = consts.SMPP_ESME_RINVBNDSTS
THROTTLED = consts.SMPP_ESME_RTHROTTLED
QUEUE_FULL = consts.SMPP_ESME_RMSGQFUL
TRY_LATER = consts.SMPP_ESME_RX_T_APPN

# A bind answered with one of these will not be answered otherwise by asking again.
BIND_REFUSALS = frozenset(
    {consts.SMPP_ESME_RBINDFAIL, consts.SMPP_ESME_RINVPASWD, consts.SMPP_ESME_RINVSYSID, consts.SMPP_ESME_RINVSYSTYP}
)

FAULTS: Mapping[int, Fault] = MappingProxyType(
    {
        consts.SMPP_ESME_RINVMSGLEN: Fault.bad_message,
        consts.SMPP_ESME_RINVCMDLEN: Fault.bad_message,
        consts.SMPP_ESME_RINVCMDID: Fault.bad_message,
        consts.SMPP_ESME_RINVBNDSTS: Fault.temporary,
        consts.SMPP_ESME_RALYBND: Fault.temporary,
        consts.SMPP_ESME_RINVPRTFLG: Fault.bad_message,
        consts.SMPP_ESME_RINVREGDLVFLG: Fault.bad_message,
        consts.SMPP_ESME_RSYSERR: Fault.temporary,
        consts.SMPP_ESME_RINVSRCADR: Fault.bad_sender,
        consts.SMPP_ESME_RINVDSTADR: Fault.bad_number,
        consts.SMPP_ESME_RBINDFAIL: Fault.account,
        consts.SMPP_ESME_RINVPASWD: Fault.account,
        consts.SMPP_ESME_RINVSYSID: Fault.account,
        consts.SMPP_ESME_RMSGQFUL: Fault.throttled,
        consts.SMPP_ESME_RINVSERTYP: Fault.bad_message,
        consts.SMPP_ESME_RINVNUMDESTS: Fault.bad_message,
        consts.SMPP_ESME_RINVDLNAME: Fault.bad_number,
        consts.SMPP_ESME_RINVDESTFLAG: Fault.bad_message,
        consts.SMPP_ESME_RINVSUBREP: Fault.bad_message,
        consts.SMPP_ESME_RINVESMCLASS: Fault.bad_message,
        consts.SMPP_ESME_RCNTSUBDL: Fault.bad_number,
        consts.SMPP_ESME_RSUBMITFAIL: Fault.temporary,  # "failed", not why; not taken, so a retry is safe
        consts.SMPP_ESME_RINVSRCTON: Fault.bad_sender,
        consts.SMPP_ESME_RINVSRCNPI: Fault.bad_sender,
        consts.SMPP_ESME_RINVDSTTON: Fault.bad_number,
        consts.SMPP_ESME_RINVDSTNPI: Fault.bad_number,
        consts.SMPP_ESME_RINVSYSTYP: Fault.account,
        consts.SMPP_ESME_RINVREPFLAG: Fault.bad_message,
        consts.SMPP_ESME_RINVNUMMSGS: Fault.bad_message,
        consts.SMPP_ESME_RTHROTTLED: Fault.throttled,
        consts.SMPP_ESME_RINVSCHED: Fault.bad_message,
        consts.SMPP_ESME_RINVEXPIRY: Fault.bad_message,
        consts.SMPP_ESME_RINVDFTMSGID: Fault.bad_message,
        consts.SMPP_ESME_RX_T_APPN: Fault.temporary,
        consts.SMPP_ESME_RX_P_APPN: Fault.blocked,
        consts.SMPP_ESME_RX_R_APPN: Fault.blocked,
        consts.SMPP_ESME_RINVOPTPARSTREAM: Fault.bad_message,
        consts.SMPP_ESME_ROPTPARNOTALLWD: Fault.bad_message,
        consts.SMPP_ESME_RINVPARLEN: Fault.bad_message,
        consts.SMPP_ESME_RMISSINGOPTPARAM: Fault.bad_message,
        consts.SMPP_ESME_RINVOPTPARAMVAL: Fault.bad_message,
        # SMPP v5
        0x100: Fault.account,  # ESME_RSERTYPUNAUTH
        0x101: Fault.blocked,  # ESME_RPROHIBITED
        0x102: Fault.temporary,  # ESME_RSERTYPUNAVAIL
        0x103: Fault.blocked,  # ESME_RSERTYPDENIED
        0x104: Fault.bad_message,  # ESME_RINVDCS
        0x105: Fault.bad_sender,  # ESME_RINVSRCADDRSUBUNIT
        0x106: Fault.bad_number,  # ESME_RINVDSTADDRSUBUNIT
    }
)
AGAIN = frozenset({Fault.throttled, Fault.temporary})


def fault_of(status: int, overrides: Mapping[int, Fault]) -> Fault | None:
    """What the status means for this carrier, None for ESME_ROK."""
    if status == STATUS_OK:
        return None
    return overrides.get(status) or FAULTS.get(status, Fault.unknown)


def outcome_of(fault: Fault | None) -> Outcome:
    """How an attempt ended that was answered so."""
    if fault is None:
        return Outcome.accepted
    return Outcome.retry if fault in AGAIN else Outcome.refused


def describe(status: int) -> str:
    """`0x0000000e Invalid Password`, for logs."""
    return f"0x{status:08x} {consts.DESCRIPTIONS.get(status, 'a code of the carrier')}"
