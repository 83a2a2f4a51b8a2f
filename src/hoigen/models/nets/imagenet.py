"""What a piece of a picture looks like: EfficientNet-Lite3 on ImageNet, for the things that people handle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hoigen.models.nets.tflite import Model

if TYPE_CHECKING:
    import numpy as np

SIZE = 280
MEAN, SPREAD = 127.0, 128.0
"""The network was trained on (pixel - 127) / 128."""

# fmt: off
HANDLED = {
    339: "horse", 398: "abacus", 401: "accordion", 402: "acoustic guitar", 413: "assault rifle", 418: "ballpoint pen",
    420: "banjo", 422: "barbell", 428: "wheelbarrow", 429: "baseball", 430: "basketball", 432: "bassoon",
    440: "beer bottle", 441: "beer glass", 444: "tandem bicycle", 447: "binoculars", 450: "bobsleigh", 456: "bow",
    462: "broom", 463: "bucket", 470: "candle", 472: "canoe", 473: "can opener", 477: "tool kit", 486: "cello",
    487: "cell phone", 491: "chainsaw", 499: "cleaver", 503: "cocktail shaker", 504: "coffee mug", 505: "coffeepot",
    508: "computer keyboard", 512: "corkscrew", 513: "cornet", 522: "croquet ball", 523: "crutch",
    528: "dial telephone", 533: "dishcloth", 537: "dog sled", 541: "drum", 542: "drumstick", 543: "dumbbell",
    544: "Dutch oven", 546: "electric guitar", 549: "envelope", 550: "espresso machine", 551: "face powder",
    558: "flute", 563: "fountain pen", 566: "French horn", 567: "frying pan", 572: "goblet", 573: "go-kart",
    574: "golf ball", 575: "golf cart", 576: "gondola", 577: "gong", 579: "grand piano", 584: "hair clip",
    585: "hair spray", 587: "hammer", 589: "hair dryer", 590: "hand-held computer", 591: "handkerchief",
    593: "harmonica", 594: "harp", 596: "hatchet", 602: "horizontal bar", 603: "horse cart", 605: "iPod", 606: "iron",
    611: "jigsaw puzzle", 612: "rickshaw", 613: "joystick", 618: "ladle", 620: "laptop", 621: "lawn mower",
    623: "letter opener", 626: "lighter", 629: "lipstick", 631: "lotion", 633: "loupe", 641: "maraca", 642: "marimba",
    644: "matchstick", 647: "measuring cup", 650: "microphone", 659: "mixing bowl", 665: "moped",
    666: "mortar and pestle", 670: "motor scooter", 671: "mountain bike", 673: "computer mouse", 677: "nail",
    680: "pacifier", 681: "laptop", 683: "oboe", 684: "ocarina", 687: "pipe organ", 690: "ox cart", 693: "paddle",
    695: "padlock", 696: "paintbrush", 699: "pan flute", 700: "paper towel", 701: "parachute", 702: "parallel bars",
    709: "pencil case", 710: "pencil sharpener", 711: "perfume", 712: "Petri dish", 714: "plectrum",
    720: "pill bottle", 722: "ping-pong ball", 725: "drink pitcher", 726: "plane", 728: "plastic bag", 731: "plunger",
    732: "Polaroid camera", 736: "pool table", 739: "potter's wheel", 740: "power drill", 746: "hockey puck",
    747: "punching bag", 748: "purse", 749: "quill", 752: "racket", 758: "fishing reel", 759: "reflex camera",
    761: "remote control", 763: "revolver", 764: "rifle", 767: "eraser", 768: "rugby ball", 769: "ruler",
    772: "safety pin", 773: "salt shaker", 776: "saxophone", 783: "screw", 784: "screwdriver", 786: "sewing machine",
    790: "shopping basket", 791: "shopping cart", 792: "shovel", 795: "ski", 801: "snorkel", 802: "snowmobile",
    804: "soap dispenser", 805: "soccer ball", 809: "soup bowl", 810: "space bar", 813: "spatula", 816: "spindle",
    823: "stethoscope", 826: "stopwatch", 828: "strainer", 838: "sunscreen", 840: "mop", 843: "swing", 845: "syringe",
    849: "teapot", 850: "teddy bear", 852: "tennis ball", 855: "thimble", 862: "torch", 868: "tray", 870: "tricycle",
    872: "tripod", 875: "trombone", 878: "typewriter keyboard", 879: "umbrella", 880: "unicycle",
    881: "upright piano", 882: "vacuum cleaner", 889: "violin", 890: "volleyball", 891: "waffle iron", 893: "wallet",
    898: "water bottle", 899: "water jug", 901: "whiskey jug", 902: "whistle", 907: "wine bottle", 909: "wok",
    910: "wooden spoon", 911: "wool", 917: "comic book", 918: "crossword", 921: "book jacket", 923: "plate",
    924: "guacamole", 925: "consomme", 926: "hot pot", 927: "trifle", 928: "ice cream", 929: "popsicle",
    930: "baguette", 931: "bagel", 932: "pretzel", 933: "cheeseburger", 934: "hot dog", 935: "mashed potatoes",
    936: "cabbage", 937: "broccoli", 938: "cauliflower", 939: "zucchini", 940: "spaghetti squash",
    941: "acorn squash", 942: "butternut squash", 943: "cucumber", 944: "artichoke", 945: "bell pepper", 948: "apple",
    949: "strawberry", 950: "orange", 951: "lemon", 952: "fig", 953: "pineapple", 954: "banana", 957: "pomegranate",
    959: "carbonara", 960: "chocolate syrup", 961: "dough", 962: "meatloaf", 963: "pizza", 964: "pot pie",
    965: "burrito", 966: "red wine", 967: "espresso", 968: "tea cup", 969: "eggnog",
}
# fmt: on
"""Numbers and names of the ImageNet classes that one holds, plays, throws, rides, cooks or eats.

