"""Files that the library knows become texts of a graph; other languages than Python are taken apart in a worker."""

import json

from code_graphs import find_symbols

from deepseek_mm.code_graph.builder import build_graph
from deepseek_mm.code_graph.sources import read_known
from deepseek_mm.config import ParseConfig
from index import Source

FILES = {
    "store.js": ("javascript", "export function save(x) { return x }\n"),
    "page.js": ("javascript", 'import { save } from "./store.js"\nfunction press() { save(1) }\n'),
    "tool.py": ("python", "def go():\n    return stop()\n\n\ndef stop():\n    return 1\n"),
}


def known(folder, name, language):
    return Source(path=str(folder / name), kind="code", format=language, digest=name, size_bytes=9)


def test_callers_are_found_in_files_of_several_languages_and_what_is_gone_is_left_out(tmp_path):
    for name, (_, text) in FILES.items():
        (tmp_path / name).write_text(text)
    sources = [known(tmp_path, name, language) for name, (language, _) in FILES.items()]
    read = [read_known(each, ParseConfig()) for each in [*sources, known(tmp_path, "gone.py", "python")]]
    texts = [each for each in read if each is not None]
    assert [bool(each.outline) for each in texts] == [True, True, False]
    assert json.loads(texts[1].outline)["imports"] != []
    graph = build_graph(texts)
    callers = {
        name: [link.source.name for link in graph.find_callers(find_symbols(graph, name)[0])]
        for name in ("save", "stop")
    }
    assert callers == {"save": ["press"], "stop": ["go"]}
    assert graph.unread == ()
