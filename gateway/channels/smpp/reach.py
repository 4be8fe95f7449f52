"""Why a carrier is not reached, in words: what `/health/ready`, the log and `careline doctor` say."""

import errno
import re
import socket
import ssl

from gateway.channels.smpp.profile import CarrierProfile

_NUMBER = re.compile(r"\[Errno (\d+)\]")
_OPENSSL = re.compile(r"^\[[^\]]*\] ?| ?\(_ssl\.c:\d+\)$")
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL}
_BROKEN = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}


def why_not_reached(error: OSError | ValueError, profile: CarrierProfile) -> str:
    """An error of connecting and binding as a sentence, without names of exceptions."""
    where = f"{profile.host}:{profile.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {where} is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with {where}: {_OPENSSL.sub('', str(error.strerror or '')) or 'the handshake failed'}"
    if isinstance(error, socket.gaierror):
        return f"the name {profile.host} cannot be resolved"
    if isinstance(error, ValueError):
        return f"{profile.host} is no name of a host"
    if isinstance(error, TimeoutError):
        return f"no answer from {where}" if error.errno else f"no answer within {profile.bind_timeout:g} s from {where}"
    numbers = _numbers(error)
    if numbers == {errno.ECONNREFUSED}:
        return f"nobody listens at {where}"
    if numbers and numbers <= _NO_WAY:
        return f"there is no way to {where}"
    if isinstance(error, ConnectionError) or (numbers and numbers <= _BROKEN):
        return f"{where} broke the connection off"
    said = (error.strerror or str(error) or "it failed").lower()
    if isinstance(error, FileNotFoundError | PermissionError):
        files = [file for file in (profile.tls_ca_file, profile.tls_cert_file, profile.tls_key_file) if file]
        return f"a file of its tls ({', '.join(files)}): {said}"
    return said


def _numbers(error: OSError) -> set[int]:
    """The error's number; of a name with several addresses, those of all of them, which asyncio only writes down."""
    if error.errno is not None:
        return {error.errno}
    return {int(number) for number in _NUMBER.findall(str(error))}
