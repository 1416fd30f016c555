import torch

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.moe import ExpertTracer, Routing
from deepseek_mm.lm.shape import EXPERTS, MoEShape, tiny

MOE = MoEShape(layers=(1, 3), experts=EXPERTS, gate_width=16, gate_heads=2)


def routing(experts: list[list[list[int]]]) -> Routing:
    return Routing(torch.empty(0), torch.tensor(experts), torch.empty(0))


def test_steps_become_one_string_a_layer_in_the_order_they_were_added():
    tracer = ExpertTracer(MOE)
    tracer.add([routing([[[0, 1], [2, 3]]]), routing([[[7, 6], [5, 4]]])])
    tracer.add([routing([[[1, 0]]]), routing([[[0, 7]]])])
    trace = tracer.trace()
    assert trace.visits == ("abcdba", "hgfeah")
    assert (trace.layers, trace.top_k, len(trace)) == ((1, 3), 2, 3)
    assert trace.at(1, 3) == ("talker", "aide")


def test_only_the_asked_row_of_a_batch_is_traced():
    tracer = ExpertTracer(MOE)
    tracer.add([routing([[[0, 1]], [[2, 3]]]), routing([[[4, 5]], [[6, 7]]])], row=1)
    assert tracer.trace().visits == ("cd", "gh")


def test_an_answer_that_never_began_has_an_empty_trace():
    trace = ExpertTracer(MOE).trace()
    assert (trace.visits, len(trace)) == (("", ""), 0)


def test_a_decoder_s_routes_are_what_the_trace_tells():
    torch.manual_seed(0)
    shape = tiny(moe=MOE)
    with torch.inference_mode():
        model, tracer = Decoder(shape), ExpertTracer(MOE)
        ids_BT = torch.randint(512, (1, 9))
        _, routings = model(model.embed(ids_BT), FullTextAttention(shape, torch.ones_like(ids_BT)))
    tracer.add(routings)
    trace = tracer.trace()
    told = [EXPERTS[number].name for number in routings[1].experts_BTk[0, 4].tolist()]
    assert (len(trace), list(trace.at(4, layer=3))) == (9, told)
