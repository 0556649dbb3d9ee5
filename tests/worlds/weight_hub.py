"""A hub of weights on this machine, and the weights that it has."""

import http.server

import huggingface_hub
import pytest
import timm
import torch
from torch import Tensor

REVISION = "0123456789abcdef0123456789abcdef01234567"


def weights(architecture: str = "test_resnet", **options: int) -> dict[str, Tensor]:
    """A state_dict such as a public file of the architecture holds, classifier and all."""
    torch.manual_seed(7)
    model = timm.create_model(architecture, **options)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return {key: value.clone() for key, value in model.state_dict().items()}


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that has one file, under any name; `stated` is the SHA-256 that it claims for it."""

    content, stated, asked = b"", "", []

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.send_header("ETag", f'"{self.stated}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


def point_at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
