"""One lane for each agent: what an agent did is worked off in order, one at a time, and only so much may wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]

WAITING = 50  # of one agent


class Lanes:
    """Jobs by agent. A job raises nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, agent: str, job: Job) -> bool:
        """Takes a job; False where too many wait."""
        lane = self._waiting.get(agent)
        if lane is None:
            self._waiting[agent] = deque((job,))
            task = asyncio.get_running_loop().create_task(self._run(agent), name="xmpp lane")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return True
        if len(lane) >= WAITING:
            return False
        lane.append(job)
        return True

    async def quiet(self) -> None:
        """Returns when nothing is left to do."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        """Ends all, done or not."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._waiting.clear()

    async def _run(self, agent: str) -> None:
        lane = self._waiting[agent]
        try:
            while lane:
                await lane.popleft()()
        finally:
            if self._waiting.get(agent) is lane:
                del self._waiting[agent]
