"""What must never be trained on: the tasks by which programs are judged, HumanEval's and MBPP's 11 to 510.

The tasks themselves are not here, so they are known by their marks: the benchmarks' names, MBPP's numbers, and the
functions that HumanEval asks for, as far as their names are too particular to be met by chance.
"""

import re

from deepseek_mm.training.corpus.items import split_words

MARKS = re.compile(r"human[-_ ]?eval|\bmbpp\b|openai_humaneval", re.IGNORECASE)
FIRST_MBPP, LAST_MBPP = 511, 974  # the tasks that may be trained on
HUMANEVAL = split_words(
    """has_close_elements separate_paren_groups truncate_number below_zero mean_absolute_deviation intersperse
    parse_nested_parens filter_by_substring sum_product rolling_max make_palindrome string_xor longest
    greatest_common_divisor all_prefixes string_sequence count_distinct_characters parse_music how_many_times
    sort_numbers find_closest_elements rescale_to_unit filter_integers strlen largest_divisor remove_duplicates
    flip_case filter_by_prefix get_positive is_prime find_zero sort_third fizz_buzz sort_even encode_cyclic
    decode_cyclic prime_fib triples_sum_to_zero car_race_collision incr_list pairs_sum_to_zero change_base
    triangle_area fib4 median is_palindrome modp encode_shift decode_shift remove_vowels below_threshold same_chars
    correct_bracketing monotonic largest_prime_factor sum_to_n derivative fibfib vowels_count circular_shift digitSum
    fruit_distribution search smallest_change total_match is_multiply_prime is_simple_power iscube hex_key
    decimal_to_binary is_happy numerical_letter_grade prime_length starts_one_ends anti_shuffle get_row sort_array
    encrypt next_smallest is_bored any_int check_dict_case count_up_to multiply_threes closest_integer make_a_pile
    words_string choose_num rounded_avg unique_digits by_length even_odd_palindrome count_nums move_one_ball odd_count
    exchange histogram reverse_delete max_fill_cup select_words get_closest_vowel match_parens maximum
    add_elements get_odd_collatz valid_date split_words is_sorted intersection prod_signs minPath tri digits is_nested
    sum_squares check_if_last_char_is_a_letter can_arrange largest_smallest_integers compare_one is_equal_to_sum_even
    special_factorial fix_spaces file_name_check words_in_sentence order_by_points specialFilter get_max_triples bf
    sorted_list_sum x_or_y double_the_difference Strongest_Extension cycpattern_check even_odd_count int_to_mini_roman
    right_angle_triangle find_max eat do_algebra string_to_md5 generate_integers"""
)
PARTICULAR = re.compile(rf"\bdef ({'|'.join(sorted(name for name in HUMANEVAL if name.count('_') >= 1))})\(")
MOST_CHANCE = 1  # functions of such a name in one file that may be there by chance


def is_benchmark(text: str) -> bool:
    """Does a text carry the marks of a benchmark?"""
    return bool(MARKS.search(text)) or len(set(PARTICULAR.findall(text))) > MOST_CHANCE


def may_be_trained(task_id: int) -> bool:
    """MBPP's tasks from 511 on."""
    return FIRST_MBPP <= task_id <= LAST_MBPP
