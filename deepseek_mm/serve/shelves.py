"""Everything that the Library tab does, over HTTP; each part is a file of its own."""

from fastapi import APIRouter

from deepseek_mm.assistant import Assistant
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.shelf_add import add_routes
from deepseek_mm.serve.shelf_care import care_routes
from deepseek_mm.serve.shelf_change import change_routes
from deepseek_mm.serve.shelf_health import health_of
from deepseek_mm.serve.shelf_jobs import job_routes
from deepseek_mm.serve.shelf_list import list_routes
from deepseek_mm.serve.shelf_pictures import picture_routes
from deepseek_mm.serve.shelf_rules import rule_routes
from deepseek_mm.serve.shelf_twins import twin_routes
from deepseek_mm.serve.shelf_zip import zip_routes
from deepseek_mm.services import Services


def library_routes(services: Services, assistant: Assistant) -> APIRouter:
    """/library."""
    router = APIRouter(tags=["library"], responses=DECLARED)
    router.include_router(list_routes(services, assistant))
    router.include_router(picture_routes(services, assistant))
    router.include_router(zip_routes(services, assistant))
    router.include_router(add_routes(services, assistant.config))
    router.include_router(change_routes(services, assistant))
    router.include_router(care_routes(services))
    router.include_router(job_routes(services))
    router.include_router(rule_routes(services))
    router.include_router(twin_routes(services))
    router.include_router(health_of(services))
    return router
