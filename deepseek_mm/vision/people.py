"""Words for people, and how sure one must be to say them."""

PERSON = "person"
KINDS = """
    people man men woman women boy boys girl girls child children kid kids baby toddler adult player guy lady bride
    groom crowd family couple rider cyclist skateboarder surfer skier snowboarder climber runner swimmer hiker dancer
    astronaut cowboy soldier
"""
PEOPLE = frozenset([PERSON, *KINDS.split(), "police officer", "baseball player", "scuba diver"])
EASILY_MISTAKEN = frozenset(["man", "woman", "boy", "girl"])  # uniforms and haircuts mislead the space
SURE = 0.97  # probability that one of these needs to be said


def may_be_said(name: str, score: float) -> bool:
    """Whether a word that holds with this probability is sure enough, should it be one that is easily mistaken."""
    return score >= SURE or name not in EASILY_MISTAKEN
