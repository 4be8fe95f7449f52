"""The embedded database: one SQLite file, one process, one writer thread, a few reading threads.

WAL with synchronous=FULL: what was committed is on the disk when the caller hears of it. Checkpoints run in the
background (performance anchor section 4). A second process on the same file is refused.
"""

import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from gateway.store.checkpoint import Checkpointer
from gateway.store.connection import connect, copy
from gateway.store.migrate import bring_up_to_date
from gateway.store.units import Failure, StoreFull, Unit
from gateway.store.writer import Call, Result, Writer

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("gateway.store")
RESERVE_BYTES = 4 << 20
PATIENCE = 0.005  # seconds
# Checkpoints are short when they are frequent, and a commit waits for one while it copies: of 1,000 texts a second some
# two in a hundred, with 0.25 s for longer than all else takes (p99 5.3 to 5.9 ms, 4.2 with 0.1; measured).
KEEP_SECONDS = 0.1
PRIVATE = 0o600
"""Rights of our files: they hold what customers wrote. SQLite gives its -wal and -shm those of the database."""


class StoreProblem(Exception):
    """The store cannot be opened; the message says what to do."""


def sqlite_path(url: str) -> Path:
    """The file of a `sqlite:///var/careline.db` URL, relative to the working directory. Raises StoreProblem."""
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite":
        raise StoreProblem(f"store.url {scheme}:// is not there yet; use sqlite:///var/careline.db")
    return Path(rest.removeprefix("/"))


