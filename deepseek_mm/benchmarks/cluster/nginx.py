"""nginx in front of several servers of this machine, with the configuration that `examples/cluster` ships."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from deepseek_mm.errors import NothingThere
from deepseek_mm.machine import ROOT

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
SHIPPED = ROOT / "examples" / "cluster" / "nginx.conf"
AROUND = """
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    {shipped}
}}
"""


def command_nginx(home: Path, port: int, servers: Sequence[int]) -> list[str]:
    """The words that start it at a port of loopback, in front of the ports of two servers; its files lie in `home`,
    which must be new. NothingThere without nginx, and outside of a clone of the repository.
    """
    if NGINX is None or not SHIPPED.is_file():
        raise NothingThere(
            f"no nginx is installed, or no {SHIPPED} is there. On Debian: apt-get install nginx-light, and run this "
            "from a clone of the repository"
        )
    home.mkdir()
    shipped = SHIPPED.read_text().replace("listen 8080", f"listen 127.0.0.1:{port}")
    for number, server in enumerate(servers, start=1):
        shipped = shipped.replace(f"app{number}:7860", f"127.0.0.1:{server}")
    file = home / "nginx.conf"
    file.write_text(AROUND.format(home=home, shipped=shipped))
    return [NGINX, "-c", str(file)]
