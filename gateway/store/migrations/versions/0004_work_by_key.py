"""Of work only what is looked for by its key is indexed by it: events in batches are most of what is not."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the index anew, for some kinds."""
    op.drop_index("work_key", "work")
    op.create_index(
        "work_key",
        "work",
        ["key", "kind"],
        unique=False,
        sqlite_where=sa.text("kind = 'send' OR kind = 'receipt'"),
        postgresql_where=sa.text("kind = 'send' OR kind = 'receipt'"),
    )
