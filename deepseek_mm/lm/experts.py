"""Eight experts that differ: each has a domain, a width and a nonlinearity of its own.

A domain with much to know (code, evidence, English) gets a wide expert, one with few forms (shell, dialogue) a narrow
one, so a token costs what its kind needs. Together they are as wide as SmolLM2's own feed-forward. An expert's last
matrix starts at zero: a model that has just been given experts says exactly what it said before.

Shape key:  N tokens, D width of the model, F width of the expert
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.shape import Activation, ExpertSpec

EXPERTS = (
    ExpertSpec(name="coder", domain="code", width=320, activation="silu"),
    ExpertSpec(name="reckoner", domain="mathematics", width=224, activation="gelu"),
    ExpertSpec(name="witness", domain="evidence", width=288, activation="gelu"),
    ExpertSpec(name="observer", domain="vision", width=160, activation="tanh"),
    ExpertSpec(name="aide", domain="instructions", width=128, activation="relu2"),
    ExpertSpec(name="talker", domain="dialogue", width=96, activation="tanh"),
    ExpertSpec(name="operator", domain="shell", width=64, activation="relu2"),
    ExpertSpec(name="narrator", domain="english", width=256, activation="silu"),
)


def relu2(x: Tensor) -> Tensor:
    """The squared ReLU (Primer, So et al. 2021, arXiv 2109.08668, section 3.1)."""
    return F.relu(x).square()


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "relu2": relu2,
    "tanh": Tensor.tanh,
}


class Expert(nn.Module):
    """A gated feed-forward (GLU variants, Shazeer 2020, arXiv 2002.05202, eq. 6) of any width and nonlinearity."""

    def __init__(self, width: int, spec: ExpertSpec) -> None:
        super().__init__()
        self.activate = ACTIVATIONS[spec.activation]
        self.up = nn.Linear(width, 2 * spec.width, bias=False)  # the gate's rows, then the others
        self.down = nn.Linear(spec.width, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x_ND: Tensor) -> Tensor:
        """What the expert adds to each token, (N, D)."""
        gate_NF, up_NF = self.up(x_ND).chunk(2, -1)
        added: Tensor = self.down(self.activate(gate_NF) * up_NF)
        return added
