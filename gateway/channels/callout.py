"""One signed POST to somebody else's HTTP server: back-office calls (Standard Webhooks, standardwebhooks.com).

Headers: webhook-id, webhook-timestamp, webhook-signature, and Idempotency-Key. Redirects are not followed: a signed
call goes where the configuration says and nowhere else.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

ANSWER_SECONDS = 30.0
MOST_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Peer:
    """Where calls go. secret: `whsec_...`, base64 after the prefix."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back. status: None = no answer; body then says why. retry_after: seconds, if the peer asked for it."""

    status: int | None
    body: str
    retry_after: float | None = None


class Callout:
    """Posts to configured peers. One connection pool; `close` ends it."""

    def __init__(self, peers: Mapping[str, Peer], now_ms: Callable[[], int]) -> None:
        self._peers = dict(peers)
        self._signers = {name: _signer(peer.secret) for name, peer in peers.items()}
        self._now_ms = now_ms
        self._session: aiohttp.ClientSession | None = None

    async def post(self, peer: str, body: str, idempotency_key: str, message_id: str) -> Answered:
        """Signs and posts a JSON body; a network fault is an answer without status, never an exception."""
        where = self._peers.get(peer)
        if where is None:
            return Answered(None, f"no back office {peer} in gateway.toml")
        at = datetime.fromtimestamp(self._now_ms() // 1000, UTC)
        headers = {
            "content-type": "application/json",
            "idempotency-key": idempotency_key,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._signers[peer].sign(message_id, at, body),
        }
        try:
            async with self._open().post(
                where.url, data=body.encode(), headers=headers, allow_redirects=False
            ) as response:
                raw = await response.content.read(MOST_ANSWER_BYTES)
                return Answered(response.status, raw.decode("utf-8", "replace"), _seconds(response.headers))
        except TimeoutError:
            return Answered(None, f"no answer within {ANSWER_SECONDS:.0f} s")
        except (aiohttp.ClientError, OSError) as error:
            return Answered(None, f"{type(error).__name__}: not reached")

    async def close(self) -> None:
        """Ends the connections."""
        if self._session is not None:
            await self._session.close()
            # One turn of the loop, so that aiohttp's transports are gone before the loop is.
            await asyncio.sleep(0)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=10.0),
                connector=aiohttp.TCPConnector(limit=100, limit_per_host=50),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
            )
        return self._session


def _signer(secret: str) -> Webhook:
    """Signs with the secret; one of another form than the standard's is taken as it stands (`check` warns)."""
    try:
        return Webhook(secret)
    except (EmptyWebhookSecretError, ValueError):
        return Webhook(secret.encode())


def _seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds (RFC 9110 10.2.3); dates are not read."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() and len(value) < 7 else None
