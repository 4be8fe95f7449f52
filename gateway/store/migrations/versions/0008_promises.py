"""What a waiting customer is promised, which conversation one follows, and how satisfied customers were."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns and the table; conversations that are there have no promises running."""
    op.add_column("conversation", sa.Column("promises", sa.Text(), nullable=True))
    op.add_column("conversation", sa.Column("previous", sa.BigInteger(), nullable=True))
    op.add_column("customer", sa.Column("survey", sa.Text(), nullable=True))
    op.create_table(
        "rating",
        sa.Column("conversation_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("rating_agent", "rating", ["agent", "at"])
