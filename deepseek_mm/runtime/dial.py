"""Fast, balanced or best: what each step of the dial changes, and how far an engine may then be from 32 bits.

The cosines are means over real photos or captions. Of 0.995 the index does not feel anything: neighbours in a library
of photos are 0.6 to 0.9 alike. "fast" lets eight bits in, "best" only what is exact but for rounding.
A number that its owner has set stays as it is, whatever the dial says.
"""

from dataclasses import dataclass, replace

from deepseek_mm.config import Config, SeeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DialRow:
    """One step."""

    name: str
    least_cosine: float  # of an engine's vectors with those in 32 bits, on average
    see: SeeConfig  # what is looked at
    says: str

    def applied(self, config: Config) -> Config:
        """The configuration with this step's numbers, where they are still the default ones."""
        usual = SeeConfig()
        changed = {
            name: getattr(self.see, name)
            for name in ("max_parts", "beams", "glance")
            if getattr(config.see, name) == getattr(usual, name)
        }
        return replace(config, see=replace(config.see, **changed))


DIALS = (
    DialRow(
        name="fast",
        least_cosine=0.99,
        see=SeeConfig(max_parts=3, beams=4, glance=False),
        says="the fastest engines, three parts a photo, no look by the language model",
    ),
    DialRow(name="balanced", least_cosine=0.995, see=SeeConfig(), says="what the project was tuned with"),
    DialRow(
        name="best",
        least_cosine=0.9995,
        see=SeeConfig(max_parts=8, beams=30),
        says="exact engines, eight parts a photo, descriptions searched more widely",
    ),
)
BY_NAME = {row.name: row for row in DIALS}


def dialled(config: Config) -> Config:
    """The configuration as its own dial wants it."""
    return BY_NAME[config.runtime.dial].applied(config)
