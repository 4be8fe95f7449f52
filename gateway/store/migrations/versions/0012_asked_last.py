"""An offer knows whether a bare YES means it: whether nobody has asked the customer anything since."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; a YES means the offers that are there, as before."""
    op.add_column("offer", sa.Column("asked", sa.Boolean(), nullable=False, server_default=sa.text("1")))
