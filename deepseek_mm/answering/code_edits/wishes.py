"""Which sentences wish for a change to code, and do not only ask about it."""

import re

from deepseek_mm.language.code_requests import read_code_request

SAYS_SO = re.compile(r"^\s*(?:/edit\b|(?:edit|change|\u4fee\u6539|\u6539\u4ee3\u7801)\s*[:\uff1a])\s*", re.IGNORECASE)
POLITE = (
    r"(?:please|now|then|so|ok(?:ay)?|also|can you|could you|would you|will you|i want you to|let's|you should)[ ,]+"
)
DEEDS = (
    "fix|repair|correct|change|modify|add|remove|delete|rename|replace|refactor|rewrite|implement|extract|convert|"
    "make|write|update|simplify|optimi[sz]e|merge|introduce|support|handle|raise|lower|increase|decrease|turn"
)
WISH = re.compile(rf"^\s*(?:{POLITE})*(?:{DEEDS})\b\s+\S", re.IGNORECASE)
CHINESE = re.compile(
    r"^\s*(?:\u8bf7|\u5e2e\u6211|\u9ebb\u70e6|\u80fd\u5426|\u53ef\u4ee5)*"
    r"(?:\u4fee\u590d|\u4fee\u6b63|\u4fee\u6539|\u6539|\u6dfb\u52a0|\u589e\u52a0|\u52a0\u4e0a|\u5220\u9664|\u5220\u6389|\u91cd\u547d\u540d|\u91cd\u6784|\u91cd\u5199|\u5b9e\u73b0|\u5199|\u628a|\u5c06|\u66ff\u6362|\u4f18\u5316)"
)


def asks_for_change(text: str) -> bool:
    """Whether it tells somebody to change code: "fix the bug in parse_line", "add a parameter to load". A test that is
    to be written, and a question how something is changed, are not meant; "change:" before it always is.
    """
    if SAYS_SO.match(text):
        return True
    if not (WISH.match(text) or CHINESE.match(text)):
        return False
    return read_code_request(text).kind not in ("test", "list", "summarise")


def strip_mark(text: str) -> str:
    """The wish without what says that it is one."""
    return SAYS_SO.sub("", text, count=1).strip()
