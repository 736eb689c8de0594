"""Writes neural.json: what PyTorch's own layers make of some rows.

Made with Python 3.11.7 and PyTorch 2.15.0:

    python neural.py > neural.json

`values` computes weights and rows from a name. The Rust test has the same formula, so only the outputs are
stored. The networks are in evaluation mode; the running statistics of batch norms differ from their initial
values. The parameters of the reference mixture are counted by part.
"""

import json
import sys

import torch
from torch import nn
from torch.nn import functional

torch.set_num_threads(1)
ROWS = 5


def draws(name, count):
    """Numbers in [-1, 1): FNV-1a of the name starts a linear congruential generator."""
    state = 0x811C9DC5
    for byte in name.encode():
        state = ((state ^ byte) * 0x01000193) % 2**32
    out = []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        out.append((state >> 8) / 2**23 - 1)
    return out


def values(name, shape):
    v = torch.tensor(draws(name, int(torch.Size(shape).numel())), dtype=torch.float64)
    if name.endswith("running_var"):
        v = 1 + v / 2
    elif "norm" in name and name.endswith(".weight"):
        v = 1 + v / 4
    else:
        # A gate that is not all for one expert.
        v = v / (16 if name.startswith("gate.") else 4)
    return v.to(torch.float32).reshape(shape)


def ours(name):
    for theirs, here in [
        ("self_attn.in_proj_", "qkv."),
        ("self_attn.out_proj.", "out."),
    ]:
        name = name.replace(theirs, here)
    return name


def filled(module):
    state = module.state_dict()
    for name, value in state.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = values(ours(name), value.shape)
    module.load_state_dict(state)
    return module.eval()


class Tokens(nn.Module):
    def __init__(self, numbers, codes, width, masked):
        super().__init__()
        self.number_weight = nn.Parameter(torch.zeros(numbers, width))
        self.number_bias = nn.Parameter(torch.zeros(numbers, width))
        if codes:
            self.categories = nn.ModuleList(nn.Embedding(n, width) for n in codes)
            self.category_bias = nn.Parameter(torch.zeros(len(codes), width))
        self.cls = nn.Parameter(torch.zeros(width))
        if masked:
            self.mask = nn.Parameter(torch.zeros(width))

    def identities(self):
        biases = [self.number_bias] + ([self.category_bias] if hasattr(self, "categories") else [])
        return torch.cat(biases)

    def forward(self, numbers, codes):
        tokens = [numbers.unsqueeze(2) * self.number_weight + self.number_bias]
        if hasattr(self, "categories"):
            vectors = [table(codes[:, j]) for j, table in enumerate(self.categories)]
            tokens.append(torch.stack(vectors, 1) + self.category_bias)
        return torch.cat(tokens, 1)


class Masked(nn.Module):
    def __init__(self, numbers, codes, width):
        super().__init__()
        self.number_weight = nn.Parameter(torch.zeros(numbers, width))
        self.number_bias = nn.Parameter(torch.zeros(numbers))
        self.categories = nn.ModuleList(nn.Linear(width, n) for n in codes)


class FtTransformer(nn.Module):
    def __init__(self, numbers, codes, width, layers, heads, hidden, masked):
        super().__init__()
        self.tokens = Tokens(numbers, codes, width, masked)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, hidden, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        if masked:
            self.masked = Masked(numbers, codes, width)

    def mix(self, tokens):
        x = torch.cat([self.tokens.cls.expand(len(tokens), 1, -1), tokens], 1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, numbers, codes):
        return self.mix(self.tokens(numbers, codes))[:, 0]

    def masked_loss(self, numbers, codes, hidden):
        tokens = self.tokens(numbers, codes)
        tokens = torch.where(hidden.unsqueeze(2) > 0, self.tokens.mask + self.tokens.identities(), tokens)
        out = self.mix(tokens)[:, 1:]
        n = numbers.shape[1]
        guesses = (out[:, :n] * self.masked.number_weight).sum(2) + self.masked.number_bias
        losses = [functional.mse_loss(guesses, numbers, reduction="none")]
        for j, guess in enumerate(self.masked.categories):
            losses.append(functional.cross_entropy(guess(out[:, n + j]), codes[:, j], reduction="none").unsqueeze(1))
        return (torch.cat(losses, 1) * hidden).sum() / hidden.sum()


class ConvLayer(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x):
        return functional.relu(self.norm(self.conv(x)))


