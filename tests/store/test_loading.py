"""What is read of customers is what was written of them, with every field."""

import shutil
from pathlib import Path

import pytest

from gateway.model.conversation import Conversation, ConversationState, Dialogue, DialogueState
from gateway.model.customer import Customer, Permission
from gateway.model.ids import id_at
from gateway.model.offer import Offer, OfferState
from gateway.model.rows import replace
from gateway.store import conversations as writing
from gateway.store.connection import connect
from gateway.store.loading import load_states
from gateway.store.states import CONVERSATION_COLUMNS, DIALOGUE_COLUMNS, CustomerState
from gateway.store.units import Unit

NOW = 1_790_000_000_000
DAY = 86_400_000
LARGE = (1 << 62) + 12_345  # a float would lose it
ANN, BOB, NOBODY = "tel:+15551230001", "tel:+15551230002", "tel:+15551230003"
OPEN = Conversation(
    id=LARGE,
    customer_id=1,
    key=ANN,
    brand="acme",
    state=ConversationState.human,
    owner_id="ana@example.test",
    epoch=3,
    sender="70007",
    opened_at=NOW - 9,
    changed_at=NOW - 8,
    queue="care",
    agent="ana@example.test",
    channel="sms",
    disposition=None,
    closed_at=None,
    why='she said "why?"\n\0 \U0001f600',
    told_waiting=True,
    last_in=NOW - 7,
    last_out=NOW - 6,
    rejoin=5,
)
RUN = Dialogue(
    id=LARGE + 1,
    conversation_id=LARGE,
    event_id=4,
    handler="plan.overage",
    version=2,
    state=DialogueState.pending,
    step="ask",
    slots={"plan": "unlimited", "much": 10**30},
    deadline=NOW + 1,
    offer_id=LARGE + 2,
    call_id=6,
    pending={"step": "ask"},
    parked=(7, LARGE),
    misses=1,
    rank=2,
    timer=NOW + 3,
    data='{"used": "108 %"}',
)
OFFER = Offer(
    id=id_at(NOW - DAY),
    name="unlimited",
    family="data",
    brand="acme",
    customer_id=1,
    key=ANN,
    conversation_id=LARGE,
    dialogue_id=None,
    event_id=4,
    title="Unlimited data",
    price="10.00",
    currency="USD",
    period="month",
    backoffice="billing",
    promotional=True,
    state=OfferState.fulfilled,
    made_by="handler:plan.overage",
    words="Reply YES",
    message_id=8,
    expires_at=NOW,
    accepted_at=NOW - 5,
    accepted_via="sms",
    accepted_by="customer",
    accepted_words="YES",
    ended_at=NOW - 4,
    result='{"order": 1}',
)


@pytest.fixture
def new_database(tmp_path: Path, schema: Path) -> Path:
    """A database in which nobody is known."""
    path = tmp_path / "careline.db"
    shutil.copyfile(schema, path)
    return path


def closed(an_id: int, brand: str, at: int, customer: int = 1) -> Conversation:
    """A conversation that ended."""
    return replace(
        OPEN,
        id=an_id,
        customer_id=customer,
        brand=brand,
        state=ConversationState.closed,
        closed_at=at,
        told_waiting=False,
    )


def written(path: Path, conversations: list[Conversation], dialogues: list[Dialogue], offers: list[Offer]) -> None:
    """Puts them into a database in which Ann and Bob are known."""
    unit = Unit(ANN)
    for conversation in conversations:
        writing.add_conversation(unit, conversation)
    for dialogue in dialogues:
        writing.add_dialogue(unit, dialogue)
    for offer in offers:
        writing.add_offer(unit, offer)
    connection = connect(path)
    connection.execute(
        "INSERT INTO customer (id, key, address_id, external_id, name, language, timezone) VALUES "
        "(1, ?, 11, 'c-1', 'Ann', 'es-MX', 'America/Lima'), (2, ?, 12, NULL, NULL, NULL, NULL)",
        (ANN, BOB),
    )
    connection.execute(
        "INSERT INTO consent (address_id, brand, state, event_id) VALUES (11, 'acme', 'granted', 1), "
        "(11, 'other', 'revoked', 2), (13, 'acme', 'revoked', 3)"
    )
    for statement, rows in unit.steps:
        for row in rows:
            connection.execute(statement.sql, tuple(row))
    connection.close()


def test_every_field_of_everything_comes_back(new_database: Path) -> None:
    old = replace(OFFER, id=id_at(NOW - 8 * DAY))
    active = replace(old, id=old.id + 1, family="roaming", state=OfferState.accepted, promotional=False)
    done = replace(RUN, id=RUN.id + 1, state=DialogueState.done)
    bare = Dialogue(9, LARGE, None, "h", 1, DialogueState.floor)
    written(new_database, [OPEN], [RUN, done, bare], [OFFER, old, active])
    connection = connect(new_database, read_only=True)
    states = load_states(connection, [NOBODY, BOB, ANN, ANN], NOW)
    assert states == {
        NOBODY: CustomerState(NOBODY),
        BOB: CustomerState(BOB, Customer(2, BOB, 12)),
        ANN: CustomerState(
            ANN,
            Customer(1, ANN, 11, "c-1", "Ann", "es-MX", "America/Lima"),
            {"acme": Permission.granted, "other": Permission.revoked},
            {LARGE: OPEN},
            {9: bare, RUN.id: RUN},
            {active.id: active, OFFER.id: OFFER},
        ),
    }
    assert list(states[ANN].dialogues) == [9, RUN.id], "oldest first"
    assert list(states[ANN].offers) == [active.id, OFFER.id]
    connection.close()


def test_of_closed_conversations_the_latest_of_each_brand_of_a_week_is_read(new_database: Path) -> None:
    wanted = [closed(3, "acme", NOW - 1), closed(4, "other", NOW - 6 * DAY), closed(6, "acme", NOW - 1, customer=2)]
    others = [closed(1, "acme", NOW - 2), closed(2, "third", NOW - 8 * DAY)]
    of_closed = replace(RUN, conversation_id=3)
    written(new_database, [*others, *wanted], [of_closed], [])
    connection = connect(new_database, read_only=True)
    states = load_states(connection, [ANN, BOB], NOW)
    assert [list(states[key].conversations) for key in (ANN, BOB)] == [[3, 4], [6]]
    assert states[BOB].conversations[6] == wanted[2]
    assert not states[ANN].dialogues, "those of closed conversations are over"
    connection.close()


def test_the_latest_times_of_a_conversation_are_those_of_its_dialogues(new_database: Path) -> None:
    written(new_database, [OPEN, closed(3, "other", NOW - 1)], [RUN, replace(RUN, id=5, conversation_id=3)], [])
    connection = connect(new_database)
    connection.execute("UPDATE dialogue SET last_in = ?, last_out = 1", (NOW,))
    found = load_states(connection, [ANN], NOW)[ANN].conversations
    assert {(one.last_in, one.last_out) for one in found.values()} == {(NOW, NOW - 6)}
    connection.close()


def test_rows_have_the_fields_of_records_in_their_order() -> None:
    assert Conversation.__match_args__ == CONVERSATION_COLUMNS
    assert Dialogue.__match_args__ == DIALOGUE_COLUMNS
