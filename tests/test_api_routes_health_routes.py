"""Whom to tell of a hole: RFC 9116's file, for whoever asks, and only where a setting names somebody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rag_house import build
from starlette.testclient import TestClient

from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.routes.health_routes import describe_contact
from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import ConfigError
from deepseek_mm.settings_file import SettingsFile

PLACE = "/.well-known/security.txt"


def answer(house, contact):
    """What a stranger gets from a server that wants keys."""
    house.config = replace(house.config, serve=ServeConfig(keys="always", security_contact=contact))
    api = build_api(house, SettingsFile.of(house.config))
    with TestClient(guard_app(api.app, house.config), base_url="http://127.0.0.1") as client:
        told = client.get(PLACE)
        assert client.get("/about").status_code == 401
    api.close()
    return told


def test_a_stranger_learns_whom_to_tell_of_a_hole_where_somebody_is_named(tmp_path):
    with build(tmp_path / "library") as house:
        told = answer(house, "mailto:me@photos.example")
        assert (told.status_code, told.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert told.text.startswith("Contact: mailto:me@photos.example\nExpires: ")
        nobody = answer(house, "")
        assert (nobody.status_code, nobody.json()["type"]) == (404, "urn:deepseek-mm:problem:nothing-there")


def test_the_file_has_the_fields_of_rfc_9116_and_expires_within_a_year():
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    fields = dict(line.split(": ") for line in describe_contact("https://x.example/hole", now).splitlines())
    assert fields["Contact"] == "https://x.example/hole"
    assert timedelta(0) < datetime.fromisoformat(fields["Expires"]) - now < timedelta(days=365)
    assert fields["Preferred-Languages"] == "en, zh"


@pytest.mark.parametrize(
    "contact", ["me@photos.example", "http://x.example", "mailto:a@b\nExpires: never", "javascript:1"]
)
def test_what_is_no_contact_is_refused(contact):
    with pytest.raises(ConfigError, match=r"mailto:me@example\.org"):
        ServeConfig(security_contact=contact)