Chosen by meaning, once, before any fit: clothes, furniture, rooms, machines that hide their driver and wild animals are
left out.
"""


ANIMALS = tuple(number for number in range(398) if number not in HANDLED)
"""ImageNet's animals, less the horse, which is ridden: a rider is no animal."""


class ThingNamer:
    """Tells how much a piece of a picture looks like something that people handle, and like what; or like an animal.

    Source: Tan and Le, EfficientNet (ICML 2019), in its Lite3 form for 8-bit CPUs (ImageNet top-1 79 %).
    """

    def __init__(self) -> None:
        self.model = Model("efficientnet_lite3")

    def __call__(self, piece: np.ndarray) -> dict[str, float]:
        """piece: (H, W, 3) uint8 RGB of any size. Probabilities of the handled things, the likeliest first.

        Their sum is the probability that it is any of them; the rest is everything else.
        """
        return self.with_animal(piece)[0]

    def with_animal(self, piece: np.ndarray) -> tuple[dict[str, float], float]:
        """The same, and the probability that the piece shows any of ImageNet's animals, 0..1."""
        import cv2
        import numpy as np

        shrinks = min(piece.shape[:2]) > SIZE
        square = cv2.resize(piece, (SIZE, SIZE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        scale, zero = self.model.input_quantization
        steps = np.round((square.astype(np.float32) - MEAN) / SPREAD / scale + zero)
        [found] = self.model(np.clip(steps, 0, 255).astype(np.uint8))
        scale, zero = self.model.output_quantization
        chances = (found.astype(np.float32) - zero) * scale  # (1000,) probabilities
        names: dict[str, float] = {}
        for number in sorted(HANDLED, key=lambda number: -chances[number]):
            if chances[number] > 0:
                name = HANDLED[number]
                names[name] = names.get(name, 0.0) + float(chances[number])
        return names, float(min(1.0, chances[list(ANIMALS)].sum()))
