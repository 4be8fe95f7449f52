"""What a customer is to the business, in a word that agents see behind the name: `Ann, gold`."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column, empty."""
    op.add_column("customer", sa.Column("tier", sa.Text(), nullable=True))
