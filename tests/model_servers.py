"""Scripted servers of Ollama, llama.cpp, LM Studio and vLLM: their lists, and a model that really looks at pictures.

The answers have the shape of each API's documentation; faults are named as in `chat_server`.
"""

import base64
import io
import json
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from chat_server import ChatHandler, ChatServer, serving
from PIL import Image

from deepseek_mm.models import local_servers, server_trials
from deepseek_mm.models.loopback_client import ServerLimits

SHOWN = {  # Ollama's /api/show
    "llava:7b": {
        "capabilities": ["completion", "vision"],
        "model_info": {"general.architecture": "llama", "llama.context_length": 4096},
    },
    "qwen3:4b": {
        "capabilities": ["completion", "tools", "thinking"],
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960},
    },
    "nomic-embed-text:latest": {"capabilities": ["embedding"], "model_info": {}},
    "gpt-oss:120b-cloud": {"capabilities": ["completion", "tools"], "remote_host": "https://ollama.com:443"},
}
OLLAMA = {
    "/api/version": {"version": "0.12.3"},
    "/api/tags": {
        "models": [
            {"name": "llava:7b", "size": 4733363377},
            {"name": "qwen3:4b", "size": 2497293931},
            {"name": "nomic-embed-text:latest", "size": 274302450},
            {"name": "gpt-oss:120b-cloud", "size": 384, "remote_host": "https://ollama.com:443"},
        ]
    },
    "/v1/models": {"object": "list", "data": [{"id": name, "owned_by": "library"} for name in SHOWN]},
}
LLAMA_CPP = {
    "/props": {
        "default_generation_settings": {"n_ctx": 8192},
        "modalities": {"vision": True, "audio": False},
        "chat_template_caps": {"supports_tools": False},
        "build_info": "b6800-abc1234",
    },
    "/v1/models": {"data": [{"id": "SmolVLM-500M.gguf", "owned_by": "llamacpp", "meta": {"size": 436806912}}]},
    "/api/tags": {"models": [{"name": "SmolVLM-500M.gguf"}]},  # llama.cpp copies this one of Ollama's answers
}
LM_STUDIO = {
    "/api/v0/models": {
        "data": [
            {"id": "qwen2-vl-7b", "type": "vlm", "state": "not-loaded", "max_context_length": 32768},
            {
                **{"id": "llama-3.1-8b", "type": "llm", "state": "loaded", "capabilities": ["tool_use"]},
                **{"max_context_length": 131072, "loaded_context_length": 4096},
            },
            {"id": "nomic-embed", "type": "embeddings", "state": "not-loaded", "max_context_length": 2048},
        ]
    },
    "/v1/models": {"data": [{"id": "qwen2-vl-7b", "owned_by": "organization_owner"}]},
    "/api/version": {"error": "Unexpected endpoint or method. (GET /api/version)"},
}
VLLM = {
    "/v1/models": {"data": [{"id": "Qwen/Qwen2.5-VL-3B-Instruct", "owned_by": "vllm", "max_model_len": 16384}]},
    "/version": {"version": "0.11.0"},
}
OURS = {"/v1/models": {"data": [{"id": "deepseek-mm", "object": "model", "owned_by": "deepseek-mm"}]}}
APIS = {"ollama": OLLAMA, "llama.cpp": LLAMA_CPP, "lm studio": LM_STUDIO, "vllm": VLLM, "ours": OURS, "nobody": {}}
BLUNT = "I am a language model."  # what a blind one says of a picture


class ScriptedServer(ChatServer):
    """Answers GETs out of `pages`; its model sees and uses tools, or not. `looked` holds the paths that were asked."""

    def __init__(self, pages, *, sees=True, tools=True, say="Ready", fault=""):
        super().__init__(fault=fault, handler=_ModelHandler)
        self.shown, self.waited_out = SHOWN, False  # whether somebody waited for a slow one to the end
        self.pages, self.eyes, self.tools, self.say, self.looked = dict(pages), sees, tools, say, []


@contextmanager
def model_server(api="ollama", **options):
    """One server of this API."""
    with serving(ScriptedServer(APIS[api], **options)) as server:
        yield server


@contextmanager
def model_servers(*apis, **options):
    """One of each, and the limits that look for them where they are, each in the place of its kind."""
    kinds = ("ollama", "llama.cpp", "lm studio", "vllm")
    with ExitStack() as stack:
        servers = [stack.enter_context(model_server(api, **options)) for api in apis]
        yield servers, limits_of(*zip(kinds, servers, strict=False))


def limits_of(*pairs, **changes):
    """The limits that look at these servers, each as the usual one of a kind."""
    ports = tuple((kind, server.server_port) for kind, server in pairs)
    return replace(ServerLimits(look_s=5, try_s=5), ports=ports, **changes)


def look_at(monkeypatch, limits):
    """Have servers looked for there, and their models tried, by whoever does not say where."""
    find, attempt = local_servers.find_servers, server_trials.try_model
    monkeypatch.setattr(server_trials, "find_servers", lambda _: find(limits))
    monkeypatch.setattr(server_trials, "try_model", lambda server, name, _: attempt(server, name, limits))


class _ModelHandler(ChatHandler):
    def do_GET(self):
        self.server.looked.append(self.path)
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        if not self.fails():
            page = self.server.pages.get(self.path)
            self.reply(200 if page is not None else 404, page if page is not None else {"error": "not found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append({"path": self.path, **body})
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.path == "/api/show" and "/api/tags" in self.server.pages:
            self.reply(200, self.server.shown[body["model"]])
        elif not self.fails():
            answers = {"/v1/chat/completions": self.complete, "/v1/embeddings": self.embed}
            answers[self.path](body)

    def fails(self) -> bool:
        """Whether it went wrong instead of an answer."""
        fault = self.server.fault
        if fault.isdigit():
            self.reply(int(fault), {"error": {"message": "the tensor cores are on strike"}})
        elif fault == "page":
            self.reply(200, "<html><body>Welcome to nginx!</body></html>", kind="text/html")
        elif fault == "redirect":
            self.send_response(302)
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
        elif fault == "together":
            return not self.server.release.wait(20)  # until others were asked as well
        elif fault == "slow":
            self.server.waited_out = not self.server.release.wait(20)
        elif fault == "half":
            self.half()
        elif fault == "endless":
            self.flood(b'{"data": [' + b"1, " * 20_000)
        return bool(fault)

    def half(self):
        """The beginning of an answer that promised more."""
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b'{"models": [')

    def complete(self, body):
        content = body["messages"][-1]["content"]
        message = {"role": "assistant", "content": self.server.say}
        if isinstance(content, list):
            message["content"] = colour_in(content[1]["image_url"]["url"]) if self.server.eyes else BLUNT
        elif body.get("tools") and self.server.tools:
            call = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Lisbon"}'}
            message = {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": call}]}
        self.reply(200, {"choices": [{"message": message, "finish_reason": "stop"}]})

    def embed(self, body):
        self.reply(200, {"data": [{"embedding": [0.5, -0.5, 0.25]}]})


def colour_in(url: str) -> str:
    """What somebody who sees says of a picture that is one colour."""
    image = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")
    red, green, blue = image.getpixel((image.width // 2, image.height // 2))
    return "Magenta." if red > 200 and blue > 200 and green < 60 else "Green."


def wait_until(happened, most_s=5.0):
    """Wait for something that another thread does."""
    deadline_s = time.monotonic() + most_s
    while not happened():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.01)
