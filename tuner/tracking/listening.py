"""Addresses of servers on this machine: an address, a free port, and the names for it."""

import errno
import ipaddress
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tuner.errors import UserError

PORT = 5000  # MLflow's own default


@dataclass(frozen=True)
class Place:
    """The address at which the pages are served.

    Attributes:
        listens: the address that the server listens on.
        port: the port that it listens on.
        address: the address that a browser opens.
        is_open: whether other machines can reach it.
        names: the server's names that MLflow does not accept by default.
    """

    listens: str
    port: int
    address: str
    is_open: bool
    names: tuple[str, ...]

    @property
    def url(self) -> str:
        """The URL of the server, which ends in a slash."""
        return f"http://{_in_url(self.address)}:{self.port}/"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that make MLflow accept the names. By default it accepts few hosts, and
        changes from localhost only (https://mlflow.org/docs/latest/self-hosting/security/network).
        """
        names = [_in_url(name) for name in self.names]
        if not names:
            return {}
        # MLflow reads a host as a pattern, where an unescaped bracket begins a set of characters.
        hosts = [host.replace("[", "[[]") for host in ("localhost", "127.0.0.1", "[::1]", *names)]
        return {
            "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join([*hosts, *(f"{host}:*" for host in hosts)]),
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(
                f"http://{name}:{self.port}" for name in names
            ),
        }


def place(host: str, port: int | None) -> Place:
    """The address to serve at; without a port 5000, or a free port if that is in use.

    Raises:
        UserError: if this machine has no such address, or the port is in use.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise UserError(
            f"ui.host: {host}: is neither an address nor a name of this machine"
        ) from None
    family, *_, (listens, *_) = found[0]
    own = ipaddress.ip_address(str(listens).partition("%")[0])
    taken = _port(family, host, str(listens), port)
    address = _outward() if own.is_unspecified else str(listens)
    if own.is_loopback:
        names: tuple[str, ...] = () if address in ("127.0.0.1", "::1") else (address,)
    else:
        names = address, socket.gethostname()
    return Place(str(listens), taken, address, not own.is_loopback, names)


def _port(family: int, host: str, listens: str, port: int | None) -> int:
    for candidate in (PORT, 0) if port is None else (port,):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            try:
                probe.bind((listens, candidate))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise UserError(f"ui.host: {host}: is not an address of this machine") from None
                refused = error
                continue
            taken: int = probe.getsockname()[1]
            return taken
    if refused.errno == errno.EADDRINUSE:
        why = "is in use: give another, or none for a free one"
    else:
        why = f"cannot be listened on ({refused.strerror})"
    raise UserError(f"ui.port: {port or PORT}: {why}")


def _outward() -> str:
    """The address by which other machines reach this one; without a network, the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737); sends nothing
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
