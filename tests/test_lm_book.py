import random

import pytest
from naive_cache import Naive

from deepseek_mm.lm.kv_cache.block_manager import BlockManager, OutOfPages
from deepseek_mm.lm.kv_cache.key_value_store import PAGE, LayerGroup, count_pages, plan_pages

ALL = LayerGroup(slots=(0, 1), kv_heads=1, head_width=2)
NEAR = LayerGroup(slots=(2, 3), kv_heads=1, head_width=2, window=32, sinks=4)
FAR = LayerGroup(slots=(4,), kv_heads=1, head_width=2, window=80)
GATE = LayerGroup(slots=(5,), kv_heads=2, head_width=2, window=32)
EVERY = (ALL, NEAR, FAR, GATE)


def blocks(*groups, tokens=1_000, sequences=4, chunk=100):
    return BlockManager(groups, plan_pages(groups, tokens=tokens, sequences=sequences, chunk=chunk), chunk=chunk)


def written(naive, ids, **how):
    """A sequence whose prompt is all in the cache."""
    text = naive.blocks.start(ids, most=how.pop("most", len(ids) + 10), **how)
    while text.length < len(ids):
        naive.write(text, naive.blocks.step(text, len(ids) - text.length))
    return text


def held(text):
    return [len(table.pages) for table in text.tables]


def test_a_long_sequence_holds_all_pages_in_one_group_and_only_sinks_and_window_in_another():
    naive = Naive(blocks(*EVERY))
    text = written(naive, range(330))
    assert held(text) == [11, 3, 4, 2]
    assert sorted(text.tables[1].pages) == [0, 9, 10]
    naive.check(text)


def test_a_long_chunk_takes_no_pages_for_what_the_next_token_cannot_see():
    naive = Naive(blocks(NEAR, chunk=900))
    text = naive.blocks.start(range(900), most=900)
    naive.blocks.grow(text, 896)
    assert sorted(text.tables[0].pages) == [0, 27]


def test_a_window_that_moves_on_lies_in_one_piece_nearly_always():
    naive = Naive(blocks(FAR, tokens=4_000, sequences=2))
    texts = [naive.blocks.start(range(2_000), most=2_000) for _ in range(2)]
    pieces = []
    for _ in range(1_900):
        for text in texts:
            naive.blocks.grow(text, 1)
            naive.blocks.advance(text, 1)
            pieces.append(len(text.tables[0].row_ranges(text.length - 80, text.length)))
    assert max(pieces) == 2
    assert sum(size > 1 for size in pieces) < 0.5 * len(pieces)


def test_tokens_that_were_only_guessed_cost_no_page_that_is_needed_without_them():
    naive = Naive(blocks(*EVERY))
    text = naive.blocks.start(range(80), most=80)
    naive.write(text, 30)
    naive.write(text, 50, stays=1)
    naive.check(text)
    naive.write(text, 49)
    naive.check(text)


def test_a_second_question_goes_on_where_the_first_answer_ended():
    naive = Naive(blocks(*EVERY))
    first = written(naive, range(200))
    naive.blocks.drop(first)
    second = naive.blocks.start([*range(200), 7, 8, 9], most=300)
    assert second.length == 192
    assert [max(table.pages) for table in second.tables] == [5] * 4  # the page that was not full is not shared
    naive.check(second)


def test_the_last_token_of_a_prompt_is_always_left_to_be_computed():
    naive = Naive(blocks(ALL))
    naive.blocks.drop(written(naive, range(64)))
    assert naive.blocks.start(range(64), most=100).length == 32


def test_where_two_texts_part_the_third_can_go_on_at_once():
    """Windows are not kept everywhere: the second text meets a known beginning, and stops there to keep it."""
    naive = Naive(blocks(*EVERY, sequences=8))
    lengths = []
    for last in range(3):
        text = naive.blocks.start([*range(100), *[1_000 + last] * 60], most=170)
        lengths.append(text.length)
        while text.length < 160:
            naive.write(text, naive.blocks.step(text, 160 - text.length))
        naive.check(text)
    assert lengths == [0, 0, 96]


def test_a_marked_length_can_be_resumed_from_while_its_text_is_still_growing():
    naive = Naive(blocks(*EVERY, sequences=8))
    written(naive, range(150), marks=[70])
    other = naive.blocks.start([*range(70), *[9] * 30], most=100)
    assert other.length == 64
    naive.check(other)


def test_a_sequence_that_ends_gives_everything_back_when_others_need_it():
    naive = Naive(blocks(*EVERY))
    before = [pool.num_free for pool in naive.blocks.pools]
    naive.blocks.drop(written(naive, range(300)))
    kept = [naive.blocks.prefixes.spare(number) for number in range(4)]
    assert [pool.num_free + spare for pool, spare in zip(naive.blocks.pools, kept, strict=True)] == before
    assert min(kept) > 0
    for number in range(4):
        naive.blocks.prefixes.evict(number, before[number])
    assert [pool.num_free for pool in naive.blocks.pools] == before


