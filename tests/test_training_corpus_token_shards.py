"""Documents packed into rows: nothing lost, nothing mixed up."""

import numpy as np
import torch
from lm_help import shard

from deepseek_mm.training.corpus.token_shards import mix_rows, pack_documents


def test_documents_lie_side_by_side_as_segments_and_none_is_lost():
    source = shard("code", [5, 3, 8, 2])
    rows = pack_documents(source, 8, domain=0)
    assert rows.segments_NT.tolist() == [[1] * 5 + [2] * 3, [1] * 8, [1] * 2 + [0] * 6]
    kept = torch.cat([row[mask > 0] for row, mask in zip(rows.ids_NT, rows.segments_NT, strict=True)])
    assert kept.tolist() == source.ids_N.tolist()


def test_a_document_goes_into_the_first_row_that_has_room_for_it():
    rows = pack_documents(shard("code", [6, 7, 2]), 8, domain=0)
    assert rows.segments_NT.tolist() == [[1] * 6 + [2] * 2, [1] * 7 + [0]]


def test_the_first_token_of_a_document_is_never_to_be_predicted():
    rows = pack_documents(shard("code", [5, 3]), 8, domain=0)
    assert rows.learn_NT[0].tolist() == [False, True, True, True, True, False, True, True]


def test_what_is_only_read_is_not_learned_in_any_row():
    assert not pack_documents(shard("code", [5, 3], learn=False), 8, domain=0).learn_NT.any()


def test_a_long_document_becomes_rows_of_its_own():
    source = shard("code", [20])
    rows = pack_documents(source, 8, domain=0)
    assert rows.ids_NT[:2].flatten().tolist() == source.ids_N[:16].tolist()
    assert len(rows) == 3


def test_no_more_rows_are_made_than_were_asked_for():
    assert len(pack_documents(shard("code", [8] * 9), 8, domain=0, limit=4)) == 4


def test_rows_of_several_domains_are_mixed_the_same_way_for_one_seed():
    parts = [pack_documents(shard(name, [8] * 20), 8, domain=n) for n, name in enumerate(["code", "shell"])]
    first, again, other = mix_rows(parts, 0), mix_rows(parts, 0), mix_rows(parts, 1)
    assert torch.equal(first.ids_NT, again.ids_NT)
    assert not torch.equal(first.ids_NT, other.ids_NT)
    assert np.bincount(first.domains_N).tolist() == [20, 20]
    assert first.domains_N[:20].unique().tolist() == [0, 1]
