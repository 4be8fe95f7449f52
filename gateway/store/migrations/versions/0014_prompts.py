"""A closed conversation knows what was asked in it and still stands: a late reply is for the handler that asked."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column, empty: what was closed before has asked nothing."""
    op.add_column("conversation", sa.Column("prompt", sa.Text(), nullable=True))
