"""Whatever is sent to the library, the history and the settings: no 500, and answers that are as OpenAPI says."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from serve_help import As
from service import STRANGER, house_in

CHECKS = [response_schema_conformance, content_type_conformance]
FEW = settings(max_examples=4, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


LAST = "/library/delete-everything"
SAID_SO = (501, 502)  # a package is missing; a server that was named does not answer


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    """Every route of a house in which something is, for a stranger with every right: no path of this machine is."""
    with house_in(tmp_path_factory.mktemp("fuzz")) as house:
        house.asked(who=STRANGER)
        schema = schemathesis.openapi.from_asgi("/openapi.json", As(house.app, STRANGER))
        found = [each.ok() for each in schema.get_all_operations()]
        yield sorted(found, key=lambda each: (each.path == LAST, each.method == "delete"))


def test_nothing_that_is_sent_breaks_a_route(operations):
    assert len(operations) > 40
    for operation in operations:

        @FEW
        @given(case=operation.as_strategy(), there=st.integers(0, 3))
        def sent(case, there):
            if there:  # mostly things that exist; their first ids are 1
                case.path_parameters = dict.fromkeys(case.path_parameters or {}, 1)
            response = case.call()
            assert response.status_code < 500 or response.status_code in SAID_SO, (case, response.text)
            case.validate_response(response, checks=CHECKS)

        sent()
