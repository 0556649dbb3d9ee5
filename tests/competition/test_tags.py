"""Which weights of timm the rules allow: those of ImageNet-1K alone."""

import re

import pytest
import timm

from telltale.competition.tags import check_tag

ALLOWED = [
    "resnet18.a1_in1k",
    "resnet18.tv_in1k",
    "efficientnet_b0.ra_in1k",
    "efficientnet_b0.ra4_e3600_r224_in1k",
    "tf_efficientnet_b4.ap_in1k",
    "tf_efficientnet_b4.aa_in1k",
    "convnext_tiny.fb_in1k",
    "coatnet_0_rw_224.sw_in1k",
    "vit_base_patch16_224.augreg_in1k",
    "vit_base_patch16_224.sam_in1k",
    "deit_tiny_distilled_patch16_224.fb_in1k",
    "levit_128s.fb_dist_in1k",
    "repvit_m1.dist_in1k",
    "legacy_xception.tf_in1k",
    "swin_tiny_patch4_window7_224.ms_in1k",
    "convnextv2_tiny.fcmae_ft_in1k",
    "hiera_tiny_224.mae_in1k_ft_in1k",
    "caformer_s18.sail_in1k_384",
    "inception_v3.tf_ens_adv_in1k",
    "tf_efficientnetv2_s.in1k",
    "rdnet_large.nv_in1k_ft_in1k_384",
]


REFUSED = {
    "resnet18.fb_ssl_yfcc100m_ft_in1k": "YFCC",
    "resnet18.fb_swsl_ig1b_ft_in1k": "Instagram",
    "resnext101_32x8d.fb_wsl_ig1b_ft_in1k": "Instagram",
    "regnety_160.swag_ft_in1k": "Instagram",
    "regnety_320.seer_ft_in1k": "Instagram",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k": "ImageNet-21K",
    "vit_tiny_patch16_224.augreg_in21k": "ImageNet-21K",
    "convnext_tiny.fb_in22k_ft_in1k": "ImageNet-21K",
    "convnext_tiny.in12k_ft_in1k": "ImageNet-21K",
    "tf_efficientnet_b4.ns_jft_in1k": "JFT",
    "vit_base_patch16_clip_224.openai_ft_in1k": "captions",
    "vit_base_patch16_clip_224.laion2b_ft_in1k": "captions",
    "vit_base_patch16_siglip_224.webli": "captions",
    "vit_base_patch14_dinov2.lvd142m": "self-supervised",
    "vit_small_patch16_224.dino": "self-supervised",
    "samvit_base_patch16.sa1b": "Segment Anything",
    "slowfast_r50.k400": "Kinetics",
    "resnet50d.ssld_in1k": "unlabelled",
    "hrnet_w18_ssld.paddle_in1k": "unlabelled",
    "resnetv2_50x1_bit.goog_distilled_in1k": "teacher",
    "flexivit_small.1200ep_in1k": "teacher",
    "beitv2_base_patch16_224.in1k_ft_in1k": "CLIP",
    "hiera_tiny_224.mae": "question",
    "mixnet_s.ft_in1k": "question",
    "resnet18.my_own_in1k": "question",
    "resnet18.in1k_and_more": "question",
    "resnet18": "question",
    "resnet18.": "question",
    ".in1k": "question",
    "": "question",
}


@pytest.mark.parametrize("tag", ALLOWED)
def test_imagenet_1k_alone_is_allowed(tag: str) -> None:
    assert check_tag(tag) is None


@pytest.mark.parametrize(("tag", "word"), REFUSED.items())
def test_more_than_imagenet_1k_or_a_question_is_refused(tag: str, word: str) -> None:
    assert word in (check_tag(tag) or "")


def test_of_all_tags_in_timm_none_with_a_word_of_other_pictures_is_allowed() -> None:
    tags = timm.list_pretrained()
    allowed = [tag for tag in tags if check_tag(tag) is None]
    outside = re.compile(
        "in21k|in22k|in12k|jft|clip|laion|ssl|lvd|dino|openai|webli|ig1b|seer|swag|yfcc|k400|sa1b"
    )
    assert not [tag for tag in allowed if outside.search(tag)]
    assert all("in1k" in tag for tag in allowed)
    # Nearly every tag with in1k and without a word of other pictures is allowed.
    plain = [tag for tag in tags if "in1k" in tag and not outside.search(tag)]
    assert len(allowed) > 0.95 * len(plain) > 500
