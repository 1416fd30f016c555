"""Small word tables: the English that the program needs to read a question and to check an answer, and no more.

Words are lower case and singular unless the table says otherwise.
"""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


COLOURS = {  # as people write it -> in one spelling
    **{name: name for name in _set("red orange yellow green blue purple pink brown black white grey beige")},
    **{"gray": "grey", "violet": "purple", "golden": "yellow", "silver": "grey", "turquoise": "blue", "tan": "beige"},
}
NUMBERS = {
    **{"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5"},
    **{"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"},
}
DETERMINERS = _set(
    """a an the any some my your our his her its their this that these those all both each every no one two three four
    five several many few other another more most such what which whose"""
)
PREPOSITIONS = _set(
    """in on at with near by under over behind beside between inside outside into onto through across from against
    around above below for to without along during next front top of beneath underneath"""
)
BETWEEN_THINGS = _set(  # prepositions that claim something about two things
    "behind beside between inside outside near next front against around onto into across through along"
)
NEGATIONS = _set("no not none never nothing neither nor without cannot nobody nowhere")
HEDGES = _set("probably maybe perhaps possibly might likely seems seem appears appear least point")
RELATIONS = {  # a word of a comparison -> the relation it names
    **{"left": "left", "right": "right", "above": "above", "over": "above", "below": "below", "under": "below"},
    **{"beneath": "below", "underneath": "below", "bigger": "bigger", "larger": "bigger", "smaller": "smaller"},
}
PLACES = {  # a word of a position -> how an answer says it
    **{"left": "left", "right": "right", "top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"},
    **{"centre": "centre", "center": "centre", "middle": "centre"},
}
PICTURES = _set("photo photograph picture image pic snapshot screenshot shot file")
PRONOUNS = _set("it its they them their this that these those he him his she her one ones there")
FILLERS = _set(  # words that claim nothing
    """is are was were be been being am do does did has have had can could will would should there here it its they them
    their he she his her this that these those i you we me us my your and or but also too as so if then than very really
    just yes see seen show shows shown showing contain contains containing visible look looks looked looking find found
    feature features depict depicts depicted located called scene view who whom whose which what where when how why
    other another both each some any well clearly main mostly most only still"""
)
SIZES = _set("big small large little tiny huge tall short long old young new")
IRREGULAR = {  # many -> one
    **{"people": "person", "persons": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot"},
    **{"teeth": "tooth", "mice": "mouse", "geese": "goose", "knives": "knife", "leaves": "leaf", "wolves": "wolf"},
    **{"shelves": "shelf", "loaves": "loaf", "halves": "half", "wives": "wife", "lives": "life", "calves": "calf"},
    **{"cookies": "cookie", "movies": "movie", "brownies": "brownie", "ties": "tie", "pies": "pie", "shoes": "shoe"},
    **{"canoes": "canoe", "buses": "bus", "lenses": "lens", "cacti": "cactus", "hoodies": "hoodie", "axes": "axe"},
    **{"horses": "horse", "houses": "house", "noses": "nose", "roses": "rose", "vases": "vase", "cases": "case"},
    **{"selfies": "selfie", "policemen": "policeman", "firemen": "fireman", "scarves": "scarf"},
}
ALWAYS_MANY = _set(
    """glasses sunglasses scissors pants trousers jeans shorts stairs clothes goggles binoculars headphones overalls
    tights pajamas"""
)
UNCHANGED = ALWAYS_MANY | _set(  # one and many alike
    "sheep fish deer series species bus gas lens canvas tennis iris chess christmas"
)
WITH_A = _set("bus lens iris canvas sheep fish deer")  # of these, the ones that take an article
UNCOUNTED = _set(
    """grass water sky snow sand food furniture clothing text fire ice bread rice coffee tea milk hair wood traffic
    luggage fruit cheese meat wine beer juice nature sea smoke fog rain sunlight art code jewelry handwriting money
    pasta sushi soup tennis football soccer basketball baseball"""
)
ING_NOUNS = _set(  # things, for all their ending
    """building painting string ring wing king ceiling clothing thing wedding evening morning swing sibling railing
    drawing lightning pudding sling spring earring awning crossing parking dining living swimming washing dressing
    something anything everything nothing duckling sewing vending"""
)
CUTS = PREPOSITIONS | _set("and or is are was were that who which while but than")  # where one thing ends
CUTS |= {name + ending for name in PICTURES for ending in ("", "s")}
NO_THINGS = (
    DETERMINERS
    | FILLERS
    | _set(
        """please together alone currently taken took take made thing things object objects stuff something anything
        everything nothing largest biggest smallest exactly kind sort type called named similar like again say says"""
    )
)
SOMEBODY = {name: "person" for name in _set("anyone anybody someone somebody humans")}
ANYTHING = "thing"  # the name that every label answers to
HOLDERS = _set("cup mug glass bottle bowl plate pot box bag basket jar")  # a coffee cup is a cup, whatever is in it
IS_A = {  # kind -> what counts as one
    "person": _set("man woman boy girl child baby adult player kid guy lady bride groom crowd rider skier surfer"),
    "animal": _set(
        """dog cat horse cow sheep bird elephant bear zebra giraffe lion tiger monkey rabbit fox wolf deer duck goat
        fish squirrel mouse puppy kitten insect butterfly snake frog turtle penguin owl eagle parrot chicken pig panda
        otter moose crocodile alligator lizard whale seal raccoon badger kangaroo koala leopard cheetah hippopotamus
        camel llama buffalo bison ox ape lemur hamster beaver skunk weasel shark goldfish crab lobster spider bee swan
        flamingo pelican heron stork crane peacock ostrich toucan hummingbird vulture porcupine jellyfish snail"""
    ),
    "bird": _set("duck goose eagle owl parrot penguin chicken hen swan gull seagull pigeon flamingo peacock sparrow"),
    "insect": _set("butterfly bee ant beetle dragonfly fly ladybug"),
    "vehicle": _set(
        "car bus truck train bicycle motorcycle boat airplane bike van taxi tram ship scooter plane tractor"
    ),
    "food": _set(
        """pizza cake sandwich burger salad soup bread fruit banana apple orange broccoli carrot donut pasta rice cheese
        meat vegetable strawberry lemon hotdog pancake sushi steak cookie"""
    ),
    "fruit": _set("banana apple orange strawberry lemon pineapple pear grape peach cherry pomegranate fig mango"),
    "vegetable": _set("broccoli carrot tomato potato cucumber cabbage cauliflower pepper mushroom onion"),
    "drink": _set("coffee tea beer wine milk juice espresso water cocktail"),
    "furniture": _set("chair table sofa couch bed desk bench shelf bookcase wardrobe cabinet stool"),
    "building": _set("house church tower castle palace barn skyscraper temple mosque lighthouse"),
    "clothes": _set("shirt jacket dress hat coat jeans shoe sock skirt suit tie sweater trousers cap scarf jersey"),
    "flower": _set("rose tulip daisy sunflower poppy orchid lily"),
    "plant": _set("flower tree bush grass"),
    "dog": _set("puppy"),
    "cat": _set("kitten"),
    "child": _set("boy girl baby kid"),
}
SAME = (  # different names of one thing
    *({"bicycle", "bike"}, {"motorcycle", "motorbike"}, {"airplane", "plane", "aeroplane", "aircraft"}),
    *({"sofa", "couch"}, {"person", "human"}, {"child", "kid"}, {"man", "guy"}, {"television", "tv"}, {"ocean", "sea"}),
    *({"cellphone", "phone", "mobile phone"}, {"clothes", "clothing"}, {"automobile", "car"}, {"vegetable", "veggie"}),
)
