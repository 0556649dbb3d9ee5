"""What `flagship` sees move: the lower face in many small grey pictures."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from telltale.models.flagship_layers import ClipNorm, Stages

NEIGHBOURS = 2  # pictures on either side that the stem sees
GRID = 3  # places along a side of what becomes a token
CONTRAST = 4.0  # by which changes are multiplied, so that they are about as large as pictures


class MouthTower(nn.Module):
    """Grey pictures (N, M, m, m) in [0, 1] → tokens (N, M, width).

    It sees of each picture what differs from the clip's mean picture, so that it learns movements and not
    faces. The stem is a convolution over 5 pictures and 3 x 3 pixels, as a convolution of pictures stacked as
    channels, which takes less time on a CPU. The rest looks at pictures one by one.
    """

    def __init__(self, channels: int, depth: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2 * NEIGHBOURS + 1, channels, 3, 2, 1, bias=False)
        self.norm = ClipNorm(channels)
        self.stages = Stages(channels, [(channels * factor, (2, 2)) for factor in (2, 3, 4)], depth)
        self.token = nn.Sequential(nn.Linear(4 * channels * GRID**2, width), nn.LayerNorm(width))

    def forward(self, mouth: Tensor) -> Tensor:
        clips, count = mouth.shape[:2]
        changes = CONTRAST * (mouth - mouth.mean(1, keepdim=True))
        before, after = (changes[:, place].unsqueeze(1) for place in (0, -1))
        padded = torch.cat([*[before] * NEIGHBOURS, changes, *[after] * NEIGHBOURS], 1)
        # Channels last in memory, as convolutions want them.
        stacked = torch.stack([padded[:, k : k + count] for k in range(2 * NEIGHBOURS + 1)], -1)
        maps = torch.relu(self.norm(self.stem(stacked.flatten(0, 1).permute(0, 3, 1, 2)), count))
        maps = self.stages(maps, count)
        if maps.shape[2:] != (GRID, GRID):
            small = interpolate(maps.float(), size=(GRID, GRID), mode="bilinear", align_corners=False)
            maps = small.to(maps.dtype)
        return self.token(maps.flatten(1)).view(clips, count, -1)
