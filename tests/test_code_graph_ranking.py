"""Which pieces a task is about, and what of them fits a budget."""

import numpy as np
import pytest
from code_graphs import build_graph, source_of

from deepseek_mm.code_graph.commit_log import CommitRecord, FileRecord
from deepseek_mm.code_graph.context import draw_map, estimate_tokens, gather_context, make_corpus
from deepseek_mm.code_graph.pieces import cut_pieces, read_head, stem_word, stem_words
from deepseek_mm.code_graph.ranking import KnownSigns, RankingWeights, link_uses, rank_pieces, score_bm25

FILES = [
    source_of(
        "shop/cart.py",
        '''
        from shop.tools import wipe
        class Cart:
            """What somebody wants to buy."""

            limit = 3

            def empty_basket(self):
                """Throw everything out."""
                return wipe(self)

            def total(self): return 1
        ''',
    ),
    source_of("shop/tools.py", "def wipe(thing):\n    thing.parts = []\n    return thing\n\n\ndef paint(thing): ..."),
    source_of("web/page.js", "// Draws the head of the page.\nfunction drawHead(title) { return title }", "javascript"),
]


def names(ranked):
    return [each.piece.qualified for each in ranked]


def test_a_class_is_a_piece_without_the_lines_of_its_methods():
    cart, empty, total = cut_pieces(FILES[0])
    assert (cart.qualified, cart.kind, empty.qualified, empty.kind) == ("Cart", "class", "Cart.empty_basket", "method")
    assert "limit = 3" in cart.text
    assert "wipe" not in cart.text
    assert "Throw" in empty.text
    assert total.own == (12,)
    assert set(cart.own).isdisjoint({*empty.own, *total.own})


def test_functions_inside_functions_belong_to_the_outer_one():
    (piece,) = cut_pieces(
        source_of("a.py", "def a():\n    def b(): ...\n    class C:\n        def d(self): ...\n    return b")
    )
    assert piece.qualified == "a"


def test_a_file_that_cannot_be_read_has_no_pieces():
    assert cut_pieces(source_of("a.py", "def (")) == []


@pytest.mark.parametrize(
    "words", ["index indexes indexed indexing", "quantise quantised quantising", "store stores stored"]
)
def test_forms_of_a_word_have_one_stem(words):
    assert len({stem_word(word) for word in words.split()}) == 1


def test_identifiers_are_found_by_their_parts():
    assert set(stem_words("emptyBasket")) >= set(stem_words("empty basket"))


def test_bm25_is_as_worked_out_by_hand():
    rarity = np.log(1 + 1.5 / 1.5)
    norm = 1.2 * (0.25 + 0.75 * 3 / 2)
    found = score_bm25([np.array([2.0, 0.0])], np.array([3.0, 1.0]))
    assert found == pytest.approx([rarity * 2 * 2.2 / (2 + norm), 0.0])
    assert score_bm25([], np.zeros(0)).shape == (0,)


def test_words_of_names_and_docstrings_lead_to_a_piece():
    ranked = names(rank_pieces(make_corpus(FILES), "throw out the whole basket"))
    assert ranked[0] == "Cart.empty_basket"
    assert names(rank_pieces(make_corpus(FILES), "the head of the page"))[0] == "drawHead"


def test_what_a_good_piece_uses_comes_before_what_nothing_leads_to():
    ranked = names(rank_pieces(make_corpus(FILES), "empty basket"))
    assert ranked.index("wipe") < (ranked.index("paint") if "paint" in ranked else len(ranked))


def test_the_graph_says_what_uses_what_where_there_is_one():
    graph = build_graph(FILES)
    corpus = make_corpus(FILES, graph.links)
    source, target, weight = corpus.edges
    pairs = {
        (corpus.pieces[a].qualified, corpus.pieces[b].qualified): w
        for a, b, w in zip(source, target, weight, strict=True)
    }
    assert pairs == {("Cart.empty_basket", "wipe"): 1.0, ("wipe", "Cart.empty_basket"): 1.0}


def test_a_name_that_many_pieces_have_links_none_of_them():
    files = [source_of(f"m{n}.py", "def same_name(): ...") for n in range(8)]
    files.append(source_of("use.py", "def go(): same_name()"))
    assert list(link_uses(make_corpus(files).pieces)) == []
    assert len(list(link_uses(make_corpus(files[5:]).pieces))) == 3


