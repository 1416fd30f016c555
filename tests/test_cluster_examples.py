"""What `examples/cluster` ships fits together, and fits the product: services, settings, commands, names and ports."""

import re
from pathlib import Path

import pytest
import yaml

from deepseek_mm.addresses import is_within, read_networks
from deepseek_mm.cli.parser import build_parser, list_commands
from deepseek_mm.config import ServeConfig
from deepseek_mm.settings import trace_settings

CLUSTER = Path(__file__).parent.parent / "examples" / "cluster"
FIELDS = {
    "build", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "networks", "ports", "profiles",
    "restart", "shm_size", "volumes",
}  # fmt: skip
OURS = ("app1", "app2", "worker1", "worker2")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((CLUSTER / "compose.yaml").read_text())


def test_every_service_has_an_image_or_is_built_and_rests_on_what_is_there(compose):
    services, volumes = compose["services"], set(compose["volumes"])
    for name, service in services.items():
        assert set(service) <= FIELDS, name
        assert ("image" in service) != ("build" in service), name
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in volumes or source.startswith(("./", "${")), (name, volume)
            assert source[:2] != "./" or (CLUSTER / source).exists(), (name, volume)


def test_servers_and_workers_are_started_with_words_and_settings_that_there_are(compose, tmp_path):
    parser = build_parser(list_commands())
    for name in OURS:
        service = compose["services"][name]
        python, first, *words = service["command"]
        assert python == "python"
        if first == "-m":
            assert parser.parse_args(words[1:]).command.name == "worker"
        else:
            assert first == "app.py"
        environ = {key: str(value) for key, value in service["environment"].items()}
        storage = trace_settings({}, environ=environ, cwd=tmp_path).config.storage
        assert (storage.url.split("@")[1], storage.workers) == ("postgres:5432/library", True), name


def test_nginx_knows_the_servers_of_the_compose_file_by_their_names_and_limits_bodies_as_they_do(compose):
    told = (CLUSTER / "nginx.conf").read_text()
    servers = re.findall(r"server (\w+):(\d+) ", told)
    assert [name for name, _ in servers] == [name for name in OURS if name.startswith("app")]
    for name, port in servers:
        assert port in compose["services"][name]["command"]
    (most,) = re.findall(r"client_max_body_size (\d+)m;", told)
    assert int(most) * 1_000_000 == ServeConfig().max_body_bytes
    assert "proxy_buffering off;" in told
    (outside,) = re.findall(r"listen (\d+);", told)
    nginx = compose["services"]["nginx"]
    address = nginx["networks"]["default"]["ipv4_address"]
    for name in ("app1", "app2"):  # what it tells of callers is believed, and what others tell is not
        assert compose["services"][name]["environment"]["DEEPSEEK_MM_SERVE__PROXIES"] == address
    assert is_within(address, read_networks("subnet", compose["networks"]["default"]["ipam"]["config"][0]["subnet"]))
    assert nginx["ports"] == [f"{outside}:{outside}"]
