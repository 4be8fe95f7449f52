"""Classes and lanes: smaller is more urgent. What receipts may do to a message is in tests/care/test_receipts.py."""

from gateway.model.message import FINAL, RANK, Lane, MessageClass, ReceiptState


def test_classes_are_ordered_by_importance() -> None:
    assert sorted(MessageClass, key=int) == [
        MessageClass.emergency,
        MessageClass.security,
        MessageClass.transactional,
        MessageClass.conversational,
        MessageClass.promotional,
    ]


def test_replies_go_before_notices_and_notices_before_bulk() -> None:
    assert Lane.reply < Lane.transactional < Lane.bulk


def test_every_state_of_the_standard_has_a_rank() -> None:
    assert set(RANK) == set(ReceiptState)
    assert set(FINAL) == {state for state in ReceiptState if RANK[state] >= RANK[ReceiptState.unknown]}
    assert max(RANK, key=RANK.__getitem__) is ReceiptState.delivered


def test_words_of_the_standard() -> None:
    # SMPP v3.4 appendix B and 5.2.28.
    assert {state.value for state in ReceiptState} == {
        "SCHEDULED",
        "ENROUTE",
        "DELIVRD",
        "EXPIRED",
        "DELETED",
        "UNDELIV",
        "ACCEPTD",
        "UNKNOWN",
        "REJECTD",
        "SKIPPED",
    }
