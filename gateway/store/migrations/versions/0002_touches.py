"""A dialogue's row may say when its conversation was last touched."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the two times; rows that are there say nothing of them."""
    op.add_column("dialogue", sa.Column("last_in", sa.BigInteger(), nullable=True))
    op.add_column("dialogue", sa.Column("last_out", sa.BigInteger(), nullable=True))
