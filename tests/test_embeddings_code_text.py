"""What of a piece of code the tower is given."""

from deepseek_mm.embeddings.code import MOST_CHARS, broken_up, code_text
from index import Symbol

TEXT = '''def from_gguf(self, path: Path) -> "Self":
    """Read a file
    of weights.

    It may be long.
    """
    return self.readAll(path)'''
DOC = "Read a file\nof weights.\n\nIt may be long."


def symbol(**changed) -> Symbol:
    return Symbol(**({"name": "from_gguf", "parent": "MoEConfig", "kind": "method", "doc": DOC} | changed))


def test_names_are_broken_up_where_case_changes_and_at_underscores():
    assert broken_up("MoEConfig.from_gguf(HTTPServer, path2)") == "Mo E Config.from gguf(HTTP Server, path2)"


def test_what_all_lines_have_in_common_is_left_out():
    assert broken_up("    def f(self, x):\n        return self.x + this.y") == "def f(x):\nreturn x + y"


def test_the_name_comes_first_then_what_the_author_says_then_the_code_without_it():
    lines = code_text(symbol(), TEXT, "/a/config.py").splitlines()
    assert lines[0] == "Mo E Config from gguf"
    assert lines[1] == "Read a file of weights."
    assert lines[2].startswith("def from gguf(path: Path)")
    assert lines[3:] == ["return read All(path)"]


def test_a_comment_above_the_code_is_said_once_in_any_language():
    text = "// Adds two numbers.\nint add(int a, int b) { return a + b; }"
    given = code_text(symbol(name="add", parent="", doc="Adds two numbers."), text, "sum.c")
    assert given == "add\nAdds two numbers.\nint add(int a, int b) { return a + b; }"


def test_a_piece_without_a_name_goes_by_that_of_its_file():
    assert code_text(None, "x = 1", "/a/b/load_data.tar.gz") == "load data\nx = 1"
    assert code_text(symbol(name="", parent="", doc=""), "x = 1", "C:\\a\\main.py") == "main\nx = 1"


def test_of_a_long_piece_only_the_beginning_is_given():
    assert len(code_text(None, "word " * 9_000, "a.py")) == MOST_CHARS
