"""By which plan this machine works, why, and what each step of the dial costs and is worth here."""

from dataclasses import asdict

from pydantic import BaseModel, Field

from deepseek_mm.assistant import Assistant


class StepOut(BaseModel):
    """A step of the dial; numbers are null until `plan --dial` was run on this machine."""

    name: str = Field(examples=["balanced"])
    says: str = Field(description="what it changes")
    seconds: float | None = Field(description="an ask about one photo, the median here", examples=[0.16])
    score: float | None = Field(description="percent of questions about bundled photos answered rightly here")
    questions: int = Field(description="that were asked")


class PlanOut(BaseModel):
    """What computes what. PATCH /settings of runtime.dial chooses another step, from the next start on."""

    branch: str = Field(description="gpu, npu, cpu or small", examples=["cpu"])
    image: str = Field(description="engine of the image tower", examples=["openvino-bf16"])
    text: str = Field(description="engine of the text tower", examples=["openvino-bf16"])
    image_model: str = Field(examples=["efficientnet-lite2"])
    lm: str = Field(description="form of the language model", examples=["packed"])
    dial: str = Field(description="the step that holds now", examples=["balanced"])
    measured: bool = Field(description="by plan --calibrate on this machine, not only known of such machines")
    reason: str
    fell_back: list[str] = Field(description="what was wished for, why it is not so, and what would help")
    steps: list[StepOut]


def plan_of(assistant: Assistant) -> PlanOut | None:
    """None where nothing was planned: parts that a caller joined."""
    planned = assistant.planned
    if planned is None:
        return None
    steps = [StepOut(**asdict(step)) for step in planned.settings()]
    return PlanOut(**asdict(planned.plan), steps=steps)
