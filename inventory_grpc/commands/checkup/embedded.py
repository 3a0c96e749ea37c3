"""How to look into the embedded database while a server runs it."""

from pathlib import Path
from urllib.parse import quote

from inventory_grpc.embedded.cluster import DATABASE, SERVICE_ROLE, Cluster
from inventory_grpc.embedded.lock import postmaster_lines


def url_of(data_dir: Path) -> str | None:
    """Its URL; None if there is none, or nobody runs it."""
    home = Cluster(data_dir / "postgresql" / "cluster")
    try:
        lines = postmaster_lines(home.data)
        if len(lines) < 5:
            return None
        password = home.credentials().service
    except OSError:
        return None
    host = quote(lines[4], safe="")
    return f"postgresql+psycopg2://{SERVICE_ROLE}:{password}@/{DATABASE}?host={host}"
