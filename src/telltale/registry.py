"""Every detector by name: the one table. A new detector costs a line here, a file in models/ and a configuration.

Free of torch, so that a configuration is checked before anything heavy is imported.
"""

from dataclasses import dataclass

XCEPTION = "legacy_xception.tf_in1k"


@dataclass(frozen=True)
class Entry:
    """One detector.

    file: the module of `telltale.models` that builds it, imported only then; reads: which of "picture" and "sound";
    objective: what trains it, a name of `objectives.OBJECTIVES`; config: its file in configs/; backbone: the timm network that
    its picture tower is, or is built on, unless `model.picture_backbone` says another; fixed: it may say none;
    per_frame: it judges frame by frame, a clip's score is pooled from them, and it can be the picture tower of `audiovisual`;
    maps: it also says where.
    """

    file: str
    reads: tuple[str, ...]
    objective: str
    config: str
    source: str
    backbone: str | None = None
    fixed: bool = False
    per_frame: bool = False
    maps: bool = False


def _frames(file: str, config: str, source: str, backbone: str | None, *, objective: str = "classifier") -> Entry:
    """A detector that judges frame by frame; all but those of models/frame_cnn.py are what they are on one backbone alone."""
    return Entry(
        file, ("picture",), objective, config, source, backbone, file != "frame_cnn", per_frame=True, maps=file == "lav"
    )


ENTRIES = {
    "mel_cnn": Entry("mel_cnn", ("sound",), "classifier", "baseline.yaml", "the competition guide's baseline"),
    "audiovisual": Entry(
        "audiovisual", ("picture", "sound"), "classifier", "audiovisual.yaml", "ours", "efficientnet_b0.ra_in1k"
    ),
    "frame_cnn": _frames("frame_cnn", "frame_cnn.yaml", "any timm backbone", "mobilenetv3_large_100.ra_in1k"),
    "meso4": _frames("meso", "meso4.yaml", "Afchar et al., MesoNet, WIFS 2018", None),
    "mesoinception4": _frames("meso", "mesoinception4.yaml", "Afchar et al., MesoNet, WIFS 2018", None),
    "shallownet_v3": _frames("shallownet", "shallownet_v3.yaml", "Tariq et al., ShallowNet, MPS 2018", None),
    "xception": _frames("frame_cnn", "xception.yaml", "Chollet, CVPR 2017; Rössler et al., ICCV 2019", XCEPTION),
    "efficientnet_b0": _frames("frame_cnn", "efficientnet_b0.yaml", "Tan and Le, ICML 2019", "efficientnet_b0.ra_in1k"),
    "efficientnet_b4": _frames("frame_cnn", "efficientnet_b4.yaml", "Tan and Le, ICML 2019", "efficientnet_b4.ra2_in1k"),
    "efficientnet_b5": _frames("frame_cnn", "efficientnet_b5.yaml", "Tan and Le, ICML 2019", "tf_efficientnet_b5.ra_in1k"),
    "resnet18": _frames("frame_cnn", "resnet18.yaml", "He et al., CVPR 2016", "resnet18.tv_in1k"),
    "resnet34": _frames("frame_cnn", "resnet34.yaml", "He et al., CVPR 2016", "resnet34.tv_in1k"),
    "resnet50": _frames("frame_cnn", "resnet50.yaml", "He et al., CVPR 2016", "resnet50.tv_in1k"),
    "f3net": _frames("f3net", "f3net.yaml", "Qian et al., F3-Net, ECCV 2020", XCEPTION),
    "spsl": _frames("spsl", "spsl.yaml", "Liu et al., SPSL, CVPR 2021", XCEPTION),
    "ucf": _frames("ucf", "ucf.yaml", "Yan et al., UCF, ICCV 2023", XCEPTION, objective="ucf"),
    "sbi": _frames(
        "frame_cnn", "sbi.yaml", "Shiohara and Yamasaki, SBI, CVPR 2022", "tf_efficientnet_b4.ap_in1k", objective="sbi"
    ),
    "lav": _frames("lav", "lav.yaml", "Shuai et al., Locate and Verify, ACM MM 2023", XCEPTION, objective="lav"),
}
