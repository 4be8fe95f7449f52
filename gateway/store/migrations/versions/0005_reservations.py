"""A conversation that waits may be reserved for an agent."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds who is asked to take it; conversations that are there are not reserved."""
    op.add_column("conversation", sa.Column("reservation", sa.Text(), nullable=True))
