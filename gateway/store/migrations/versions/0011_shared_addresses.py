"""Addresses of several brands: which one wrote last to a customer, and whether they were asked which they mean."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column, empty."""
    op.add_column("customer", sa.Column("shared", sa.Text(), nullable=True))
