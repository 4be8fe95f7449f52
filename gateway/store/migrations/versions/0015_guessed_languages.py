"""The language in which a customer seems to write, beside the one that the business says."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column, empty."""
    op.add_column("customer", sa.Column("guessed", sa.Text(), nullable=True))
