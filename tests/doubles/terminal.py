"""A person at a terminal: a program in tmux, what is typed into it, and what it shows.

Nothing of the terminal of whoever runs the tests is touched: a server of tmux of its own, ended with the test.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.doubles.prosody import DOMAIN, PASSWORD

_TAIL = 20
_TMUX = """set -g status off
set -g remain-on-exit on
set -g default-size {columns}x{lines}
"""

_PROFANITY_ACCOUNT = """[{name}]
enabled=true
jid={name}@{domain}
resource=desk
server=127.0.0.1
port={port}
tls.policy=disable
password={password}
muc.nick={name}
presence.last=online
presence.login=online
"""
_PROFANITY_SETTINGS = """[ui]
splash=false
beep=false
"""
_POEZIO_SETTINGS = """[Poezio]
jid = {name}@{domain}
password = {password}
custom_host = 127.0.0.1
custom_port = {port}
force_encryption = false
ignore_certificate = true
rooms =
use_log = false
"""
_AS_NOBODY = "import os; os.geteuid = lambda: 1; from poezio.__main__ import run; run()"
"""poezio refuses to run as root, which containers of tests mostly are."""


def client_or_skip(client: str) -> None:
    """Skips the running test by the name of what is not installed, as tests/setup/test.sh lists it at the end."""
    if missing := [name for name in ("tmux", client) if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")


class Terminal:
    """One program on one screen. command: what runs. environment: beside what tmux gives. size: columns and lines.
    clearing: the line that empties its screen, "" = it has none that works.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        size: tuple[int, int] = (110, 40),
        clearing: str = "",
    ) -> None:
        self.clearing = clearing
        self._command, self._environment, self._size = tuple(command), dict(environment), size
        # The path of a socket has room for about 100 signs; the folder of a test may have more.
        self._folder = Path(tempfile.mkdtemp(prefix="terminal-"))
        self._closed = False

    async def _tmux(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "tmux",
            "-S",
            str(self._folder / "socket"),
            "-f",
            str(self._folder / "tmux.conf"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, f"tmux {arguments[0]}: {err.decode('utf-8', 'replace')}"
        return out.decode("utf-8", "replace")

    async def start(self) -> None:
        """Starts the program."""
        columns, lines = self._size
        (self._folder / "tmux.conf").write_text(_TMUX.format(columns=columns, lines=lines))
        given = [f"{name}={value}" for name, value in self._environment.items()]
        await self._tmux("-u", "new-session", "-d", "-x", str(columns), "-y", str(lines), "env", *given, *self._command)

    async def stop(self) -> None:
        """Ends the program and its tmux."""
        if not self._closed:
            self._closed = True
            await self._tmux("kill-server")
            shutil.rmtree(self._folder, ignore_errors=True)

    async def types(self, line: str) -> None:
        """Types a line, waits until it stands there, as a person would, and presses Enter.

        An Enter right behind it is part of what is pasted, to some clients.
        """
        tail = _plain(line)[-_TAIL:]
        await self._tmux("send-keys", "-l", "--", line)
        await self._until(self._input, lambda seen: _plain(seen).endswith(tail), f"{line!r} typed", 5.0)
        await self._tmux("send-keys", "Enter")

    async def _input(self) -> str:
        """The line on which the cursor stands."""
        at = int(await self._tmux("display-message", "-p", "#{cursor_y}"))
        return (await self.screen()).split("\n")[at]

    async def presses(self, *keys: str) -> None:
        """Presses keys, by tmux's names of them."""
        await self._tmux("send-keys", *keys)

    async def screen(self, *, colours: bool = False) -> str:
        """What is to be seen now. colours: with the escapes that make them."""
        return await self._tmux("capture-pane", "-p", *(["-e"] if colours else []))

    async def shows(self, *words: str, within: float = 10.0) -> str:
        """Waits until the screen shows all of these, however its lines are broken; the screen."""

        def fits(seen: str) -> bool:
            return all(_plain(word) in _plain(seen) for word in words)

        return await self._until(self.screen, fits, str(words), within)

    async def colours(self, fits: Callable[[str], bool], what: str, within: float = 10.0) -> str:
        """Waits until the screen with the escapes of its colours fits; the screen."""
        return await self._until(lambda: self.screen(colours=True), fits, what, within)

    async def _until(
        self, look: Callable[[], Awaitable[str]], fits: Callable[[str], bool], what: str, within: float
    ) -> str:
        seen = ""
        nobody = asyncio.Event()
        try:
            async with asyncio.timeout(within):
                while not fits(seen := await look()):
                    try:
                        await asyncio.wait_for(nobody.wait(), 0.05)
                    except TimeoutError:
                        continue
        except TimeoutError:
            raise AssertionError(f"the screen never showed {what}, but:\n{await self.screen()}") from None
        return seen


def profanity(folder: Path, name: str, port: int, *, size: tuple[int, int] = (110, 40)) -> Terminal:
    """The client of an agent of `DOMAIN`, ready to log in."""
    files = {
        "data/profanity/accounts": _PROFANITY_ACCOUNT.format(name=name, domain=DOMAIN, port=port, password=PASSWORD),
        "config/profanity/profrc": _PROFANITY_SETTINGS,
    }
    return Terminal(["profanity", "-a", name], _home(folder, files), size=size, clearing="/clear")


def poezio(folder: Path, name: str, port: int, *, size: tuple[int, int] = (110, 40)) -> Terminal:
    """Another client, of another make."""
    settings = _POEZIO_SETTINGS.format(name=name, domain=DOMAIN, port=port, password=PASSWORD)
    home = _home(folder, {"config/poezio/poezio.cfg": settings})
    # Debian's own Python: the client is a module of it.
    return Terminal(["/usr/bin/python3", "-c", _AS_NOBODY], home, size=size)


def _home(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """A home with these files, as variables."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(text)
    homes = {f"XDG_{kind.upper()}_HOME": str(folder / kind) for kind in ("config", "data", "cache")}
    return {**homes, "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "screen-256color", "TZ": "UTC"}


def _plain(text: str) -> str:
    """Without blanks, and the line beside poezio's list of chats: so that it matters not where lines are broken."""
    return "".join(text.replace("│", "").split())