def prepare(path: Path) -> None:
    """Makes the file of a database and the folder that it is in, which nobody but their owner reads.

    Raises:
        StoreProblem: neither is there, or they cannot be made.
    """
    folder = path.parent
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            log.info("store: made the folder %s", folder.absolute())
    except FileNotFoundError as error:
        raise StoreProblem(
            f"there is no folder {folder.parent} to make {folder.name} in; correct store.url (its path begins after"
            " sqlite:///), or make the folder"
        ) from error
    except OSError as error:
        raise StoreProblem(f"cannot make the folder {folder}: {error.strerror}; check its rights") from error
    try:
        # Never opened where it exists: closing it would drop the locks that SQLite holds on it in this process.
        os.close(_private(str(path), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreProblem(f"cannot make {path}: {error.strerror}; check the folder's rights") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


class Store:
    """The open database. `apply` is the only way to write, `read` the only way to ask. reader_starts: called in each
    reading thread when it begins.
    """

    def __init__(self, path: Path, reader_starts: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self._reader_starts = reader_starts
        self.full = False
        self._lock_file: int | None = None
        self._writer: Writer | None = None
        self._checkpointer: Checkpointer | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._reserve = path.with_suffix(path.suffix + ".reserve")
        self._keeper: asyncio.Task[None] | None = None
        self._opened: list[apsw.Connection] = []
        self.patience = PATIENCE
        self._patient: list[Call] = []
        self._patience: asyncio.TimerHandle | None = None

    # -- life

    async def open(self) -> None:
        """Locks the file, migrates it, starts the writer. Raises StoreProblem."""
        prepare(self.path)
        self._lock()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, bring_up_to_date, self.path)
            await loop.run_in_executor(None, _fold_log, self.path)
        except apsw.Error as error:
            self._unlock()
            raise StoreProblem(f"{self.path}: {error}; is it a Careline database, on a writable disk?") from error
        except ValueError as error:
            self._unlock()
            raise StoreProblem(str(error)) from error
        self._keep_reserve()
        self._readers = ThreadPoolExecutor(2, "careline-reader", self._reader_starts)
        self._checkpointer = Checkpointer(self.path, lambda: connect(self.path, read_only=True))
        # The writer's thread opens and closes its connection; only `Writer._run` and what that calls know it.
        writing = partial(connect, self.path, one_thread=True)
        self._writer = Writer(writing, loop, self._full_in(loop), self._checkpointer)
        self._writer.start()
        self._keeper = loop.create_task(self._keep(), name="store keeper")

    async def close(self) -> None:
        """Writes what is queued and closes. A second process may open the file afterwards."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        loop = asyncio.get_running_loop()
        if self._writer is not None:
            self._hand_over()
            await loop.run_in_executor(None, self._writer.close)
        if self._readers is not None:
            await loop.run_in_executor(None, self._readers.shutdown)
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        if self._checkpointer is not None:
            await loop.run_in_executor(None, self._checkpointer.close)
            self._checkpointer = None
        self._unlock()

    @property
    def writer(self) -> Writer:
        """The writer, for its figures."""
        assert self._writer is not None, "the store is not open"
        return self._writer

    def working(self) -> str | None:
        """None while reads and writes work, else the reason, for the readiness answer."""
        if self._writer is None:
            return "the store is not open"
        return self._writer.broken

    # -- the two ways in

    async def apply(self, units: Sequence[Unit], *, patient: bool = False) -> list[Result]:
        """Commits units, each all or nothing, and answers per unit None or the Failure, after the commit.

        patient: as of `submit`.
        """
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()

        def done(results: list[Result]) -> None:
            if not future.done():
                future.set_result(results)

        self.submit(units, done, patient=patient)
        return await future

    def submit(self, units: Sequence[Unit], done: Callable[[list[Result]], None], *, patient: bool = False) -> None:
        """`apply` for those who wait by callback: no task, no future.

        patient: nobody waits for it: it shares the transaction of whoever comes next, within `patience` seconds. A
        transaction costs several times what its rows do, and at a moderate pace each would have one of its own.
        """
        if self.full and all(unit.intake for unit in units):
            # New work would only eat what is left; what settles old work still tries.
            done([StoreFull("the disk is full; free space on its volume")] * len(units))
            return
        if patient and self.patience:
            self._patient.append(Call(units, done))
            if self._patience is None:
                self._patience = asyncio.get_running_loop().call_later(self.patience, self._hand_over)
            return
        self._hand_over(Call(units, done))

    def _hand_over(self, *calls: Call) -> None:
        """Those who were patient come first: what is written keeps its order."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        patient, self._patient = self._patient, []  # a refusal is told at once, and may bring more
        self.writer.submit(*patient, *calls)

    async def write(self, unit: Unit) -> None:
        """Commits one unit. Raises its Failure."""
        [failure] = await self.apply([unit])
        if failure is not None:
            raise failure

    async def read(
        self,
        question: Callable[Concatenate[apsw.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Asks a question in a reading thread, on a snapshot of what is committed."""
        assert self._readers is not None, "the store is not open"
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, lambda: question(self._reader(), *args, **kwargs)
        )

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self.path, read_only=True)
            self._local.connection = connection
            self._opened.append(connection)
        return connection

    # -- keeping it healthy

    async def backup(self, target: Path) -> None:
        """Copies the database while it runs; the copy is a whole, consistent database.

        Raises:
            StoreProblem: the target exists already or cannot be written.
        """
        await asyncio.get_running_loop().run_in_executor(None, backup_file, self.path, target)

    async def _keep(self) -> None:
        """Has the log checkpointed when it is long; after a full disk, tries to take the reserve back."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            if self.full and await loop.run_in_executor(None, self._keep_reserve):
                self.full = False
                log.warning("store: there is space again; new work is taken")
            self.writer.checkpoint()

    def _full_in(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        def tell() -> None:
            loop.call_soon_threadsafe(self._went_full)

        return tell

    def _went_full(self) -> None:
        if not self.full:
            self.full = True
            log.error("store: the disk is full; new work is refused, reads go on; free space on the database's volume")
        self._reserve.unlink(missing_ok=True)

    def _keep_reserve(self) -> bool:
        """Holds some space back: on a full disk even a DELETE needs pages. False while there is no room for it."""
        try:
            with open(self._reserve, "ab", opener=_private) as file:
                if file.tell() < RESERVE_BYTES:
                    os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
            return True
        except OSError:
            self._reserve.unlink(missing_ok=True)
            return False

    def _lock(self) -> None:
        name = self.path.with_name(self.path.name + ".lock")
        try:
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        except OSError as error:
            raise StoreProblem(f"cannot open {name}: {error.strerror}; check the folder's rights") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise StoreProblem(
                f"{self.path} is in use by another Careline process (pid {owner}); stop it first, "
                "or give this one its own store.url"
            ) from None
        os.truncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._lock_file = handle

    def _unlock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


def _fold_log(path: Path) -> None:
    """After a kill the log may be long: it is folded in before anybody must read it."""
    connection = connect(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


def backup_file(source: Path, target: Path) -> None:
    """Online copy by SQLite's own backup, whoever else has the file open. Raises StoreProblem."""
    if target.exists():
        raise StoreProblem(f"{target} exists already; name a new file")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(_private(str(partial), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        copy(source, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except (apsw.Error, OSError) as error:
        for left in ("", "-journal"):
            partial.with_name(partial.name + left).unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else error
        raise StoreProblem(f"backup to {target} failed: {why}") from error


__all__ = ["Failure", "Store", "StoreProblem", "backup_file", "prepare", "sqlite_path"]
