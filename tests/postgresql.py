"""A PostgreSQL of the tests' own: Debian's binaries, a temporary folder, a free port."""

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.conftest import free_port

# Debian keeps each version's programs in a folder of their own.
FOLDERS = "/usr/lib/postgresql/*/bin"
USER = "postgres"


class Server:
    """A server that listens on 127.0.0.1 and on a socket in its folder.

    Args:
        programs: the folder of its programs.
        folder: for its data, owned by whoever runs it.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder, self.port = programs, folder, free_port()
        self.password = f"pass%word/{secrets.token_hex(8)}"
        self.made = 0
        secret = folder / "secret"
        secret.write_text(self.password)
        shutil.chown(secret, folder.owner())
        given = [f"--pwfile={secret}", "--auth=scram-sha-256", "--username=owner"]
        self.run("initdb", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", *given)
        self.start()

    def run(self, program: str, *arguments: str) -> None:
        """Runs one of its programs on its data; it refuses to be run by root."""
        drop = []
        if os.geteuid() == 0:
            drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        command = [*drop, str(self.programs / program), "-D", str(self.folder / "data")]
        with (self.folder / "printed").open("ab") as printed:
            done = subprocess.run(
                [*command, *arguments],
                cwd=self.folder,
                # What it leaves running must not hold a pipe.
                stdout=printed,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=120,
            )
        assert done.returncode == 0, (self.folder / "printed").read_text(errors="replace")

    def start(self) -> None:
        """Starts it; a crash of the machine is none of what is tested."""
        own = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off -c shared_buffers=16MB"
        self.run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", own)

    def stop(self) -> None:
        """Stops it at once, as a crash would; what was committed is there when it starts again."""
        self.run("pg_ctl", "stop", "-w", "-m", "immediate")

    def uri(self, database: str = "postgres", password: str | None = None) -> str:
        """Where a database is, as a user gives it."""
        from urllib.parse import quote

        own = quote(self.password if password is None else password, safe="")
        return f"postgresql://owner:{own}@127.0.0.1:{self.port}/{database}"

    def environment(self) -> dict[str, str]:
        """What libpq and a shell read to find it and its programs."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "owner",
            "PGPASSWORD": self.password,
            "PATH": f"{self.programs}:{os.environ['PATH']}",
        }

    def create(self) -> str:
        """Where a new database is that holds nothing yet."""
        import psycopg

        self.made += 1
        name = f"own{self.made}"
        with psycopg.connect(self.uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.uri(name)


@contextmanager
def running() -> Iterator[Server]:
    """A server until the block ends; the test is skipped where none can be run."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install psycopg[binary]")
    found = sorted(Path("/").glob(f"{FOLDERS[1:]}/postgres"))
    if not found:
        pytest.skip(f"PostgreSQL is not installed: there is no {FOLDERS}/postgres")
    folder = Path(mkdtemp(prefix="tuner-postgresql-"))
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, USER, pwd.getpwnam(USER).pw_gid)
        except KeyError:
            pytest.skip(f"PostgreSQL does not run as root, and there is no user {USER}")
    server = None
    try:
        server = Server(found[-1].parent, folder)
        yield server
    finally:
        if server is not None and (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
