"""The items of a corpus before they become tokens, their split by source, and what may not be trained on.

Every item names its source: a photo, a package, a page. The split goes by it, so that nothing of one source is both
trained on and held out. Benchmarks that judge programs (HumanEval, and MBPP's tasks 11 to 510) are recognised by their
names, MBPP's numbers, and the functions that HumanEval asks for, as far as their names are too particular to be met by
chance. Near duplicates across the split are recognised by runs of eight words: a run is kept if its checksum is
divisible by four, so that two texts keep the same ones.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from deepseek_mm.types import Message, Role

Split = Literal["train", "held", "long_train", "long_held"]  # the long ones: documents of 8,192 tokens and more
DOMAINS = ("code", "mathematics", "evidence", "vision", "instructions", "dialogue", "shell", "english")
HELD_PERCENT = 8  # of the sources


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where the raw material lies."""

    text: Path  # a folder with dolly_nocontext, mbpp_511_974, reading_comprehension and tldr_en, all .jsonl
    captions: Path  # rows {image, captions, split}
    max_packages: int = 10_000  # of the installed ones; a test reads a few


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusItem:
    """A text, or a chat; of a chat the last answer is learned, or all of them."""

    source: str
    text: str = ""
    messages: tuple[Message, ...] = ()
    all_answers: bool = False

    @property
    def words(self) -> str:
        """Everything that is said in it."""
        return self.text or "\n".join(message.text for message in self.messages)


Maker = Callable[[Sources, Split, Random], Iterator[CorpusItem]]  # a domain's items of one split, in a mixed order


def split_words(text: str) -> tuple[str, ...]:
    """The words of a table."""
    return tuple(text.split())


def read_rows(file: Path) -> list[Any]:
    """Every row of a JSONL file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def shuffle_rows(file: Path, draw: Random) -> list[Any]:
    """The same in a mixed order."""
    rows = read_rows(file)
    return draw.sample(rows, len(rows))


def choose_split(source: str) -> str:
    """ "held" for some sources, always the same ones, "train" for the others."""
    number = int.from_bytes(hashlib.sha256(source.encode()).digest()[:4], "big")
    return "held" if number % 100 < HELD_PERCENT else "train"


def belongs_to(source: str, split: Split) -> bool:
    """Is the source one of this split? Long documents are split like the others."""
    return choose_split(source) == split.removeprefix("long_")


def make_chat(source: str, *said: str, system: str = "", all_answers: bool = False) -> CorpusItem:
    """A chat of user and assistant in turn, the user first."""
    roles: tuple[Role, Role] = ("user", "assistant")
    start = (Message(role="system", text=system),) if system else ()
    turns = tuple(Message(role=roles[n % 2], text=text.strip()) for n, text in enumerate(said))
    return CorpusItem(source=source, messages=(*start, *turns), all_answers=all_answers)


MARKS = re.compile(r"human[-_ ]?eval|\bmbpp\b|openai_humaneval", re.IGNORECASE)
FIRST_MBPP, LAST_MBPP = 511, 974  # the tasks that may be trained on
HUMANEVAL = split_words(  # those of its names that are too particular to be met by chance
    """has_close_elements separate_paren_groups truncate_number below_zero mean_absolute_deviation parse_nested_parens
    filter_by_substring sum_product rolling_max make_palindrome string_xor greatest_common_divisor all_prefixes
    string_sequence count_distinct_characters parse_music how_many_times sort_numbers find_closest_elements
    rescale_to_unit filter_integers largest_divisor remove_duplicates flip_case filter_by_prefix get_positive
    is_prime find_zero sort_third fizz_buzz sort_even encode_cyclic decode_cyclic prime_fib triples_sum_to_zero
    car_race_collision incr_list pairs_sum_to_zero change_base triangle_area is_palindrome encode_shift
    decode_shift remove_vowels below_threshold same_chars correct_bracketing largest_prime_factor sum_to_n
    vowels_count circular_shift fruit_distribution smallest_change total_match is_multiply_prime is_simple_power
    hex_key decimal_to_binary is_happy numerical_letter_grade prime_length starts_one_ends anti_shuffle get_row
    sort_array next_smallest is_bored any_int check_dict_case count_up_to multiply_threes closest_integer
    make_a_pile words_string choose_num rounded_avg unique_digits by_length even_odd_palindrome count_nums
    move_one_ball odd_count reverse_delete max_fill_cup select_words get_closest_vowel match_parens add_elements
    get_odd_collatz valid_date split_words is_sorted prod_signs is_nested sum_squares
    check_if_last_char_is_a_letter can_arrange largest_smallest_integers compare_one is_equal_to_sum_even
    special_factorial fix_spaces file_name_check words_in_sentence order_by_points get_max_triples sorted_list_sum
    x_or_y double_the_difference Strongest_Extension cycpattern_check even_odd_count int_to_mini_roman
    right_angle_triangle find_max do_algebra string_to_md5 generate_integers"""
)
PARTICULAR = re.compile(rf"\bdef ({'|'.join(sorted(HUMANEVAL))})\(")
MOST_CHANCE = 1  # functions of such a name in one file that may be there by chance


def is_benchmark(text: str) -> bool:
    """Does a text carry the marks of a benchmark?"""
    return bool(MARKS.search(text)) or len(set(PARTICULAR.findall(text))) > MOST_CHANCE


def may_be_trained(task_id: int) -> bool:
    """MBPP's tasks from 511 on."""
    return FIRST_MBPP <= task_id <= LAST_MBPP


RUN = 8  # words
KEPT = 4  # one run in so many
MOST_SHARED = 0.25  # of a held-out text's runs


class NearDuplicates:
    """The runs of words that were seen."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def add(self, text: str) -> None:
        """What is trained on."""
        self._seen |= hash_runs(text)

    def contains(self, text: str) -> bool:
        """Is a held-out text too much like it?"""
        runs = hash_runs(text)
        return bool(runs) and len(runs & self._seen) > MOST_SHARED * len(runs)


def hash_runs(text: str) -> set[int]:
    """Checksums of every run of eight words that is kept."""
    words = re.findall(r"\w+", text.lower())
    sums = (zlib.crc32(" ".join(words[n : n + RUN]).encode()) for n in range(max(1, len(words) - RUN + 1)))
    return {value for value in sums if value % KEPT == 0}
