"""The tools for agents through the official client: in memory over a painted library, and over stdio in a process."""

import base64
import io
import json
import logging
import os
import sys
import threading
import time
from dataclasses import replace

import anyio
import numpy as np
import pytest
from fakes import COLOURS, Parrot, picture
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from openai_house import DataPictures, data_url
from PIL import Image
from rag_house import build, paint, put
from serving import ROOT

from deepseek_mm.accounts.permissions import COMMAND_LINE, Caller
from deepseek_mm.api.agents.mcp_server import build_mcp
from deepseek_mm.api.agents.mcp_tools import McpTools, cut_out
from deepseek_mm.errors import LibraryError
from deepseek_mm.services.answer_service import AnswerService
from index import Region, Source


@pytest.fixture
def house(tmp_path):
    """A library of a red and a green photo; the program speaks for itself."""
    assistant = build(tmp_path / "data", name="none")
    put(
        assistant,
        paint(tmp_path / "photos", "rose.png", "red"),
        paint(tmp_path / "photos", "lawn.png", "green", "blue"),
    )
    yield assistant
    assistant.close()


AGENT = Caller(name="agent", rights=frozenset({"ask"}), session="")


def server_over(assistant, caller):
    """The tools over this assistant."""
    answers = AnswerService.of(assistant)
    return build_mcp(McpTools(open_answers=lambda: answers, pictures=DataPictures()), caller)


def called(house, *calls, caller=AGENT):
    """The results of these calls, (tool, arguments), by a client in memory."""

    async def talk():
        server = server_over(house, caller)
        async with Client(server) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(talk)


def text_of(result):
    return "".join(part.text for part in result.content if part.type == "text")


def test_an_agent_reads_what_each_tool_is_for_and_what_it_takes(house):
    async def talk():
        async with Client(server_over(house, AGENT)) as client:
            return client.instructions, (await client.list_tools()).tools

    instructions, tools = anyio.run(talk)
    assert "`found` is false" in instructions
    assert {tool.name for tool in tools} == {
        "search", "ask", "detect", "point", "read_region", "list_collections",
        "find_symbol", "who_calls", "review_code", "context", "run_tests",
    }  # fmt: skip
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools)
    assert all(len(tool.description) > 60 for tool in tools)
    properties = {tool.name: tool.input_schema["properties"] for tool in tools}
    assert all(field["description"] for fields in properties.values() for field in fields.values())
    assert "serve.roots" in properties["search"]["picture"]["description"]  # on the user's own machine any path
    (search,) = (tool for tool in tools if tool.name == "search")
    assert set(search.output_schema["properties"]) == {"found", "certainty", "results"}


def test_a_search_gives_files_with_boxes_and_whether_they_are_what_was_meant(house):
    by_words, by_picture = called(
        house, ("search", {"words": "something red"}), ("search", {"picture": data_url(picture("green"))})
    )
    first = by_words.structured_content["results"][0]
    assert first["path"].endswith("rose.png")
    assert first["box_px"] == [0, 0, 64, 48]
    assert json.loads(text_of(by_words)) == by_words.structured_content
    assert by_picture.structured_content["results"][0]["path"].endswith("lawn.png")
    assert {"found", "certainty"} <= set(by_words.structured_content)


def test_a_question_is_answered_with_what_it_rests_on_and_may_be_gone_on_from(house):
    (first,) = called(house, ("ask", {"question": "Which photos are red?"}))
    answer = first.structured_content
    assert "rose.png" in answer["answer"]
    assert answer["citations"][0]["path"].endswith("rose.png")
    (act,) = answer["understood"]["acts"]
    assert (act["kind"], act["text"], answer["understood"]["by"]) == ("find", "Which photos are red?", "rules")
    about = {"question": "What colour is this?", "pictures": [data_url(picture("blue"))]}
    (shown,) = called(house, ("ask", about))
    again = {"question": "Is it red?", "conversation": shown.structured_content["conversation"]}
    (more,) = called(house, ("ask", again))
    assert "blue" in shown.structured_content["answer"]
    assert house.history.num_turns(more.structured_content["conversation"], session="") == 2


def test_a_region_is_read_as_its_part_of_the_picture(house):
    (found,) = called(house, ("search", {"words": "blue"}))
    region = found.structured_content["results"][0]["region"]
    source = int(region.partition(".")[0])
    part = next(each for each in house.store.regions_of([source])[source] if each.kind == "part")
    (read,) = called(house, ("read_region", {"region": f"{source}.{part.id}"}))
    shown, told = read.content
    image = Image.open(io.BytesIO(base64.b64decode(shown.data)))
    left, top, right, bottom = part.box_px
    assert (shown.mime_type, image.size) == ("image/jpeg", (right - left, bottom - top))
    assert json.loads(told.text)["box_px"] == list(part.box_px)


