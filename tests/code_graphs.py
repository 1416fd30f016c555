"""Small hand-made repositories as graphs, and what their links say in one line."""

import hashlib
from pathlib import PurePosixPath
from textwrap import dedent

from deepseek_mm.code_graph.builder import build_graph
from deepseek_mm.code_graph.graph import CodeGraph, GraphReader
from deepseek_mm.code_graph.linker import link_parts, take_file
from deepseek_mm.code_graph.records import CodeSymbol, SourceText
from deepseek_mm.code_graph.sources import read_known
from deepseek_mm.parse.code.outline_facts import write_outline


def source_of(path: str, text: str, language: str = "python") -> SourceText:
    """A file, its text dedented."""
    plain = dedent(text)
    outline = "" if language == "python" else write_outline(plain, language)
    digest = hashlib.sha256(plain.encode()).hexdigest()
    return SourceText(path=path, text=plain, digest=digest, language=language, outline=outline)


def graph_of(**files: str) -> CodeGraph:
    """Python files: "shop__cart" is shop/cart.py."""
    return build_graph([source_of(f"{name.replace('__', '/')}.py", text) for name, text in sorted(files.items())])


def package_of(**files: str) -> CodeGraph:
    """The same in a package "shop", whose `__init__` is given as `init`."""
    texts = {"shop/__init__.py": files.pop("init", "")}
    texts |= {f"shop/{name}.py": text for name, text in files.items()}
    return build_graph([source_of(path, text) for path, text in sorted(texts.items())])


def find_symbols(graph: GraphReader, name: str, *, path: str = "") -> list[CodeSymbol]:
    """What has this name, with as much before it as is known ("Assistant.ask"), in files whose path ends so."""
    parts = name.strip().removesuffix("()").replace("::", ".").split(".")
    found = []
    for symbol in list_symbols(graph):
        inner = () if symbol.kind == "module" else symbol.qualified.split(".")
        full = [*PurePosixPath(symbol.path.removesuffix("/__init__.py")).with_suffix("").parts, *inner]
        if full[-len(parts) :] == parts and f"/{symbol.path}".endswith(f"/{path}" if path else ""):
            found.append(symbol)
    return sorted(found, key=lambda one: (one.is_test, one.path, one.line))


def list_symbols(graph: GraphReader) -> list[CodeSymbol]:
    """All of them, also of a graph in a file."""
    if isinstance(graph, CodeGraph):
        return list(graph.symbols)
    return [symbol for (path,) in graph._select("SELECT path FROM files") for symbol in graph.symbols_of(path)]


def one(graph: GraphReader, name: str) -> CodeSymbol:
    """The only symbol of a name."""
    (symbol,) = find_symbols(graph, name)
    return symbol


def callers_of(graph: GraphReader, name: str, least: str = "likely") -> dict[str, str]:
    """Who calls it -> how sure that is."""
    links = graph.find_callers(one(graph, name), least=least)
    return {link.source.qualified: link.certainty for link in links}


def link_library(library) -> None:
    """Make the graph of a library's code here, which the product does in a process of its own."""
    code = library.code
    for source in code.list_sources():
        text = read_known(source, code.config)
        if text is not None:
            take_file(code.graph, text)
    list(link_parts(code.graph))
