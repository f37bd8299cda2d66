"""What the server, the worker and the runs of a service are told by their environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from flows.service.places import Places
from tasks.core.errors import ConfigError

TAG = "lamplighter"
HEARTBEAT_SECONDS = 30
# The variables of the password: as the server asks for it, and as its clients tell it.
SERVERS = "PREFECT_SERVER_API_AUTH_STRING"
CLIENTS = "PREFECT_API_AUTH_STRING"

_QUIET = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
}
# A run says every half minute that it lives: one that was killed with its worker is found so.
FOR_RUNS = {**_QUIET, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)}


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a service's own server listens, and where it keeps its runs.

    Args:
        host: address it binds to.
        port: its port.
        database: SQLAlchemy URL of Prefect's database; None for a SQLite file in `.lamplighter/`.
        password: `user:password` of the API, as the environment has it; empty where it has none.
        told: the same, as clients on this machine are told it.
    """

    host: str = "127.0.0.1"
    port: int = 4200
    database: str | None = None
    password: str = ""
    told: str = ""

    @property
    def api_url(self) -> str:
        """Address of the API, as this machine reaches it."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/api"

    def check(self) -> None:
        """Hold that whoever can reach the server was meant to.

        Raises:
            ConfigError: it would listen beyond this machine without a password; the password is
                none, or runs would not know it.
        """
        if self.password or self.told:
            self._check_password()
            return
        if _is_loopback(self.host):
            return
        raise ConfigError(
            "a password for a server that others can reach",
            found=f"--host {self.host} without one",
            where="lamplighter up",
            do="Leave --no-password out, or --host.",
        )

    def _check_password(self) -> None:
        user, _, password = self.password.partition(":")
        if user and password and self.password == self.told:
            return
        raise ConfigError(
            "a user and a password for the API, and the same for its clients",
            found="a user or a password that is empty"
            if self.password and not (user and password)
            else "two that differ, or one of them alone",
            where=f"{SERVERS} and {CLIENTS}",
            do="export both as user:password, or unset both.",
        )

    def variables(self) -> dict[str, str]:
        """What the server and its clients are told of it, beside where it listens.

        By variables, for others on the machine can see the words of a command.
        """
        told = {
            "PREFECT_API_DATABASE_CONNECTION_URL": self.database,
            SERVERS: self.password,
            CLIENTS: self.told,
        }
        return {name: value for name, value in told.items() if value}

    def environment(self, places: Places, given: Mapping[str, str]) -> dict[str, str]:
        """All variables of the server, at its first start and at every later one.

        Args:
            places: the files of the service.
            given: the variables of the process that starts it.
        """
        return {
            **_QUIET,
            # The second version asks a host on the internet.
            "PREFECT_SERVER_UI_V2_ENABLED": "false",
            # A slot of a run that was killed is given back also after the server was.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
                "prefect.server.concurrency.lease_storage.filesystem"
            ),
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            # No page of another origin may ask the API with the browser of whoever looks at it.
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.api_url.removesuffix("/api"),
            **given,
            **self.variables(),
            "PREFECT_HOME": str(places.home),
            # Prefect copies its page into its own package, which may belong to somebody else.
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(places.home / "ui"),
            # The page would ask port 4200 whatever the port is.
            "PREFECT_SERVER_UI_API_URL": "/api",
        }


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
