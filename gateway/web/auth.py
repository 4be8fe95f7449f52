"""API keys and roles: who calls, and whether they may.

A key is 256 random bits, so its SHA-256 can be kept as it is. Keys of gateway.toml hold while the process runs; those
of the table `api_key` are read again when an unknown key comes (at most once a second) and every ten seconds, so that a
key that was taken back soon stops working.
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from gateway.settings import ApiKey
from gateway.store.access import StoredKey, api_keys
from gateway.store.database import Store
from gateway.web.problems import Problem, wait

ROLES = ("integrator", "viewer", "agent", "supervisor", "admin", "privacy")
LONGEST_KEY = 512
MISS_SECONDS = 1.0
STALE_SECONDS = 10.0
MOST_FAILURES = 20
FAILURE_SECONDS = 60.0
MOST_ADDRESSES = 10_000
MOST_HEADERS = 1000
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Careline"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds a key."""

    name: str
    role: str


class Failures:
    """How often somebody failed lately, by network address; bounded, the longest silent are forgotten."""

    def __init__(self, most: int = MOST_FAILURES, seconds: float = FAILURE_SECONDS) -> None:
        self._most, self._seconds = most, seconds
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, address: str) -> float | None:
        """One more failure; seconds to wait when there were too many."""
        now = time.monotonic()
        since, count = self._seen.get(address, (now, 0))
        if now - since >= self._seconds:
            since, count = now, 0
        self._seen[address] = (since, count + 1)
        self._seen.move_to_end(address)
        if len(self._seen) > MOST_ADDRESSES:
            self._seen.popitem(last=False)
        return self._seconds - (now - since) if count >= self._most else None


class Keys:
    """Knows whose key it is."""

    def __init__(self, store: Store, configured: tuple[ApiKey, ...]) -> None:
        self._store = store
        self._configured = {_hash_of(key): Caller(key.name, key.role) for key in configured}
        self._stored: Mapping[str, StoredKey] = {}
        self._read_at = -STALE_SECONDS
        self._reading = asyncio.Lock()
        self._headers: dict[bytes, Caller] = {}
        self.failures = Failures()

    def at_once(self, header: str | None) -> Caller | None:
        """The caller behind an Authorization header that was seen before, if their key is one of gateway.toml."""
        # Kept by its hash, as the keys are: what lies in memory opens nothing.
        return self._headers.get(_digest(header)) if header else None

    async def caller(self, header: str | None, address: str) -> Caller:
        """The caller behind an Authorization header. Raises Problem 401 or 429."""
        scheme, _, key = (header or "").partition(" ")
        key = key.strip()
        if scheme.lower() == "bearer" and key and len(key) <= LONGEST_KEY:
            digest = sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
            found = self._configured.get(digest)
            if found is not None:
                if header and len(self._headers) < MOST_HEADERS:
                    self._headers[_digest(header)] = found
                return found
            found = await self._from_table(digest)
            if found is not None:
                return found
        wait_for = self.failures.count(address)
        if wait_for is not None:
            seconds = max(1, int(wait_for))
            raise Problem("too-many-failures", f"too many wrong keys; wait {seconds} s", headers=wait(seconds))
        said = "the API key is not known" if key else "send Authorization: Bearer KEY"
        challenge = (
            {"WWW-Authenticate": _CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'} if key else _CHALLENGE
        )
        raise Problem("unauthorized", said, headers=challenge)

    async def _from_table(self, digest: str) -> Caller | None:
        found = self._stored.get(digest)
        if time.monotonic() - self._read_at > (MISS_SECONDS if found is None else STALE_SECONDS):
            async with self._reading:
                if time.monotonic() - self._read_at > MISS_SECONDS:
                    self._stored = await self._store.read(api_keys)
                    self._read_at = time.monotonic()
            found = self._stored.get(digest)
        # The dictionary finds the hash of a secret, which says nothing of the secret; compared once more in equal time.
        if found is None or not hmac.compare_digest(found.hash, digest):
            return None
        return Caller(found.name, found.role)


def _digest(header: str) -> bytes:
    return sha256(header.encode("utf-8", "surrogateescape")).digest()


def _hash_of(key: ApiKey) -> str:
    if key.hash is not None:
        return key.hash
    assert key.key is not None, "the settings want a key or its hash"
    return sha256(key.key.get_secret_value().encode()).hexdigest()


def require(caller: Caller, roles: frozenset[str]) -> None:
    """Raises Problem 403 unless the caller has one of the roles."""
    if caller.role in roles or caller.role == "admin":
        return
    needed = sorted(roles | {"admin"}, key=ROLES.index)
    raise Problem("forbidden", f"key {caller.name} has the role {caller.role}; this needs {' or '.join(needed)}")