def test_a_sequence_that_should_leave_no_trace_leaves_none():
    naive = Naive(blocks(ALL))
    naive.blocks.drop(written(naive, range(20)), remember=False)
    assert (naive.blocks.pools[0].num_free, len(naive.blocks.prefixes)) == (len(naive.blocks.pools[0]), 0)


def test_a_promise_counts_before_the_pages_are_taken():
    fresh = blocks(ALL, tokens=1_000, sequences=2)
    assert fresh.fits(1_000)
    text = fresh.start(range(10), most=900)
    assert not fresh.fits(200)
    assert fresh.fits(100)
    fresh.drop(text)
    assert fresh.fits(1_000)


def test_finished_texts_make_way_for_those_that_are_let_in():
    naive = Naive(blocks(*EVERY, tokens=320, sequences=1))
    for first in range(5):
        assert naive.blocks.fits(310)
        text = written(naive, [first * 1_000 + n for n in range(300)])
        naive.check(text)
        naive.blocks.drop(text)


def test_a_sequence_that_outgrows_the_cache_is_told_so_and_changes_nothing():
    small = BlockManager((ALL, NEAR), (2, 4), chunk=100)
    text = small.start(range(200), most=200)
    with pytest.raises(OutOfPages, match="4 pages are needed and 2 of 2 are free"):
        small.grow(text, 100)
    assert held(text) == [0, 0]


def unfilled_share(load: BlockManager) -> float:
    """Slots reserved but not filled, of all that live sequences reserve: 0..1, weighted by their size in memory."""
    reserved = unfilled = 0
    for number, group in enumerate(load.groups):
        filled: dict[int, int] = {}
        for text in load._live:
            for block, page in text.tables[number].pages.items():
                filled[page] = max(filled.get(page, 0), min(PAGE, text.length - block * PAGE))
        weight = len(group.slots) * group.kv_heads * group.head_width  # of a token here
        reserved += len(filled) * PAGE * weight
        unfilled += (len(filled) * PAGE - sum(filled.values())) * weight
    return unfilled / max(reserved, 1)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_mixed_load_less_than_four_percent_of_the_reserved_slots_are_not_filled(seed):
    """32 sequences of 50 .. 4,000 tokens, short ones far more frequent (even on a logarithmic scale): the hard case."""
    dice = random.Random(seed)
    layers = {"kv_heads": 3, "head_width": 64}
    groups = (
        LayerGroup(slots=tuple(range(12, 30)), **layers),
        LayerGroup(slots=tuple(range(8)), window=32, sinks=4, **layers),
        LayerGroup(slots=tuple(range(8, 12)), window=512, sinks=4, **layers),
    )
    load = blocks(*groups, tokens=4_000 * 32, sequences=32, chunk=4_000)
    for _ in range(32):
        length = int(50 * 80 ** dice.random())
        text = load.start([dice.randrange(9) for _ in range(length)], most=length)
        load.grow(text, length)
        load.advance(text, length)
    assert 0.0 < unfilled_share(load) < 0.04


def play(naive, dice, texts):
    """One random thing that a scheduler may do."""
    deed = dice.random()
    if deed < 0.15 and naive.blocks.fits(300):
        common = [dice.choice((1, 2)) for _ in range(2)]
        ids = [letter for letter in common for _ in range(dice.choice((32, 50, 64)))]
        texts.append(naive.blocks.start([*ids, *[dice.randrange(3)] * dice.randint(1, 60)], most=300))
    elif deed < 0.27 and texts:
        naive.blocks.drop(texts.pop(dice.randrange(len(texts))), remember=dice.random() < 0.8)
    elif texts and (text := dice.choice(texts)).length < 300:
        if text.length == len(text.ids):
            text.ids.append(dice.randrange(3))
        count = naive.blocks.step(text, dice.randint(1, min(100, len(text.ids) - text.length)))
        naive.write(text, count, stays=dice.randint(1, count) if dice.random() < 0.3 else None)


def check_counts(naive, texts):
    """Every page has as many holders as tables and prefixes name it, and windows hold exactly what can be reached."""
    for number, (group, pool) in enumerate(zip(naive.blocks.groups, naive.blocks.pools, strict=True)):
        named = [page for text in texts for page in text.tables[number].pages.values()]
        kept = naive.blocks.prefixes._held[number]
        assert [pool.holders(page) for page in range(len(pool))] == [
            named.count(page) + kept[page] for page in range(len(pool))
        ]
        for text in texts:
            needed = {block for block in range(count_pages(text.length)) if group.keeps(block, text.length)}
            assert needed <= set(text.tables[number].pages)


@pytest.mark.parametrize("groups", [(ALL,), (NEAR,), (ALL, NEAR), EVERY, (FAR, GATE)])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_scheduler_does_every_layer_finds_what_it_would_have_written_itself(groups, seed):
    naive, dice = Naive(blocks(*groups, tokens=900, sequences=3)), random.Random(seed)
    texts = []
    for _ in range(400):
        play(naive, dice, texts)
        for text in texts[-1:] if dice.random() < 0.7 else texts:
            naive.check(text)
    check_counts(naive, texts)
    assert PAGE == 32
