"""What an answer looks like that does not know, that says that something is not there, or that misunderstood.

Regular expressions, case aside; `natural` reads them. They are the same as those of the project's `natural.py`.
"""

from typing import NamedTuple


class NonsenseRule(NamedTuple):
    """An answer that matches the pattern, to a question that is wanted and not unwanted, shows no understanding."""

    name: str
    wanted: str
    unwanted: str
    pattern: str
    exact: bool = False  # capitals matter


RUNNER_UP = r",? (?:or else|or maybe|or perhaps|if not) [^.\[;,]+"
UNSURE = (
    r"\b(?:i )?(?:can ?not|can't|could not|couldn't) (?:\w+ )?"
    r"(?:tell|say|see|know|read|make|answer|find|be (?:sure|certain))"
    r"|\b(?:i am|i'm) not (?:sure|certain)|\b(?:do not|don't) know|\bbest guess|\bno way to (?:tell|know)|\bunable to"
    "|\u65e0\u6cd5|\u4e0d\u80fd|\u770b\u4e0d\u51fa|\u4e0d\u77e5\u9053"
    "|kann (?:ich )?(?:das )?nicht|wei\u00df (?:ich )?(?:das )?nicht"
)
NOT_HERE = (
    r"\b(?:found|find|see|have|know of) (?:no|nothing|none)\b"
    r"|\b(?:there is|there are|there's) (?:no|nothing|none|not)\b"
    r"|\bnothing (?:in|about|of|on)\b|\bnone of\b"
    r"|\b(?:do|does|did|is|are|was)(?: not|n't) (?:\w+ )?"
    r"(?:say|mention|show|contain|tell|give|name|have|find|list|state|there|in|known|recorded|written)"
    r"|\bno (?:photo|document|file|mention|date|record)"
    r"|\bno [\w' ]{1,40}?(?:is|are|was|were) (?:mentioned|named|given|known|there|in|recorded|listed|found)"
    r"|\bnot (?:in|mentioned|there|given|stated|named)\b"
    "|\u6ca1\u6709|\u672a(?:\u627e\u5230|\u63d0)|keine?\\b|nicht (?:erw\u00e4hnt|gefunden)"
)
BRUSH_OFF = r"fits this question|\bbest guess"
SAID_OFTEN = """
    a an the it is are was be do does did can could would should will may what which who whom whose when where why how
    hi hello hey thanks thank please ok okay yes no not and or of in on at to from with by for me my i you your we us
    our they them this that these those there here some any something anything nothing all both each every many much
    more most one ones tell show find give write describe compare explain summarise summarize list name count match
    matches matching look looks wear helped help delete remove add send sort colour color difference different same
    left right top bottom price oldest newest latest first last kind sort type brand year date time weather poem short
    caption sentence word words letter letters question answer conversation photo photos picture pictures image images
    gpt-4 gpt chatgpt model nice cool great good bad funny like want need know think taken
"""
FUNCTION_WORDS = frozenset(SAID_OFTEN.split())
CLAIM = (
    r"\b(?:shows?|showing|can see|i see|see no|found no photo that shows|point at)(?: probably| also)* "
    r"(?:an?|the|no|some|\d+)? ?([^.\[;:\n]+)"
)
WH = (
    r"^(?:\W*(?:and|so|but|ok|hey|please|pls)\b\W*)?"
    r"(?:what(?!( about)| if)|whats|wat|why|who|whose|where|when|how (?!about)|which|describe|write|compare"
    r"|summari[sz]e|explain|list|count)"
)
NEVER = r"^$"
NONSENSE = (
    NonsenseRule("an empty answer", "", NEVER, r"^\s*$"),
    NonsenseRule(
        "an empty library, though it is not",
        "",
        NEVER,
        r"no (?:photos|documents|files|code) in the library yet|library is empty",
    ),
    NonsenseRule(
        "a crash",
        "",
        r"traceback|error|exception|why do i get",
        r"Traceback \(most recent|^\w*(?:Error|Exception)\b",
    ),
    NonsenseRule("a hole in a template", "", r"[{<]", r"\{[a-z_]+\}|<[a-z_]+>|\bNone\b|\bnan\b", exact=True),
    NonsenseRule(
        "yes or no, where that is no answer",
        WH,
        r"\bor not\b|\bis (?:it|there)\b|\bare there\b|\?.*\?|,.*\b(?:is|are|does|can)\b",
        r"^\W*(?:yes|no)\b,",
    ),
    NonsenseRule(
        "a count, where none was asked for",
        "",
        r"how m|count|number|are there|is there|z\u00e4hl|wie ?viele|\u591a\u5c11|\u51e0|\d",
        r"^\W*I (?:think I )?(?:count|see) (?:\d+|zero) in this",
    ),
    NonsenseRule("the colour of a colour", "", NEVER, r"\bthe colou?r in this photo\b|\bcolou?r is colou?r"),
    NonsenseRule("the same sentence four times", "", NEVER, r"(?s)([A-Z][^.\[]{25,}\.)(?:.*\1){3}"),
)