class TemporalCnn(nn.Module):
    def __init__(self, inputs, positions, channels, kernel, pool, width):
        super().__init__()
        sizes = [inputs, *channels]
        self.layers = nn.ModuleList(ConvLayer(a, b, kernel) for a, b in zip(sizes, channels, strict=False))
        self.pool = pool
        self.linear = nn.Linear(channels[-1] * (1 if pool else positions), width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        x = functional.adaptive_avg_pool1d(x, 1).squeeze(2) if self.pool else x.transpose(1, 2).flatten(1)
        return self.norm(self.linear(x))


class Mlp(nn.Module):
    def __init__(self, numbers, codes, hidden):
        super().__init__()
        widths = [min(max(n // 2, 4), 16) for n in codes]
        self.categories = nn.ModuleList(nn.Embedding(n, width) for n, width in zip(codes, widths, strict=False))
        sizes = [numbers + sum(widths), *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, hidden, strict=False))

    def forward(self, numbers, codes):
        x = torch.cat([numbers] + [table(codes[:, j]) for j, table in enumerate(self.categories)], 1)
        for layer in self.layers:
            x = functional.relu(layer(x))
        return x


class Head(nn.Module):
    def __init__(self, width, hidden, classes):
        super().__init__()
        if hidden:
            self.hidden = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden or width, classes)

    def forward(self, x):
        return self.out(functional.relu(self.hidden(x)) if hasattr(self, "hidden") else x)


class Single(nn.Module):
    def __init__(self, body, width, classes):
        super().__init__()
        self.body = body
        self.head = Head(width, None, classes)

    def forward(self, *x):
        return self.head(self.body(*x))


class GateLayer(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x):
        return functional.relu(self.norm(self.linear(x)))


class Gate(nn.Module):
    def __init__(self, inputs, hidden, experts):
        super().__init__()
        self.hidden = nn.ModuleList(GateLayer(a, b) for a, b in zip([inputs, *hidden], hidden, strict=False))
        self.out = nn.Linear(hidden[-1], experts)

    def forward(self, x):
        for layer in self.hidden:
            x = layer(x)
        return torch.softmax(self.out(x), 1)


class Classifier(nn.Module):
    def __init__(self, width, hidden, classes):
        super().__init__()
        self.linear1 = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.linear2 = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.linear2(functional.relu(self.norm(self.linear1(x))))


class Reference(nn.Module):
    def __init__(self):
        super().__init__()
        tabular = FtTransformer(47, [], 128, 3, 4, 512, True)
        temporal = TemporalCnn(1, 25, [32, 64, 64], 3, True, 128)
        self.experts = nn.ModuleList([tabular, temporal])
        self.heads = nn.ModuleList([Head(128, 256, 2)])
        self.gate = Gate(256, [128, 64], 2)
        self.classifier = Classifier(128, 128, 2)

    def forward(self, numbers):
        # The first 25 numbers are timing features.
        z = [self.experts[0](numbers[:, 25:], None), self.experts[1](numbers[:, None, :25])]
        weights = self.gate(torch.cat(z, 1))
        return self.classifier(sum(w.unsqueeze(1) * z for w, z in zip(weights.T, z, strict=False))), weights


def rows(numbers, codes=()):
    x = torch.tensor(draws("rows", ROWS * numbers)).reshape(ROWS, numbers).to(torch.float32) * 2
    c = [[int((v + 1) / 2 * n) for v in draws(f"codes.{j}", ROWS)] for j, n in enumerate(codes)]
    return x, torch.tensor(c).T if codes else None


def counts(module):
    parts = [
        ("experts.0.tokens.", "tokenizer"),
        ("experts.0.blocks.", "backbone"),
        ("experts.0.norm.", "backbone"),
        ("experts.0.masked.", "masked"),
        ("heads.", "head"),
        ("experts.1.", "cnn"),
        ("gate.", "gate"),
        ("classifier.", "classifier"),
    ]
    sums = {}
    for name, value in module.named_parameters():
        part = next(part for start, part in parts if name.startswith(start))
        sums[part] = sums.get(part, 0) + value.numel()
    return sums


@torch.no_grad()
def main():
    codes = [6, 13]
    out = {}
    reference = filled(Reference())
    logits, weights = reference(rows(72)[0])
    out["reference"] = {"logits": logits.tolist(), "gate": weights.tolist(), "counts": counts(reference)}

    numbers, cats = rows(7, codes)
    transformer = filled(Single(FtTransformer(7, codes, 16, 2, 4, 24, True), 16, 3))
    hidden = torch.tensor(draws("hidden", ROWS * 9)).reshape(ROWS, 9).lt(-0.4).to(torch.float32)
    out["ft_transformer"] = {
        "logits": transformer(numbers, cats).tolist(),
        "masked_loss": transformer.body.masked_loss(numbers, cats, hidden).item(),
    }
    out["mlp"] = {"logits": filled(Single(Mlp(7, codes, [12, 8]), 8, 2))(numbers, cats).tolist()}

    # Two channels of four positions; the second has no first and no last.
    stats = rows(6)[0]
    grid = torch.zeros(ROWS, 2, 4)
    grid[:, 0] = stats[:, :4]
    grid[:, 1, 1:3] = stats[:, 4:]
    cnn = filled(Single(TemporalCnn(2, 4, [8, 6], 3, False, 10), 10, 2))
    out["temporal_cnn"] = {"logits": cnn(grid).tolist()}
    json.dump(out, sys.stdout, indent=1)
    print()


main()
