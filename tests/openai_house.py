"""What tests of the OpenAI endpoints share: a painted house behind them, on a real socket or without one."""

import base64
import io
import threading
import time
from contextlib import closing, contextmanager
from types import SimpleNamespace

import uvicorn
from fakes import picture
from openai import OpenAI
from PIL import Image
from serve_help import app_of

from deepseek_mm.api.openai.routes import openai_routes
from deepseek_mm.api.request_pictures import DecodedPicture
from deepseek_mm.errors import BadPicture
from deepseek_mm.services.answer_service import AnswerService
from deepseek_mm.services.history_service import HistoryService


class DataPictures:
    """Opens data URLs, and nothing else; counts them."""

    def __init__(self):
        self.opened = 0

    def take(self, url: str) -> DecodedPicture:
        image = self.open(url)
        return DecodedPicture(data=b"", ending=".png", image=image, size_px=image.size)

    def open(self, url: str) -> Image.Image:
        self.opened += 1
        if not url.startswith("data:image/"):
            raise BadPicture(f"{url[:20]!r} is no picture in base64. Send data:image/png;base64,...")
        return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")


def data_url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def shown(text, *colours):
    """A user's message with plain pictures."""
    parts = [{"type": "image_url", "image_url": {"url": data_url(picture(colour))}} for colour in colours]
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}


@contextmanager
def listening(app):
    """The app on a free port of this machine, as uvicorn serves it; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def offering(assistant, **options):
    """The real client of OpenAI, talking to the endpoints over `assistant`."""
    answers = AnswerService.of(assistant)
    services = SimpleNamespace(answers=answers, history=HistoryService(assistant=assistant))
    with (
        closing(answers.engine),
        listening(app_of(openai_routes(services, assistant, DataPictures()), **options)) as url,
        OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client
