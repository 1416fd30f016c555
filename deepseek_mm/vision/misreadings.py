"""Words that were misread: letters that look alike are exchange_letters until a known word comes out.

A recogniser confuses shapes, not meanings: "facebock" is "facebook". Words that the lexicon lacks are mended by as few
exchanges as possible, at most two; of several words the more frequent one is taken.
"""

import re
from collections.abc import Iterator, Mapping

ALIKE = (  # runs of letters that are taken for each other
    *("o a", "o c", "o e", "c e", "a e", "i l", "l t", "i t", "i j", "n m", "n r", "n h", "u v", "v y", "b h", "m rn"),
    *("d cl", "w vv", "s z", "f t", "g q", "0 o", "1 l", "1 i", "5 s", "8 b", "2 z", "6 g", "u o", "k h", "r i"),
)
PAIRS = tuple(pair for told in ALIKE for one, other in [told.split()] for pair in ((one, other), (other, one)))
SHORTEST = 4  # letters of a word that is mended
SHORT = 5  # letters up to which one exchange is all
WORD = re.compile(r"[^\W_]+")
Lexicon = Mapping[str, int]  # word in lower case -> its rank, the more frequent the lower


def mend_text(text: str, lexicon: Lexicon) -> str:
    """Word by word."""
    return WORD.sub(lambda match: mend_word(match[0], lexicon), text)


def mend_word(word: str, lexicon: Lexicon) -> str:
    """The known word that it was, or itself."""
    lower = word.lower()
    if len(word) < SHORTEST or lower in lexicon or not any(map(str.isalpha, word)) or not word.isascii():
        return word
    once = set(exchange_letters(lower))
    found = once & lexicon.keys()
    if not found and len(word) > SHORT:
        found = {other for each in once for other in exchange_letters(each)} & lexicon.keys()
    if not found:
        return word
    return with_case(min(found, key=lexicon.__getitem__), word)


def exchange_letters(word: str) -> Iterator[str]:
    """All words that differ by one exchange."""
    for one, other in PAIRS:
        start = word.find(one)
        while start >= 0:
            yield word[:start] + other + word[start + len(one) :]
            start = word.find(one, start + 1)


def with_case(word: str, like: str) -> str:
    """In capitals, or with a capital, as the other one is."""
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word
