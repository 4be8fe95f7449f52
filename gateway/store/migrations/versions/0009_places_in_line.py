"""A conversation that waits has a place in line: since when, how urgent, and who had it last."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the three; what waits now has waited since it changed hands."""
    op.add_column("conversation", sa.Column("queued_at", sa.BigInteger(), nullable=True))
    op.add_column("conversation", sa.Column("priority", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("conversation", sa.Column("last_agent", sa.Text(), nullable=True))
    op.execute(
        "UPDATE conversation SET queued_at = CASE WHEN state = 'queued' THEN changed_at END, last_agent = agent "
        "WHERE state NOT IN ('bot', 'closed')"
    )
