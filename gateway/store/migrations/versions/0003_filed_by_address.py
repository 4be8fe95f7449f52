"""Which messages an address has becomes a table of its own, which is filled many messages at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Files all messages that are there; the index that each message was written to goes."""
    op.create_table(
        "address_message",
        sa.Column("address_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("address_id", "message_id"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO address_message (address_id, message_id) SELECT address_id, id FROM message ORDER BY address_id, id"
    )
    op.execute("INSERT INTO mark (name, value) SELECT 'filed', id FROM message ORDER BY id DESC LIMIT 1")
    op.drop_index("message_address", "message")
    op.create_index(
        "message_promotional",
        "message",
        ["address_id"],
        unique=False,
        sqlite_where=sa.text("cls = 4"),
        postgresql_where=sa.text("cls = 4"),
    )