def test_a_box_is_cut_out_of_a_smaller_picture_where_it_is_in_the_original():
    source = Source(path="/big.jpg", width_px=640, height_px=480)
    corner = Region(source=source, box_px=(0, 0, 320, 240))
    small = picture("red", size=(64, 48), patch="blue")
    cut = cut_out(small, corner, ())
    assert cut.size == (32, 24)
    assert np.array_equal(np.unique(np.asarray(cut).reshape(-1, 3), axis=0), [COLOURS["blue"]])
    assert cut_out(small, Region(source=source, box_px=(320, 0, 640, 240)), ()).getcolors() == [(768, COLOURS["red"])]
    assert cut_out(small, Region(source=source, box_px=(639, 479, 640, 480)), ()).size == (1, 1)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search", {}, "Type some words"),
        ("search", {"words": "red", "limit": 0}, "between 1 and 50"),
        ("search", {"picture": "/etc/passwd"}, "lies in none of the folders"),
        ("search", {"picture": "etc/passwd"}, "Send data:image"),
        ("search", {"word": "red"}, "Did you mean words?"),
        ("search", {"words": "red", "shape": 1}, "Use: words, picture, limit, collection"),
        ("list_collections", {"all": True}, "Use: none"),
        ("serch", {"words": "red"}, "Did you mean search?"),
        ("point", {"things": []}, "name at least one thing"),
        ("detect", {"things": ["cat"]}, "name one picture"),
        ("ask", {"question": " "}, "Type one"),
        ("ask", {"question": "And now?", "conversation": 99}, "99"),
        ("read_region", {"region": "1.999"}, "Copy the field"),
        ("read_region", {"region": "../x"}, "Copy the field"),
    ],
)
def test_what_an_agent_can_mend_is_a_tool_error_that_says_how(house, tool, arguments, words):
    (result,) = called(house, (tool, arguments))
    assert result.is_error
    assert words in text_of(result)


def test_a_picture_may_be_a_file_where_the_agent_is_the_users_own(house, tmp_path):
    path = paint(tmp_path / "else", "leaf.png", "green")
    found, gone = called(
        house,
        ("search", {"picture": str(path)}),
        ("search", {"picture": str(tmp_path / "no.png")}),
        caller=COMMAND_LINE,
    )
    assert found.structured_content["results"][0]["path"].endswith("lawn.png")
    assert gone.is_error
    assert "no.png" in text_of(gone)


def test_a_fault_of_ours_tells_an_agent_nothing_of_the_inside(house):
    house.find = None
    (result,) = called(house, ("search", {"words": "red"}))
    assert (result.is_error, text_of(result)) == (True, "Error executing tool search")


def test_a_house_that_cannot_be_opened_says_why_at_each_call():
    def closed():
        raise LibraryError("the library's folder /x cannot be used. Choose another one")

    async def talk():
        async with Client(build_mcp(McpTools(open_answers=closed, pictures=DataPictures()), AGENT)) as client:
            return [await client.call_tool("list_collections", {}) for _ in range(2)]

    assert ["Choose another one" in text_of(result) for result in anyio.run(talk)] == [True, True]


def test_what_the_library_has_is_listed(house):
    (result,) = called(house, ("list_collections", {}))
    assert result.structured_content["files"] == 2
    assert result.structured_content["collections"] == {"library": 2}
    assert result.structured_content["kinds"]["photo"] == 2


def test_a_call_that_is_taken_back_ends_the_answer(tmp_path):
    never = threading.Event()
    assistant = build(tmp_path / "data", lm=Parrot("It is a rose [1]. And more.", wait=never, pause_after=5))
    put(assistant, paint(tmp_path / "photos", "rose.png", "red"))

    async def talk():
        async with Client(server_over(assistant, AGENT)) as client:
            with anyio.move_on_after(1):
                await client.call_tool("ask", {"question": "What is red?"})

    anyio.run(talk)
    deadline = time.monotonic() + 20
    while (state := assistant.history.turns(1, session="")[0].answer.state) != "stopped":
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    assistant.close()


