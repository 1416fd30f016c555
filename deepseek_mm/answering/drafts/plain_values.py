"""Plain values of Python's own types, and the expressions that make them, for tests to hold.

The plainest come first, then edges: nothing, the smallest, what needs an escape.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from deepseek_mm.answering.drafts.definitions import read_literal

PLAIN: Mapping[str, tuple[str, ...]] = {  # of Python's own types, the plainest first
    "int": ("3", "0", "1", "-1", "100", "2", "12345"),
    "float": ("0", "100", "-40", "2.5", "37", "0.125", "1e6"),
    "complex": ("1+2j", "0j"),
    "str": ("'Hello, world'", "''", "'a'", "'two  words\\n'", "'42'", "'Some_Name-2.5'", "'a,b;c=d'", "'CAFÉ'"),
    "char": ("'a'", "'Z'", "'7'", "' '"),
    "bool": ("True", "False"),
    "bytes": ("b'abc'", "b''", "b'\\x00\\xff1'"),
    "bytearray": ("bytearray(b'abc')", "bytearray()"),
    "list": ("[3, 1, 2]", "['b', 'a', 'b']", "[]", "[1]", "[[1, 2], [3]]", "[('a', 1), ('b', 2)]", "[0, None, 2.5]"),
    "pairs": ("[('a', 1), ('b', 2)]", "[]", "[(1, 'x'), (1, 'y')]", "[('b', 'a')]"),
    "triples": ("[('a', 1, 'x'), ('b', 2, 'y')]", "[]", "[(1, 2, 3)]"),
    "texts": ("['b', 'a', 'b']", "[]", "['x']"),
    "tuple": ("(3, 1, 2)", "()", "('a', 1)", "(1, 2)"),
    "set": ("{1, 2}", "set()", "{'a', 'b'}"),
    "frozenset": ("frozenset({1, 2})", "frozenset()"),
    "dict": ("{'a': 1, 'b': 2}", "{}", "{'a': {'b': [1, 2]}}", "{1: 'x'}"),
    "None": ("None",),
    "object": ("3", "'abc'", "[3, 1, 2]", "None", "{'a': 1, 'b': 2}", "2.5", "(1, 2)", "b'abc'", "''", "-1", "True"),
    "slice": ("slice(1, 3)", "slice(None)"),
    "range": ("range(3)", "range(0)"),
    "class": ("int", "str", "ValueError", "dict"),
    "exception": ("ValueError('wrong')", "KeyError('key')"),
    "callable": ("str", "len", "lambda *given: given[0] if given else None", "lambda *given: True", "abs", "sorted"),
    "json": ("'{\"a\": [1, 2]}'", "'[]'", "'3'"),
    "url": ("'https://user@example.com:8080/a/b.html?x=1&y=2#top'", "'/a/b'", "'http://example.com'", "''"),
    "pattern": ("'a+'", "r'(\\d+)-(\\w+)'", "''"),
}
MADE: Mapping[str, tuple[tuple[str, str], ...]] = {  # of the standard library: the import and the expression
    "datetime": (
        ("import datetime", "datetime.datetime(2024, 2, 29, 13, 5, 9)"),
        ("import datetime", "datetime.datetime(1999, 12, 31)"),
        ("import datetime", "datetime.datetime(2024, 7, 1, tzinfo=datetime.timezone.utc)"),
    ),
    "date": (("import datetime", "datetime.date(2024, 2, 29)"), ("import datetime", "datetime.date(1999, 12, 31)")),
    "time": (("import datetime", "datetime.time(13, 5, 9)"), ("import datetime", "datetime.time(0, 0)")),
    "timedelta": (
        ("import datetime", "datetime.timedelta(days=1, seconds=5)"),
        ("import datetime", "datetime.timedelta(0)"),
        ("import datetime", "datetime.timedelta(days=-400, hours=3)"),
    ),
    "tzinfo": (("import datetime", "datetime.timezone.utc"),),
    "timezone": (("import datetime", "datetime.timezone.utc"),),
    "Decimal": (("from decimal import Decimal", "Decimal('2.50')"), ("from decimal import Decimal", "Decimal(0)")),
    "Fraction": (("from fractions import Fraction", "Fraction(3, 4)"),),
    "UUID": (("import uuid", "uuid.UUID(int=7)"),),
    "Pattern": (("import re", "re.compile('a+')"), ("import re", "re.compile(r'(\\d+)-(\\w+)')")),
    "Match": (("import re", "re.match('(a)(b)?', 'ab')"), ("import re", "re.match('a', 'a')")),
    "stream": (("import io", "io.StringIO('one\\ntwo, 3\\n')"), ("import io", "io.BytesIO(b'one\\ntwo\\n')")),
    "TextIO": (("import io", "io.StringIO('one\\ntwo, 3\\n')"), ("import io", "io.StringIO()")),
    "BinaryIO": (("import io", "io.BytesIO(b'one\\ntwo\\n')"), ("import io", "io.BytesIO()")),
    "deque": (("from collections import deque", "deque([3, 1, 2])"), ("from collections import deque", "deque()")),
    "Counter": (("from collections import Counter", "Counter('abca')"),),
    "OrderedDict": (("from collections import OrderedDict", "OrderedDict(b=1, a=2)"),),
    "defaultdict": (("from collections import defaultdict", "defaultdict(list, a=[1])"),),
    "Namespace": (("import types", "types.SimpleNamespace(a=1)"),),
    "SimpleNamespace": (("import types", "types.SimpleNamespace(a=1)"),),
    "IPv4Address": (("import ipaddress", "ipaddress.IPv4Address('127.0.0.1')"),),
    "ndarray": (("import numpy", "numpy.array([3.0, 1.0, 2.0])"), ("import numpy", "numpy.arange(6).reshape(2, 3)")),
    "Element": (
        ("import xml.etree.ElementTree", "xml.etree.ElementTree.fromstring('<a b=\"1\">x<c/></a>')"),
        ("import xml.etree.ElementTree", "xml.etree.ElementTree.Element('a')"),
    ),
}  # fmt: skip
SAME: Mapping[str, str] = {  # what other annotations mean
    "Sequence": "list", "MutableSequence": "list", "Iterable": "list", "Collection": "list", "List": "list",
    "Container": "list", "Sized": "list", "Reversible": "list", "Mapping": "dict", "MutableMapping": "dict",
    "Dict": "dict", "Tuple": "tuple", "Set": "set", "AbstractSet": "set", "MutableSet": "set", "FrozenSet": "frozenset",
    "Any": "object", "Hashable": "object", "AnyStr": "str", "Text": "str", "LiteralString": "str", "StrPath": "path",
    "Callable": "callable", "Type": "class", "type": "class", "Number": "int", "Real": "float", "Integral": "int",
    "SupportsInt": "int", "SupportsFloat": "float", "SupportsIndex": "int", "Complex": "complex", "IO": "stream",
    "TextIOBase": "TextIO", "StringIO": "TextIO", "BytesIO": "BinaryIO", "RawIOBase": "BinaryIO", "PathLike": "path",
    "PurePath": "path", "PosixPath": "path", "PurePosixPath": "path", "Path": "path", "Exception": "exception",
    "BaseException": "exception", "ByteString": "bytes", "Buffer": "bytes", "memoryview": "bytes", "NoneType": "None",
    "FunctionType": "callable", "MethodType": "callable", "SupportsAbs": "int", "SupportsRound": "float",
}  # fmt: skip
TEXT_FILE = "'one\\ntwo, 3\\n'"
NAMES: Sequence[tuple[str, tuple[str, ...]]] = (  # what parameters without a type are, by their names
    ("path file_path filepath filename file_name fname directory dir folder file", ("path",)),
    ("url uri href link iri", ("url",)),
    ("json json_string json_str json_text jsonstring", ("json",)),
    ("dt datetime when moment", ("datetime",)),
    ("date day_date", ("date",)),
    ("delta timedelta td", ("timedelta",)),
    (
        "func function fn f callback callable predicate pred key keyfunc cmp factory handler hook transform binop op"
        " func1 func2 decorator",
        ("callable",),
    ),
    ("cls klass class_ type_ exc_type exception_class", ("class",)),
    ("exc exception err error", ("exception",)),
    ("regex pattern regexp", ("pattern",)),
    ("fp stream fh fd fileobj buf buffer out output reader writer", ("stream",)),
    ("data payload raw blob", ("bytes", "str", "list", "dict")),
    ("b bytes bytes_ byte_string bytestring bs", ("bytes", "int")),
    ("reverse verbose strict flag recursive", ("bool",)),
    ("ch char character c letter digit", ("char", "int")),
    (
        "s st string text txt line word name label title msg message source src content body phrase sentence prefix"
        " suffix sep separator delimiter encoding charset lang language locale fmt format template query expr"
        " expression token tag attr attribute html xml code markup css selector identifier slug version spec header"
        " mode method scheme host domain email color colour str_ str filename_str value_str",
        ("str",),
    ),
    (
        "k x y z a",
        ("int", "float", "list", "str"),
    ),
    (
        "n m i j num number count size length len width height depth index idx pos position start stop end"
        " step limit amount total level offset bits port year month day hour minute second seconds minutes hours days"
        " times indent lineno line_number precision digits ndigits chunk_size chunksize pad rows cols columns base exp"
        " page maxsize max_size min_size max_length maxlen",
        ("int", "float"),
    ),
    (
        "items values seq sequence iterable it iterables elements lst list list_ array arr xs ys numbers nums args"
        " entries records lines words names keys tokens pairs collection objs objects population parts chunks samples"
        " vector matrix weights points",
        ("list", "texts"),
    ),
    (
        "d dict dict_ mapping map kwargs kw options opts config params headers attrs env environ context ctx settings"
        " metadata meta table lookup counts namespace ns",
        ("dict",),
    ),
)
TEXTS: Sequence[tuple[str, tuple[str, ...]]] = (  # what texts of such names hold
    ("url uri href link iri", PLAIN["url"]),
    ("json", PLAIN["json"]),
    ("regex pattern regexp", PLAIN["pattern"]),
    ("date datestr day timestamp datetime when iso time", ("'2024-02-29T13:05:09'", "'2024-02-29'", "'13:05'")),
    ("color colour hex", ("'#ff8800'", "'red'", "'#abc'")),
    ("version ver", ("'1.2.3'", "'2.0rc1'", "'1'")),
    ("lang language locale", ("'en'", "'de_DE'", "'xx'")),
    ("encoding charset codec", ("'utf-8'", "'latin-1'", "'unheard'")),
    ("fmt format template", ("'%Y-%m-%d'", "'{}'", "'%s'")),
    ("host hostname domain server", ("'example.com'", "'localhost:8080'", "''")),
    ("ip address addr", ("'127.0.0.1'", "'::1'")),
    ("email mail", ("'a.b@example.com'", "'nobody'")),
    ("header headers", ("'text/html; charset=utf-8'", "'a=1, b=\"2\"'")),
    ("html markup xml", ("'<p class=\"a\">one <b>two</b></p>'", "'a < b'")),
    ("sep separator delimiter delim", ("','", "' '", "'--'")),
    ("n number num size count amount", ("'12'", "'-3.5'", "'1,234'")),
)
SHARES = frozenset(  # names of numbers between nothing and one
    [
        "share",
        "ratio",
        "fraction",
        "probability",
        "prob",
        "prior",
        "p",
        "alpha",
        "beta",
        "opacity",
        "confidence",
        "weight",
    ]
)
SHARED = ("0.5", "0", "1", "0.9", "0.1")
ASKS = re.compile(r"(is|has|with|use|allow|include|ignore|force|should|no|keep|show)_\w+")  # names of what is yes or no
ENDS = re.compile(r"_(name|str|string|text|count|size|num)$")  # that a name may have besides


@dataclass(frozen=True, slots=True)
class Value:
    """An expression and what it needs."""

    text: str
    imports: tuple[str, ...] = ()  # lines
    setup: tuple[str, ...] = ()  # lines before the value
    then: tuple[str, ...] = ()  # lines behind it; {it} is its variable

    def join_needs(self, *others: "Value") -> "Value":
        """With what others need besides."""
        joined = [self, *others]
        return Value(
            self.text,
            tuple(dict.fromkeys(line for one in joined for line in one.imports)),
            tuple(dict.fromkeys(line for one in joined for line in one.setup)),
            self.then,
        )


def list_plain(kind: str) -> list[Value]:
    """Values of a type by its name; none where it is not known."""
    kind = SAME.get(kind, kind)
    if kind == "path":
        return list_paths()
    if kind in MADE:
        return [Value(text, (line,)) for line, text in MADE[kind]]
    return [Value(text) for text in PLAIN.get(kind, ())]


def list_paths() -> list[Value]:
    """A file with some lines, a file that is not there, and a folder, all in a temporary folder."""
    write = f"(tmp_path / 'a.txt').write_text({TEXT_FILE})"
    return [
        Value("tmp_path / 'a.txt'", (), (write,)),
        Value("tmp_path / 'missing.txt'"),
        Value("(tmp_path / 'a').parent"),
    ]


def mix(*listed: Sequence[Value]) -> list[Value]:
    """The first of each, then the second of each."""
    turns = zip_longest(*listed)
    return list(dict.fromkeys(one for turn in turns for one in turn if one is not None))


def list_by_name(name: str) -> list[Value]:
    """Values for a parameter of which nothing but the name is known."""
    name = name.lower().strip("_")
    if ASKS.fullmatch(name):
        return list_plain("bool")
    for told in (name, ENDS.sub("", name)):
        for words, kinds in NAMES:
            if told in words.split():
                return mix(*(list_plain(kind) for kind in kinds))
    return []


def write_value(value: object) -> Value:
    """A constant."""
    return Value(repr(value))


def write_default(node: ast.expr | None) -> list[Value]:
    """The default itself, where it is a literal, and its neighbours."""
    value = read_literal(node)
    if value is ... or value is None:
        return []
    if isinstance(value, bool):
        return [Value(repr(not value))]
    return [one for one in list_plain(type(value).__name__) if one.text != repr(value)]


def refine_by_name(name: str, typed: Sequence[Value]) -> list[Value]:
    """Values of a known type with those first that a parameter of this name is likely to take."""
    words = set(name.lower().strip("_").split("_"))
    first = typed[0].text if typed else ""
    if first in PLAIN["float"][:1] and words & SHARES:
        return [*map(Value, SHARED), *typed]
    if first != PLAIN["str"][0]:
        return list(typed)
    if words & set(NAMES[0][0].split()):
        paths = [Value(f"str({one.text})", one.imports, one.setup) for one in list_paths()]
        return [*paths, *typed]
    likely = [text for told, texts in TEXTS if words & set(told.split()) for text in texts]
    return list(dict.fromkeys([*map(Value, likely[:6]), *typed]))
