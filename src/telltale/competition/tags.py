"""Which public weights the competition allows: those whose timm tag says that they have seen ImageNet-1K and
nothing else.

    check_tag("resnet18.a1_in1k")                  # None: allowed
    check_tag("convnext_tiny.fb_in22k_ft_in1k")    # "it has seen ImageNet-22K ..."

The rule is a list of what is known to be clean: a tag is allowed when it ends in `in1k` and every word of it
is a recipe in `RECIPES`; a word that is not there makes it a question, which is not a yes. `FORBIDDEN` comes
first and gives better reasons. Some tags end in `in1k` alone and are still left out, because their teachers
or tokenisers saw more, or may have: distillation from a larger set's model (`goog_distilled`, FlexiViT,
`usi`, GhostNetV3), PaddlePaddle's `ssld`, whose students see unlabelled ImageNet-22K pictures, and BEiT v2
(`in1k_ft_in1k`), whose tokeniser imitates CLIP. Distillation from a RegNetY that was itself trained on
ImageNet-1K (DeiT, LeViT, CaiT, RepViT, FastViT, EfficientFormer: `fb_dist`, `apple_dist` ...) is allowed.
"""

import re

# Searched in the whole name, the architecture too, from the first to the last: the more telling reason comes
# first.
FORBIDDEN = (
    ("jft", "JFT, a private set of 300 million pictures"),
    ("swsl|wsl|ig1b|swag|seer", "Instagram pictures"),
    ("ssld", "unlabelled pictures of ImageNet-22K"),
    ("yfcc|ssl", "YFCC or other unlabelled pictures from the web"),
    ("clip|laion|openai|webli|dfn|datacomp|cc12m|commonpool", "pictures with captions from the web"),
    ("lvd|dino|sat493m", "a self-supervised set beyond ImageNet-1K"),
    ("in2[12]k|inw21k|in12k|m30m|m38m", "ImageNet-21K, 22K or 12K"),
    ("k400|k600|k700|kinetics|ssv2", "videos of Kinetics or the like"),
    ("sa1b", "the pictures of Segment Anything"),
    ("goog_distilled|usi_in1k|flexivit|ghostnetv3", "a teacher that was, or may have been, trained on more"),
    ("beitv2", "a tokeniser that imitates CLIP"),
    (r"^meso(4|inception4)\b", "the genuine and forged faces that MesoNet's authors collected"),
)

# Words that name a training recipe, its author or its optimiser, and no other pictures.
RECIPES = re.compile(
    "in1k|ft|a1|a1h|a2|a2h|a3|aa|adv|agc|ah|am|ap|apple|aug|augreg|b1k|b2k|bd|bt|c1|c2|c2ns|c3|ch|cvnets|d|d1|d1h|d2|deit|dist"
    "|distilled|dm|ens|fb|fcmae|gluon|goog|idstcv|lamb|mae|miil|ms|msft|mx|nadamuon|nav|naver|nv|paddle|pycls|ra|ra2|ra3|ra4|racm"
    "|ram|rmsp|rsb|rvgg|sail|sam|sbb|snap|sw|tf|timm|tv|tv2"
    r"|[ers]?\d+|\d+e"  # the pictures' size or the epochs: r224, s576, 384, e300, 300e
)


def check_tag(tag: str) -> str | None:
    """Why weights of the full timm name `tag`, such as "resnet18.a1_in1k", may not be used; None where they
    may."""
    architecture, _, recipe = tag.strip().lower().partition(".")
    for pattern, what in FORBIDDEN:
        if re.search(pattern, f"{architecture}.{recipe}_"):
            return f"it has seen {what}; the competition allows ImageNet-1K alone"
    if not recipe:
        return "its name does not say what it was trained on: a question, not a yes"
    words = recipe.split("_")
    # What comes before "ft" is the first training, and has to be named too: "ft_in1k" alone does not say
    # where it began.
    if not (architecture and words[-1 - _trailing_sizes(words)] == "in1k") or words[0] == "ft":
        return "its tag does not say that it was trained on ImageNet-1K alone: a question, not a yes"
    strange = [word for word in words if not RECIPES.fullmatch(word)]
    if strange:
        return f"nothing is known here of '{'_'.join(strange)}' in its tag: a question, not a yes"
    return None


def _trailing_sizes(words: list[str]) -> int:
    """1 where the tag ends in a size, as in `in1k_384`, else 0."""
    return int(len(words) > 1 and words[-1].isdigit())