def test_a_real_process_speaks_nothing_but_the_protocol_and_sees_the_bundled_photos(tmp_path):
    """The client reads standard output as lines of the protocol and would report any other."""
    words = ["-m", "deepseek_mm", "mcp", "--data", str(tmp_path / "library"), "--model", "none"]
    odd = []

    async def heard(message):
        if isinstance(message, Exception):
            odd.append(message)

    async def talk():
        server = StdioServerParameters(
            command=sys.executable, args=words, cwd=ROOT, env=dict(os.environ) | {"OMP_NUM_THREADS": "1"}
        )
        async with Client(server, message_handler=heard) as client:
            about = {"question": "Is there a cat?", "pictures": [str(ROOT / "examples" / "photos" / "cat.jpg")]}
            asked = await client.call_tool("ask", about)
            region = asked.structured_content["citations"][0]["region"]
            return asked, await client.call_tool("read_region", {"region": region})

    asked, read = anyio.run(talk)
    assert asked.structured_content["answer"].startswith("Yes")
    assert [part.type for part in read.content] == ["image", "text"]
    assert odd == []


def test_a_prompt_or_argument_that_there_is_not_is_refused_with_the_nearest(house):
    async def talk():
        async with Client(server_over(house, AGENT)) as client:
            names = {prompt.name for prompt in (await client.list_prompts()).prompts}
            told = await client.get_prompt("find_photos", {"what": "a red rose"})
            wrong = []
            for name, arguments in (("find_photo", {}), ("find_photos", {"whet": "x"})):
                with pytest.raises(MCPError) as error:
                    await client.get_prompt(name, arguments)
                wrong.append(str(error.value))
            return names, told.messages[0].content.text, wrong

    names, text, wrong = anyio.run(talk)
    assert names == {"find_photos", "check_statement", "describe_collection"}
    assert "Find photos of a red rose in my library" in text
    assert "Did you mean find_photos?" in wrong[0]
    assert "Did you mean what?" in wrong[1]


def test_the_library_and_its_regions_are_resources(house):
    async def talk():
        async with Client(server_over(house, AGENT)) as client:
            found = await client.call_tool("search", {"words": "something red"})
            region = found.structured_content["results"][0]["region"]
            listed = [str(each.uri) for each in (await client.list_resources()).resources]
            (library,) = (await client.read_resource("deepseek-mm://library")).contents
            (place,) = (await client.read_resource(f"deepseek-mm://regions/{region}")).contents
            (shown,) = (await client.read_resource(f"deepseek-mm://regions/{region}/picture")).contents
            with pytest.raises(MCPError, match="there is no region '1.999'"):
                await client.read_resource("deepseek-mm://regions/1.999")
            return listed, json.loads(library.text), json.loads(place.text), shown

    listed, library, place, shown = anyio.run(talk)
    assert listed == ["deepseek-mm://library"]
    assert library["files"] == 2
    assert place["path"].endswith("rose.png")
    image = Image.open(io.BytesIO(base64.b64decode(shown.blob)))
    assert (shown.mime_type, image.size) == ("image/jpeg", (64, 48))


def test_a_picture_of_somebody_elses_question_is_no_region_for_an_agent(house):
    mine, other = AGENT, Caller(name="other", rights=frozenset({"ask"}), session="key:other")
    about = {"question": "What colour is this?", "pictures": [data_url(picture("blue"))]}
    (shown,) = called(house, ("ask", about), caller=mine)
    region = shown.structured_content["citations"][0]["region"]
    (read,) = called(house, ("read_region", {"region": region}), caller=mine)
    (refused,) = called(house, ("read_region", {"region": region}), caller=other)
    assert not read.is_error
    assert refused.is_error
    assert "there is no region" in text_of(refused)
    house.history.delete(shown.structured_content["conversation"], session=mine.session)
    (gone,) = called(house, ("read_region", {"region": region}), caller=mine)
    assert gone.is_error


def test_a_key_names_pictures_below_the_roots_of_the_settings_alone(house, tmp_path):
    inside = paint(tmp_path / "shared", "leaf.png", "green")
    outside = paint(tmp_path / "own", "leaf.png", "green")
    (tmp_path / "shared" / "link.png").symlink_to(outside)
    house.config = replace(house.config, serve=replace(house.config.serve, roots=str(tmp_path / "shared")))
    link = str(tmp_path / "shared" / "link.png")
    found, refused, around = called(house, *(("search", {"picture": str(p)}) for p in (inside, outside, link)))
    assert found.structured_content["results"][0]["path"].endswith("lawn.png")
    assert "lies in none of the folders" in text_of(refused)
    assert "lies in none of the folders" in text_of(around)


def test_making_a_server_leaves_the_programs_logging_as_it_was(house):
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        server_over(house, AGENT)
        assert root.handlers == []
    finally:
        root.handlers = handlers
