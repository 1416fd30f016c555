"""The table of languages that are split by their syntax: the one place to look, or to add to.

A row names the package that brings a grammar and says, as a tree-sitter query, which nodes define something. Captures:
@function, @class, @module and @section are definitions, @name and @body belong to the definition of the same pattern,
@parent is what a definition belongs to where its place does not say so (a Go method's receiver); @call is what is
called, @note a comment or whatever else stands above a definition as a part of it.
"""

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from deepseek_mm.errors import MissingPackage


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeLanguage:
    """How files of one language are taken apart."""

    package: str  # that carries the grammar; nothing is downloaded
    entry: str = "language"  # function of the package that gives the grammar
    query: str
    wrappers: tuple[str, ...] = ()  # nodes around a definition that are a part of it: decorators, "export"
    docstrings: bool = False  # the first string of a body says what it is for; elsewhere the comment above does
    word: str = r"[\w$]+"  # what a name that is called looks like


@dataclass(frozen=True, kw_only=True, slots=True)
class Grammar:
    """A language, ready to parse."""

    name: str
    language: CodeLanguage
    parser: Any  # tree_sitter.Parser
    query: Any  # tree_sitter.Query


PYTHON = """
(function_definition name: (_) @name body: (_) @body) @function
(class_definition name: (_) @name body: (_) @body) @class
(call function: (_) @call)
(comment) @note
"""
JAVASCRIPT = """
(function_declaration name: (_) @name body: (_) @body) @function
(generator_function_declaration name: (_) @name body: (_) @body) @function
(method_definition name: (_) @name body: (_) @body) @function
(class_declaration name: (_) @name body: (_) @body) @class
(variable_declarator name: (identifier) @name value: [(arrow_function body: (_) @body)
  (function_expression body: (_) @body)]) @function
(assignment_expression left: [(identifier) (member_expression)] @name
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function
(call_expression function: (_) @call)
(new_expression constructor: (_) @call)
(comment) @note
(decorator) @note
"""
FIELDS = "(field_definition property: (_) @name value: (arrow_function body: (_) @body)) @function"
TYPESCRIPT = (
    JAVASCRIPT
    + """
(public_field_definition name: (_) @name value: (arrow_function body: (_) @body)) @function
(abstract_class_declaration name: (_) @name body: (_) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @class
(enum_declaration name: (_) @name body: (_) @body) @class
(type_alias_declaration name: (_) @name value: (_) @body) @class
(internal_module name: (_) @name body: (_) @body) @module
"""
)
GO = """
(function_declaration name: (_) @name body: (_) @body) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @parent)) name: (_) @name
  body: (_) @body) @function
(type_declaration (type_spec name: (_) @name type: (_) @body)) @class
(call_expression function: (_) @call)
(comment) @note
"""
RUST = """
(function_item name: (_) @name body: (_) @body) @function
(macro_definition name: (_) @name) @function
(struct_item name: (_) @name) @class
(enum_item name: (_) @name body: (_) @body) @class
(union_item name: (_) @name body: (_) @body) @class
(trait_item name: (_) @name body: (_) @body) @class
(impl_item type: (_) @name body: (_) @body) @class
(mod_item name: (_) @name body: (_) @body) @module
(type_item name: (_) @name) @class
(call_expression function: (_) @call)
(macro_invocation macro: (_) @call)
(line_comment) @note
(block_comment) @note
(attribute_item) @note
"""
JAVA = """
(method_declaration name: (_) @name body: (_)? @body) @function
(constructor_declaration name: (_) @name body: (_) @body) @function
(class_declaration name: (_) @name body: (_) @body) @class
(interface_declaration name: (_) @name body: (_) @body) @class
(enum_declaration name: (_) @name body: (_) @body) @class
(record_declaration name: (_) @name body: (_) @body) @class
(annotation_type_declaration name: (_) @name body: (_) @body) @class
(method_invocation name: (_) @call)
(object_creation_expression type: (_) @call)
(line_comment) @note
(block_comment) @note
"""
C = """
(function_definition declarator: (_) @name body: (_) @body) @function
(struct_specifier name: (_) @name body: (_) @body) @class
(union_specifier name: (_) @name body: (_) @body) @class
(enum_specifier name: (_) @name body: (_) @body) @class
(preproc_function_def name: (_) @name value: (_)? @body) @function
(call_expression function: (_) @call)
(comment) @note
"""
CPP = (
    C
    + """
(class_specifier name: (_) @name body: (_) @body) @class
(namespace_definition name: (_) @name body: (_) @body) @module
(concept_definition name: (_) @name) @class
(new_expression type: (_) @call)
"""
)
BASH = """
(function_definition name: (_) @name body: (_) @body) @function
(command name: (_) @call)
(comment) @note
"""
SQL = """
(create_table (object_reference) @name) @class
(create_view (object_reference) @name) @class
(create_materialized_view (object_reference) @name) @class
(create_type (object_reference) @name) @class
(create_function (object_reference) @name) @function
(create_trigger (object_reference) @name) @function
(invocation (object_reference) @call)
(comment) @note
(marginalia) @note
"""
CSS = """
(stylesheet (rule_set (selectors) @name (block) @body) @section)
(stylesheet (media_statement) @section @name)
(stylesheet (keyframes_statement (keyframes_name) @name) @section)
(stylesheet (supports_statement) @section @name)
(comment) @note
"""
JSON = "(document (object (pair key: (_) @name) @section))"
YAML = """
(stream (document (block_node (block_mapping (block_mapping_pair key: (_) @name) @section))))
(comment) @note
"""
TOML = """
(table [(bare_key) (dotted_key) (quoted_key)] @name) @section
(table_array_element [(bare_key) (dotted_key) (quoted_key)] @name) @section
(comment) @note
"""
EXPORTS = ("export_statement", "lexical_declaration", "variable_declaration", "expression_statement")
LANGUAGES = {  # by the name of the format
    "python": CodeLanguage(
        package="tree_sitter_python", query=PYTHON, wrappers=("decorated_definition",), docstrings=True
    ),
    "javascript": CodeLanguage(package="tree_sitter_javascript", query=JAVASCRIPT + FIELDS, wrappers=EXPORTS),
    "typescript": CodeLanguage(
        package="tree_sitter_typescript", entry="language_tsx", query=TYPESCRIPT, wrappers=EXPORTS
    ),
    "go": CodeLanguage(package="tree_sitter_go", query=GO),
    "rust": CodeLanguage(package="tree_sitter_rust", query=RUST),
    "java": CodeLanguage(package="tree_sitter_java", query=JAVA),
    "c": CodeLanguage(package="tree_sitter_c", query=C, wrappers=("type_definition", "declaration")),
    "cpp": CodeLanguage(
        package="tree_sitter_cpp",
        query=CPP,
        wrappers=("template_declaration", "type_definition", "declaration", "field_declaration"),
    ),
    "bash": CodeLanguage(package="tree_sitter_bash", query=BASH, word=r"[\w.-]+"),
    "sql": CodeLanguage(package="tree_sitter_sql", query=SQL, wrappers=("statement",)),
    "css": CodeLanguage(package="tree_sitter_css", query=CSS),
    "json": CodeLanguage(package="tree_sitter_json", query=JSON),
    "yaml": CodeLanguage(package="tree_sitter_yaml", query=YAML),
    "toml": CodeLanguage(package="tree_sitter_toml", query=TOML),
}


@cache
def grammar_of(name: str) -> Grammar | None:
    """The grammar of a language; None where the table has none. MissingPackage if its package is not installed."""
    language = LANGUAGES.get(name)
    if language is None:
        return None
    try:
        import tree_sitter

        package = importlib.import_module(language.package)
    except ImportError as error:
        raise MissingPackage(
            language.package.replace("_", "-"), needed_for=f"splitting {name} by its syntax"
        ) from error
    grammar = tree_sitter.Language(getattr(package, language.entry)())
    query = tree_sitter.Query(grammar, language.query)
    return Grammar(name=name, language=language, parser=tree_sitter.Parser(grammar), query=query)
