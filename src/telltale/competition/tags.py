"""Which public weights the competition allows: those that were trained on ImageNet-1K and nothing else.

    check_tag("resnet18.a1_in1k")                  # None: allowed
    check_tag("convnext_tiny.fb_in22k_ft_in1k")    # "it has seen ImageNet-21K, 22K or 12K; ..."

The name that timm gives to weights decides. It is ARCHITECTURE.TAG. A tag is allowed if it ends in `in1k` and
all its words are in `RECIPES`. A tag with an unknown word is refused as a question. `FORBIDDEN` is checked
first, because it gives better reasons.

Some tags that end in `in1k` are forbidden, because a teacher or a tokeniser was trained on more data, or may
have been:

- distillation from a model of a larger set: `goog_distilled`, FlexiViT, `usi`, GhostNetV3
- `ssld` of PaddlePaddle, whose students are trained on unlabelled pictures of ImageNet-22K
- BEiT v2 (`in1k_ft_in1k`), whose tokeniser imitates CLIP

Distillation from a RegNetY that was itself trained on ImageNet-1K is allowed (`fb_dist`, `apple_dist` and
others; DeiT, LeViT, CaiT, RepViT, FastViT, EfficientFormer).
"""

import re

# (pattern, training data). Each pattern is searched in the whole name. The first that matches gives the
# reason, so the more specific ones come first.
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

# Words that name a training recipe, its author or its optimiser, and say nothing of other data.
RECIPES = re.compile(
    "in1k|ft|a1|a1h|a2|a2h|a3|aa|adv|agc|ah|am|ap|apple|aug|augreg|b1k|b2k|bd|bt|c1|c2|c2ns|c3|ch|cvnets|d|d1|d1h|d2|deit|dist"
    "|distilled|dm|ens|fb|fcmae|gluon|goog|idstcv|lamb|mae|miil|ms|msft|mx|nadamuon|nav|naver|nv|paddle|pycls|ra|ra2|ra3|ra4|racm"
    "|ram|rmsp|rsb|rvgg|sail|sam|sbb|snap|sw|tf|timm|tv|tv2"
    r"|[ers]?\d+|\d+e"  # the pictures' size or the epochs: r224, s576, 384, e300, 300e
)


def check_tag(tag: str) -> str | None:
    """Why weights may not be used, None if they may. tag: full name in timm, such as "resnet18.a1_in1k"."""
    architecture, _, recipe = tag.strip().lower().partition(".")
    for pattern, what in FORBIDDEN:
        if re.search(pattern, f"{architecture}.{recipe}_"):
            return f"it has seen {what}; the competition allows ImageNet-1K alone"
    if not recipe:
        return "its name does not say what it was trained on: a question, not a yes"
    words = recipe.split("_")
    # The words before "ft" (fine-tuned) name the first training. "ft_in1k" alone does not say what that was.
    if not (architecture and words[-1 - _trailing_sizes(words)] == "in1k") or words[0] == "ft":
        return "its tag does not say that it was trained on ImageNet-1K alone: a question, not a yes"
    unknown = [word for word in words if not RECIPES.fullmatch(word)]
    if unknown:
        return f"'{'_'.join(unknown)}' in its tag is not known: a question, not a yes"
    return None


def _trailing_sizes(words: list[str]) -> int:
    """1 if the tag ends in a size, as `in1k_384` does, else 0."""
    return int(len(words) > 1 and words[-1].isdigit())