def test_vectors_and_activity_move_pieces_up():
    corpus = make_corpus(FILES)
    where = [piece.qualified for piece in corpus.pieces].index("paint")
    vectors = np.zeros(len(corpus.pieces))
    vectors[where] = 1.0
    assert names(rank_pieces(corpus, "zzz", KnownSigns(vectors_P=vectors)))[0] == "paint"
    busy = rank_pieces(corpus, "zzz", KnownSigns(activity={"web/page.js": 2.0}))
    assert names(busy)[0] == "drawHead"
    fresh = rank_pieces(corpus, "zzz", KnownSigns(fresh_lines=[(0.5, {"shop/tools.py": {6}})]))
    assert names(fresh)[0] == "paint"


def record(message, path, *names):
    file = FileRecord(path=path, before=path, names=frozenset(names))
    return CommitRecord(commit="1", message=message, files=(file,))


def test_a_commit_speaks_for_what_it_changed_where_its_message_has_the_words_of_the_task():
    corpus = make_corpus(FILES)
    past = [record("something else", "shop/cart.py", "total"), record("voucher codes expire", "shop/tools.py", "paint")]
    signs = corpus.signs("vouchers", KnownSigns(commits=past))
    at = {piece.qualified: n for n, piece in enumerate(corpus.pieces)}
    assert [name for name, n in at.items() if signs["said"][n] > 0] == ["paint"]
    assert [name for name, n in at.items() if signs["file_said"][n] > 0] == ["wipe", "paint"]
    assert signs["said_names"][at["paint"]] == 1.0
    assert signs["said_names"][at["drawHead"]] == 0.0
    assert signs["latest"][at["Cart.total"]] > signs["latest"][at["paint"]] > 0
    assert names(rank_pieces(corpus, "vouchers", KnownSigns(commits=past)))[0] == "paint"


def test_a_commit_that_changes_many_files_says_nothing_of_each():
    corpus = make_corpus(FILES)
    files = tuple(FileRecord(path=f"m{n}.py", before="", names=frozenset()) for n in range(15))
    few = record("voucher codes", "shop/tools.py", "paint")
    many = CommitRecord(commit="2", message=few.message, files=(*few.files, *files))
    assert corpus.signs("vouchers", KnownSigns(commits=[few]))["said"].max() == 1.0
    assert corpus.signs("vouchers", KnownSigns(commits=[many]))["said"].max() == 0.0


def test_a_piece_without_the_words_is_found_beside_one_that_has_them():
    corpus = make_corpus(FILES)
    signs = corpus.signs("basket")
    at = {piece.qualified: n for n, piece in enumerate(corpus.pieces)}
    assert signs["covered"][at["wipe"]] == 0.0
    assert signs["beside"][at["wipe"]] == 1.0
    assert signs["beside"][at["paint"]] == 0.0


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ('#!/bin/python\n"""What it is.\n\nMore."""\nx = 1', "What it is.\n\nMore."),
        ("// Draws heads.\n// Twice.\n\nlet x", "// Draws heads.\n// Twice."),
        ("x = 1\n# later", ""),
        ('"""never closed', ""),
    ],
)
def test_a_file_says_first_what_it_is_in_its_docstring_or_comments(text, head):
    assert read_head(text) == head


def test_what_a_file_says_first_speaks_for_its_pieces():
    files = [source_of("a.py", '"""Vouchers for guests."""\ndef go(): ...'), source_of("b.py", "def go(): ...")]
    assert [each.piece.path for each in rank_pieces(make_corpus(files), "voucher")] == ["a.py"]


def test_nothing_is_found_for_words_that_nobody_uses_and_in_no_code():
    weights = RankingWeights()
    assert rank_pieces(make_corpus(FILES), "zzz qqq", weights=weights) == []
    assert rank_pieces(make_corpus([]), "basket") == []


@pytest.mark.parametrize("budget", [40, 120, 400])
def test_a_context_keeps_to_its_budget(budget):
    context = gather_context("empty the basket of the cart", make_corpus(FILES), budget)
    assert 0 < context.tokens <= budget
    assert context.tokens == estimate_tokens(context.text)


def test_a_context_has_a_map_of_signatures_and_then_bodies_with_their_places():
    context = gather_context("empty basket", make_corpus(FILES), 400)
    assert context.map.startswith("shop/cart.py\n")
    assert "def empty_basket(self):" in context.map
    body = context.bodies[0]
    assert (body.place, body.is_cut) == ("shop/cart.py:8-10", False)
    assert "return wipe(self)" in context.text


def test_a_body_that_is_too_long_is_cut_and_says_so():
    long = source_of("a.py", "def basket():\n" + "    x = 1\n" * 500)
    (body,) = gather_context("basket", make_corpus([long]), 200).bodies
    assert body.is_cut
    assert body.text.endswith("\n...")


def test_a_map_ends_before_the_budget_does():
    pieces = make_corpus(FILES).pieces
    assert draw_map(pieces, 5, estimate_tokens) == ""
    assert draw_map(pieces, 1000, estimate_tokens).count("\n") >= 5
