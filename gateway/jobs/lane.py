"""A lane: what is due of one kind of work, nearest in memory, the rest on disk, one item of a customer at a time.

Items come hot from the commits of this process, or from the table `work` (after a restart, when a timer falls due, and
when there is more than memory may hold). A row is the truth; memory is only what comes next.
"""

import asyncio
import heapq
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable

from gateway.store import work
from gateway.store.database import Store
from gateway.store.units import Due

MOST_IN_MEMORY = 10_000
BATCH = 250
POLL_SECONDS = 0.2
RETRY_MS = 1000
log = logging.getLogger("gateway.jobs")

Again = list[tuple[Due, int]]
Run = Callable[[list[Due]], Awaitable[Again]]


class Lane:
    """Runs the items of one lane in batches; items of the same key one after another, in order.

    run: takes a batch of items; answers those that are to be tried again, and after how many ms. together: how many
    items of one key a batch may hold, in their order; of those that are tried again none overtakes another.
    prios: the priorities of this lane, first served first. now: wall clock in ms. batches, most: how many batches
    at once, of how many items. memory: items held in memory, shared out among the priorities; the rest waits on
    disk. room: how many may be taken now (a carrier's window), looked at again at each `poke`. blocked: keys
    whose items wait; looked at again at `unblock` and now and then. yields: how far items of priority 1 and below stand
    back just now: one batch at a time, then a pause so many times as long; 0 = not at all. paused: whether keys whose
    most urgent item has this priority wait just now; looked at again now and then.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        run: Run,
        now: Callable[[], int],
        *,
        prios: int = 1,
        batches: int = 2,
        most: int = BATCH,
        together: int = 1,
        memory: int = MOST_IN_MEMORY,
        room: Callable[[], int] | None = None,
        blocked: Callable[[Due], bool] | None = None,
        yields: Callable[[], float] = lambda: 0.0,
        paused: Callable[[int], bool] | None = None,
    ) -> None:
        self.name = name
        self._together = together
        self._most, self._memory, self._limit = most, max(1, memory // prios), room
        self._blocked = blocked
        self._yields = yields
        self._paused = paused
        self._bulk = 0
        self._bulk_after = 0.0
        self._waiting: set[str] = set()
        self._store = store
        self._run = run
        self._now = now
        self._prios = prios
        self._room = batches
        self._under_way = 0
        self._queues: dict[str, deque[Due]] = {}
        self._ready: list[deque[str]] = [deque() for _ in range(prios)]
        self._known: list[set[int]] = [set() for _ in range(prios)]
        self._finished: set[int] = set()
        self._arrivals: list[Due] | None = None
        self._busy: set[str] = set()
        self._spilled = [True] * prios
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None
        self._stopping = False
        self._held: list[tuple[int, int, Due]] = []
        self._held_count = 0

    # -- feeding

    def push(self, due: Due) -> None:
        """An item that was just committed (or a request that has no row, id 0)."""
        if due.id:
            known = self._known[due.prio]
            if due.due > self._now() or due.id in known:
                return
            if due.wait and due.key not in self._busy:
                # Kept back with all that comes after it, also while others are read from disk.
                known.add(due.id)
                self._busy.add(due.key)
                self._retry(due, due.wait)
                return
            if self._arrivals is not None:
                # Older items are being read from disk; this one comes after them.
                self._arrivals.append(due)
                return
            # Each priority has its own room: bulk in memory keeps no reply on disk.
            if self._spilled[due.prio] or len(known) >= self._memory:
                self._spilled[due.prio] = True
                self._wake.set()
                return
            known.add(due.id)
        self._enqueue(due)
        self._wake.set()

    def _enqueue(self, due: Due) -> None:
        """Puts an item where its time and id belong among those of its key."""
        queue = self._queues.get(due.key)
        if queue is None:
            self._queues[due.key] = queue = deque()
        place = len(queue)
        while place and _order(queue[place - 1]) > _order(due):
            place -= 1
        queue.insert(place, due)
        if due.key not in self._busy:
            # A key waits where its most urgent item belongs; its older items still go first.
            self._ready[due.prio].append(due.key)

    def poke(self) -> None:
        """The limit may have changed: look again, if there is anything to look at."""
        if self._queues:
            self._wake.set()

    def unblock(self, key: str) -> None:
        """The key may go on."""
        if key in self._waiting:
            self._waiting.discard(key)
            self._free(key, self._queues.get(key))
            self._wake.set()

    def clear(self, key: str) -> bool:
        """Whether nothing of the key waits or is under way, in memory or (timers aside) on disk."""
        return key not in self._queues and key not in self._busy and not self._arrivals and not any(self._spilled)

    def may_overtake(self, due: Due) -> bool:
        """Whether an item may go without ever waiting here: nothing of its key does, and nothing as urgent."""
        if self._paused is not None and self._paused(due.prio):
            return False
        if due.key in self._queues or due.key in self._busy or self._arrivals:
            return False  # what arrived while older items are read from disk is in no queue yet
        for prio in range(due.prio + 1):  # noqa: SIM110  once for each text that leaves; a generator costs twice as much
            if self._ready[prio] or self._spilled[prio]:
                return False
        return True

    def occupy(self, key: str) -> None:
        """Somebody else decides something of this key, which was `clear`; its items wait until `vacate`."""
        self._busy.add(key)

    def vacate(self, key: str) -> None:
        """The items of the key may go on."""
        queue = self._queues.get(key)
        self._free(key, queue)
        if queue:
            self._wake.set()

    @property
    def under_way(self) -> int:
        """Items that were taken out and are not settled yet."""
        return self._under_way

    def ready(self) -> int:
        """Keys with something of the first priority that could be taken out now, were there room."""
        # A key stands there once for each item that came while it was free; the items bound them.
        return min(len(self._ready[0]), len(self._known[0]))

    def depth(self) -> int:
        """Items in memory."""
        return sum(len(known) for known in self._known)

    @property
    def idle(self) -> bool:
        """Nothing in memory, nothing under way."""
        return not (self._queues or self._busy or self._arrivals)

    # -- life

    def start(self) -> None:
        """Begins to work; what lies on disk comes first."""
        self._loop_task = asyncio.get_running_loop().create_task(self._work(), name=f"lane {self.name}")

    async def stop(self, drain: float) -> None:
        """Takes nothing new, waits up to `drain` seconds for what is under way."""
        self._stopping = True
        self._wake.set()
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain)

    async def _work(self) -> None:
        poll_at = 0.0
        loop = asyncio.get_running_loop()
        while not self._stopping:
            if loop.time() >= poll_at:
                await self._refill()
                if self._blocked is not None:
                    for key in [key for key in self._waiting if not self._blocked(self._queues[key][0])]:
                        self.unblock(key)
                poll_at = loop.time() + POLL_SECONDS
            held = self._release_held()
            self._dispatch()
            if self._bulk_after > loop.time():
                held = min(held, self._bulk_after - loop.time())
            half = self._memory // 2
            if any(out and len(known) <= half for out, known in zip(self._spilled, self._known, strict=True)):
                poll_at = 0.0
                continue
            self._wake.clear()
            try:
                async with asyncio.timeout(max(0.0, min(held, poll_at - loop.time()))):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _refill(self) -> None:
        """Reads what is due; hot items that were left on disk for want of room, and timers."""
        self._finished = set()
        arrivals: list[Due] = []
        self._arrivals = arrivals
        now = self._now()
        rows: list[Due] = []
        spilled = list(self._spilled)
        try:
            for prio, known in enumerate(self._known):
                room = self._memory - len(known)
                if room > 0:
                    most = len(known) + min(room, 2000)
                    found = await self._store.read(work.due_now, self.name, prio, now, most)
                    spilled[prio] = len(found) >= most
                    rows.extend(found)
        finally:
            self._arrivals = None
        # Only now, with the rows in hand: whoever asks whether the lane is clear must not miss them.
        self._spilled = spilled
        for row in (*rows, *(due for due in arrivals if not spilled[due.prio])):
            known = self._known[row.prio]
            # A snapshot may still show what was finished while it was read.
            if row.id not in known and row.id not in self._finished:
                known.add(row.id)
                self._enqueue(row)

    # -- running

    def _dispatch(self) -> None:
        while self._room > 0 and not self._stopping:
            batch = self._next_batch()
            if not batch:
                return
            self._room -= 1
            self._under_way += len(batch)
            self._bulk += batch[-1].prio > 0
            task = asyncio.get_running_loop().create_task(self._run_batch(batch))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The batch is tried again; whoever reads the log must see why.
            log.error("lane %s: a batch failed and is tried again", self.name, exc_info=error)

    def _next_batch(self) -> list[Due]:
        batch: list[Due] = []
        most = self._most if self._limit is None else min(self._most, self._limit() - self._under_way)
        for prio, ready in enumerate(self._ready):
            if prio and not self._may_run_bulk():
                break
            if self._paused is not None and self._paused(prio):
                continue
            while ready and len(batch) < most:
                key = ready.popleft()
                queue = self._queues.get(key)
                if key in self._busy or not queue:
                    continue
                if self._blocked is not None and self._blocked(queue[0]):
                    self._waiting.add(key)
                    continue
                self._busy.add(key)
                batch.append(queue.popleft())
                if self._together > 1:
                    more = min(self._together - 1, len(queue), most - len(batch))
                    batch.extend(queue.popleft() for _ in range(more))
        return batch

    def _may_run_bulk(self) -> bool:
        if not self._yields():
            return True
        return not self._bulk and asyncio.get_running_loop().time() >= self._bulk_after

    async def _run_batch(self, batch: list[Due]) -> None:
        again: Again = [(due, RETRY_MS) for due in batch]
        bulk = batch[-1].prio > 0
        started = asyncio.get_running_loop().time()
        try:
            again = await self._run(batch)
        finally:
            self._bulk -= bulk
            if bulk:
                now = asyncio.get_running_loop().time()
                self._bulk_after = now + self._yields() * (now - started)
            self._room += 1
            self._under_way -= len(batch)
            self._release(batch, again)
            self._wake.set()

    def _release(self, batch: list[Due], again: Again) -> None:
        retry = {id(due): delay for due, delay in again}
        left: dict[str, list[Due]] = {}
        for due in batch:
            if id(due) in retry:
                left.setdefault(due.key, []).append(due)
                continue
            self._known[due.prio].discard(due.id)
            self._finished.add(due.id)
            if self._together == 1:
                self._free(due.key, self._queues.get(due.key))
        for key, items in left.items():
            # The first waits for its time, and its key with it; the others stand in their old place behind it.
            self._queues.setdefault(key, deque()).extendleft(reversed(items[1:]))
            self._retry(items[0], retry[id(items[0])])
        if self._together > 1:
            for key in dict.fromkeys(due.key for due in batch):
                if key not in left:
                    self._free(key, self._queues.get(key))

    def _free(self, key: str, queue: deque[Due] | None) -> None:
        self._busy.discard(key)
        if queue:
            self._ready[min(item.prio for item in queue)].append(key)
        else:
            self._queues.pop(key, None)

    def _retry(self, due: Due, delay_ms: int) -> None:
        """The whole key waits with its first item, else the order of its items would break."""
        self._held_count += 1
        heapq.heappush(self._held, (self._now() + delay_ms, self._held_count, due))
        self._wake.set()

    def _release_held(self) -> float:
        """Lets go whose time has come; seconds until the next."""
        now = self._now()
        while self._held and self._held[0][0] <= now:
            due = heapq.heappop(self._held)[2]
            queue = self._queues.setdefault(due.key, deque())
            queue.appendleft(due)
            self._free(due.key, queue)
        return max(0.001, (self._held[0][0] - now) / 1000) if self._held else math.inf


def _order(due: Due) -> tuple[int, bool, int]:
    """Items of a key run in order of their time, then of their making; a request (0) comes after what was there."""
    return due.due, not due.id, due.id
