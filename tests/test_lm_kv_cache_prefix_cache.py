from deepseek_mm.lm.kv_cache.block_manager import PagePool, PrefixCache, page_name
from deepseek_mm.lm.kv_cache.key_value_store import LayerGroup

ALL = LayerGroup(slots=(0,), kv_heads=1, head_width=2)
NEAR = LayerGroup(slots=(1,), kv_heads=1, head_width=2, window=32)


def house(*groups, count=8):
    pools = [PagePool(count) for _ in groups]
    return PrefixCache(groups, pools), pools


def names(*letters):
    """One page a letter, each named after everything before it."""
    chain = [b""]
    for letter in letters:
        chain.append(page_name(chain[-1], [ord(letter)]))
    return chain[1:]


def finish(prefixes, pools, chain):
    """A sequence that filled pages, was remembered and went away."""
    tables = [dict(enumerate(pool.take(len(chain)))) for pool in pools]
    prefixes.keep(chain, tables)
    for pool, table in zip(pools, tables, strict=True):
        pool.free(table.values())
    return tables


def test_a_page_is_named_by_its_tokens_and_all_before_it():
    plain = page_name(b"", [1, 2])
    others = [page_name(b"x", [1, 2]), page_name(b"", [1, 3])]
    assert len({plain, *others}) == 3
    assert page_name(b"", [1, 2]) == plain


def test_without_windows_every_known_page_can_be_resumed_from():
    prefixes, pools = house(ALL)
    tables = finish(prefixes, pools, names(*"abc"))
    assert (prefixes.count_known(names(*"abx")), prefixes.count_resumable(names(*"abx"))) == (2, 2)
    assert prefixes.take(names(*"ab")) == [{0: tables[0][0], 1: tables[0][1]}]
    assert [pools[0].holders(page) for page in tables[0].values()] == [2, 2, 1]


def test_with_windows_only_the_lengths_that_were_kept_can_be_resumed_from():
    prefixes, pools = house(ALL, NEAR)
    finish(prefixes, pools, names(*"abc"))
    assert (prefixes.count_known(names(*"abx")), prefixes.count_resumable(names(*"abx"))) == (2, 0)
    assert prefixes.count_resumable(names(*"abcx")) == 3


def test_the_least_recently_used_text_goes_first_and_of_it_the_end():
    prefixes, pools = house(ALL)
    finish(prefixes, pools, names(*"ab"))
    finish(prefixes, pools, names(*"cd"))
    pools[0].free(prefixes.take(names(*"ab"))[0].values())
    prefixes.evict(0, 5)
    assert [prefixes.count_known(names(*text)) for text in ("ab", "cd")] == [2, 1]
    prefixes.evict(0, 7)
    assert [prefixes.count_known(names(*text)) for text in ("ab", "cd")] == [1, 0]


def test_the_common_beginning_of_two_texts_outlives_both_their_ends():
    prefixes, pools = house(ALL)
    finish(prefixes, pools, names(*"ab"))
    finish(prefixes, pools, names(*"ac"))
    prefixes.evict(0, 7)
    assert [prefixes.count_known(names(*text)) for text in ("ab", "ac")] == [1, 1]


def test_a_window_that_is_short_of_pages_gives_up_old_places_to_resume_from_and_keeps_the_rest():
    prefixes, pools = house(ALL, NEAR, count=4)
    for text in ("a", "b"):
        finish(prefixes, pools, names(text))
    prefixes.evict(1, 3)
    assert [prefixes.count_resumable(names(text)) for text in "ab"] == [0, 1]
    assert [prefixes.count_known(names(text)) for text in "ab"] == [1, 1]
    assert pools[0].num_free == 2


def test_what_a_sequence_still_reads_is_let_go_of_last_and_stays_its_own():
    prefixes, pools = house(ALL)
    finish(prefixes, pools, names("a"))
    finish(prefixes, pools, names("b"))
    read = prefixes.take(names("a"))[0]
    finish(prefixes, pools, names("c"))
    prefixes.evict(0, 7)
    assert [prefixes.count_known(names(text)) for text in "abc"] == [1, 0, 0]
    prefixes.evict(0, 8)
    assert prefixes.count_known(names("a")) == 0
    assert pools[0].holders(read[0]) == 1


def test_spare_counts_the_pages_that_nobody_else_holds():
    prefixes, pools = house(ALL, NEAR)
    finish(prefixes, pools, names(*"abc"))
    assert (prefixes.spare(0), prefixes.spare(1)) == (3, 3)
    prefixes.take(names(*"abc"))
    assert (prefixes.spare(0), prefixes.spare(1)) == (0, 0)


def test_a_model_of_windows_alone_remembers_only_what_was_kept_and_forgets_it_whole():
    prefixes, pools = house(NEAR)
    finish(prefixes, pools, names(*"ab"))
    assert (len(prefixes), prefixes.count_resumable(names(*"ab"))) == (1, 2)
    prefixes.evict(0, 8)
    assert (len(prefixes), pools[0].num_free) == (0, 8)
