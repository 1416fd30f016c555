"""Whatever is sent to the library, the history and the settings: no 500, and answers that are as OpenAPI says."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from service import Named, house_in

from deepseek_mm.serve.who import LOCAL

CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("fuzz")) as house:
        house.asked()
        yield house


@pytest.fixture
def api_schema(house):
    return schemathesis.openapi.from_asgi("/openapi.json", Named(house.app, LOCAL))


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_sent_breaks_a_route(case):
    case.call_and_validate(checks=CHECKS)
