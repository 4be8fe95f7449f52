"""The named points of the code at which the kill test ends the process (`gateway.failpoints`).

name -> at which visit it kills, at most: rare points kill at their first visits.
"""

POINTS = {
    "mid_transaction": 150,
    "after_commit": 60,
    "before_ack": 25,
    "after_ack": 25,
    "before_events_commit": 60,
    "after_events_commit": 60,
    "before_decision_commit": 40,
    "after_decision_commit": 40,
    "before_claim_commit": 40,
    "after_claim_commit": 40,
    "before_submit": 40,
    "after_submit": 40,
    "before_outcome_commit": 30,
    "after_outcome_commit": 30,
    "before_receipts_commit": 20,
    "after_receipts_commit": 20,
    "before_doubts_commit": 1,
    "after_doubts_commit": 1,
    "before_resend_commit": 3,
    "after_resend_commit": 3,
    "before_call_post": 6,
    "after_call_post": 6,
    "after_call_commit": 6,
}
