"""Folds the write-ahead log into the database without holding up commits for the disk.

A checkpoint copies pages, and then waits until the disk has them, which is most of it. Here the writer's own connection
copies, between two transactions, and does not wait; a thread waits instead, while a reader of ours keeps the log from
being begun anew. So whatever the machine dies of, the log still has all that the database may lack.

Where commits never pause, some come while the thread waits, so the log is never wholly copied and without a reader at
once, and would grow for ever. When it is very long, the writer itself waits for the disk, and begins it anew.

Only the writer's connection ever checkpoints: in SQLite before 3.51.3 a checkpoint of another connection beside a
commit can lose that commit (sqlite.org/wal.html#walresetbug).
"""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import apsw

CHECKPOINT_BYTES = 4 << 20
MOST_FRAMES = 16_384  # 64 MiB of pages
log = logging.getLogger("gateway.store")


class Checkpointer:
    """Belongs to the writer's thread; `close` may be called from any other once that has ended.

    path: the database. connect: opens a reading connection to it. sync: waits until the disk has what was written.
    failed: why nothing can be trusted to the disk any more.
    """

    def __init__(
        self,
        path: Path,
        connect: Callable[[], apsw.Connection],
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._wal = path.with_name(path.name + "-wal")
        self._sync = sync
        self._connect = connect
        self._pin: apsw.Connection | None = None
        # Closed last of all: closing any handle of a file drops the process's locks on it (POSIX).
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._frames = 0  # in the log when it was last copied
        self._put_off: str | None = None
        self.failed: str | None = None

    @property
    def busy(self) -> bool:
        """Whether the disk still works on the last one."""
        return self._thread is not None and self._thread.is_alive()

    def run(self, writer: apsw.Connection) -> None:
        """Copies what the log holds, if it is long enough and the last copy is on disk. No transaction is open."""
        if self.busy or self.failed is not None or not self._long():
            return
        beside = self._frames < MOST_FRAMES
        try:
            if beside:
                self._hold()
            writer.execute("PRAGMA synchronous = OFF")
            try:
                _, self._frames, copied = writer.execute("PRAGMA wal_checkpoint(PASSIVE)").get
            finally:
                writer.execute("PRAGMA synchronous = FULL")
        except apsw.Error as error:
            self._tell(str(error))
            self._unpin()
            return
        self._tell(None)
        if copied < self._frames:
            log.debug("checkpoint: %d of %d frames, a reader holds the rest", copied, self._frames)
        if not beside:
            # No commit comes meanwhile; with no reader of ours the next one begins the log anew.
            self._wait()
            return
        self._thread = threading.Thread(target=self._wait, name="careline-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for the disk and closes; the writer's connection is closed before. Again: nothing to do."""
        if self._thread is not None:
            self._thread.join()
        if self._pin is not None:
            self._pin.close()
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)  # twice could close what another opened meanwhile

    def _long(self) -> bool:
        """The file keeps its size when the log is begun anew, so this only spares the looks at a short one."""
        try:
            return self._wal.stat().st_size >= CHECKPOINT_BYTES
        except OSError:
            return False

    def _tell(self, put_off: str | None) -> None:
        """Says once why no checkpoint is made just now, and once that they are made again."""
        if put_off == self._put_off:
            return
        self._put_off = put_off
        if put_off is not None:
            log.warning("store: checkpoint put off: %s", put_off)
        else:
            log.warning("store: checkpoints go on")

    def _wait(self) -> None:
        try:
            self._sync(self._file)
        except OSError as error:
            # What the kernel still holds can no longer be known. The log has it all, and stays: it is never unpinned.
            self.failed = f"the disk did not take a checkpoint: {error}"
            return
        self._unpin()

    def _hold(self) -> None:
        """Begins to read: until `_unpin` the log is not begun anew."""
        if self._pin is None:
            self._pin = self._connect()
        self._pin.execute("BEGIN")
        self._pin.execute("SELECT 1 FROM mark LIMIT 1").fetchall()

    def _unpin(self) -> None:
        if self._pin is not None and self._pin.in_transaction:
            self._pin.execute("ROLLBACK")
