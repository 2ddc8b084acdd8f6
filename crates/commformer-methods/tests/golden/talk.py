"""Writes what PyTorch makes of small teams whose agents talk, and its gradients, which `commformer-methods` must meet.

    pip install torch==2.11.0 numpy safetensors==0.8.0
    python crates/commformer-methods/tests/golden/talk.py OUT.safetensors [--seed 1]

It is written from the papers' equations, with torch's own LSTM and GRU cells and autograd, and shares no code with the
crate. The metadata's `cases` have each case's name and its `[method]`. A case NAME has these tensors, for B teams of N
agents and L steps, rows of a step one after the other as they are in a sequence of the trainer:

    NAME.param/P     parameter P
    NAME.obs         (L B, N, O)
    NAME.graphs      (G, N, N); NAME.graph_of (L B) says whose is which
    NAME.active      (L B, N) of 1 and 0
    NAME.begins      (L, B, N), 1 where an agent begins anew
    NAME.memory      (B, N, M)
    NAME.actions     (L B, N)
    NAME.open        (L B, N, N), with gates
    NAME.score/S     (L B, N): log_probs, entropy, values, and of gates gate_log_probs, gate_entropy, gate_values
    NAME.weight/S    what each score is multiplied by in the loss, a sum
    NAME.after       (B, N, M) what is remembered after the last step
    NAME.gradient/P  the loss's gradient
"""

import argparse
import itertools
import json

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

TEAMS, STEPS, AGENTS, OBS, ACTIONS = 3, 4, 5, 6, 4


class Encoder(nn.Module):
    """LN(f(W LN(x))), then LN(f(W h))."""

    def __init__(self, width, layers, f):
        super().__init__()
        self.norm = nn.LayerNorm(OBS + AGENTS)
        sizes = [OBS + AGENTS] + [width] * layers
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.f = f

    def forward(self, obs):
        own = torch.eye(AGENTS).expand(*obs.shape[:-1], AGENTS)
        x = self.norm(torch.cat([obs, own], -1))
        for layer, norm in zip(self.layers, self.norms):
            x = norm(self.f(layer(x)))
        return x

    def names(self, at="actor"):
        names = {f"{at}.input_norm": self.norm}
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms)):
            names[f"{at}.layers.{index}"] = layer
            names[f"{at}.layers.{index}.norm"] = norm
        return names


def cell_names(name, cell, gates):
    """The parts of a cell's stacked weights."""
    parts = {}
    for side, of in (("input", "ih"), ("hidden", "hh")):
        for what in ("weight", "bias"):
            pieces = getattr(cell, f"{what}_{of}").chunk(len(gates), 0)
            for gate, piece in zip(gates, pieces):
                parts[f"{name}.{side}.{gate}.{what}"] = piece
    return parts


def heard_names(cell, width):
    """Those of a GRU that reads what is seen, so wide, and what is heard."""
    parts = cell_names("actor.gru", cell, GRU)
    for gate in GRU:
        both = parts[f"actor.gru.input.{gate}.weight"]
        parts[f"actor.gru.input.{gate}.weight"] = both[:, :width]
    parts["actor.gru.heard.weight"] = cell.weight_ih[:, width:]
    return parts


LSTM = ["input", "forget", "cell", "output"]
GRU = ["reset", "update", "new"]


class CommNet(nn.Module):
    """c = C (mean of the others' h); h, s = LSTM(e(o) + c, h, s)"""

    gated = False

    def __init__(self, hidden, rounds, **_):
        super().__init__()
        self.cell = nn.LSTMCell(hidden, hidden)
        self.comm = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(rounds))
        self.memory, self.features = 2 * hidden, hidden

    def mind(self, memory, x):
        return memory.chunk(2, -1)[0]

    def step(self, x, memory, heard, possible):
        h, s = memory.chunk(2, -1)
        others = heard * (1 - torch.eye(AGENTS))
        count = possible if self.gated else others.sum(-1, keepdim=True)
        for comm in self.comm:
            c = comm(others @ h / count.clamp(min=1))
            rows = [part.reshape(-1, part.shape[-1]) for part in (x + c, h, s)]
            h, s = (part.view_as(x) for part in self.cell(rows[0], (rows[1], rows[2])))
        return h, torch.cat([h, s], -1)

    def names(self):
        layers = {f"actor.comm.{index}": comm for index, comm in enumerate(self.comm)}
        return layers, cell_names("actor.lstm", self.cell, LSTM)


class IC3Net(CommNet):
    """The same with the others' h times their gates, and everybody who could be heard counted."""

    gated = True


def attention(heard, queries, keys, values):
    """Softmax over those who are heard, and oneself."""
    edges = ((heard + torch.eye(AGENTS)) > 0.5)
    scores = queries @ keys.transpose(-1, -2) / keys.shape[-1] ** 0.5
    return scores.masked_fill(~edges, -torch.inf).softmax(-1) @ values


class TarMAC(nn.Module):
    gated = False

    def __init__(self, hidden, message, rounds, **_):
        super().__init__()
        self.query = nn.Linear(hidden, message)
        self.signature = nn.Linear(hidden, message)
        self.value = nn.Linear(hidden, message)
        self.between = nn.Linear(message + hidden, hidden)
        # GRU([x, c], h): its input weights are those of x and those of c side by side.
        self.cell = nn.GRUCell(hidden + message, hidden)
        self.memory, self.features, self.rounds = hidden, hidden, rounds

    def step(self, x, memory, heard, possible):
        h = memory
        for index in range(self.rounds):
            c = attention(heard, self.query(h), self.signature(h), self.value(h))
            if index + 1 < self.rounds:
                h = torch.tanh(self.between(torch.cat([c, h], -1)))
        inputs = torch.cat([x, c], -1)
        after = self.cell(inputs.flatten(0, 1), memory.flatten(0, 1)).view_as(memory)
        return after, after

    def names(self):
        layers = {f"actor.attention.{part}": getattr(self, part) for part in ("query", "signature", "value")}
        if self.rounds > 1:
            layers["actor.between"] = self.between
        return layers, heard_names(self.cell, self.features)


class ExpoComm(nn.Module):
    gated = False

    def __init__(self, hidden, **_):
        super().__init__()
        self.cell = nn.GRUCell(hidden, hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.processor = nn.Linear(2 * hidden, hidden)
        self.relay = nn.GRUCell(hidden, hidden)
        self.last = nn.Linear(2 * hidden, hidden)
        self.memory, self.features = 2 * hidden, hidden

    def step(self, x, memory, heard, possible):
        h, m = memory.chunk(2, -1)
        h = self.cell(x.flatten(0, 1), h.flatten(0, 1)).view_as(h)
        r = attention(heard, self.query(h), self.key(m), self.value(m))
        inputs = torch.relu(self.processor(torch.cat([h, r], -1)))
        m = self.relay(inputs.flatten(0, 1), m.flatten(0, 1)).view_as(m)
        return torch.relu(self.last(torch.cat([h, m], -1))), torch.cat([h, m], -1)

    def names(self):
        layers = {f"actor.attention.{part}": getattr(self, part) for part in ("query", "key", "value")}
        layers["actor.last"] = self.last
        parts = {**cell_names("actor.gru", self.cell, GRU), **cell_names("actor.relay", self.relay, GRU)}
        own, heard = self.processor.weight.chunk(2, 1)
        parts["actor.processor.own.weight"], parts["actor.processor.heard.weight"] = own, heard
        parts["actor.processor.own.bias"] = self.processor.bias
        return layers, parts


class SLIM(nn.Module):
    """m = tanh(M z), z = [e(o), h]; a GRU reads what attention by z makes of all m."""

    gated = False

    def __init__(self, hidden, message, **_):
        super().__init__()
        self.message = nn.Linear(2 * hidden, message)
        self.query = nn.Linear(2 * hidden, hidden)
        self.key = nn.Linear(message, hidden)
        self.value = nn.Linear(message, hidden)
        self.cell = nn.GRUCell(2 * hidden, hidden)
        self.memory, self.features = hidden, hidden

    def step(self, x, memory, heard, possible):
        z = torch.cat([x, memory], -1)
        m = torch.tanh(self.message(z))
        c = attention(heard, self.query(z), self.key(m), self.value(m))
        inputs = torch.cat([x, c], -1)
        after = self.cell(inputs.flatten(0, 1), memory.flatten(0, 1)).view_as(memory)
        return after, after

    def names(self):
        layers = {f"actor.attention.{part}": getattr(self, part) for part in ("query", "key", "value")}
        layers["actor.message"] = self.message
        return layers, heard_names(self.cell, self.features)


def decide(layers, receivers, senders):
    """1 or 0 for each pair (i, j), with a sigmoid's gradient."""
    u, v = layers[0](receivers), layers[1](senders)
    logits = layers[2](torch.relu(u[:, :, None] + v[:, None, :]))[..., 0]
    assert 0.1 < (logits > 0).float().mean() < 1  # else a case would say little
    soft = logits.sigmoid()
    return (logits > 0).float() + (soft - soft.detach())


def along(gate, scores, values, counted):
    """Sum of values by weights g softmax(g s), over those who count."""
    gated = (gate * scores).exp() * counted
    shares = gated / gated.sum(-1, keepdim=True).clamp(min=1e-30)
    return (gate * shares) @ values


class GAComm(nn.Module):
    """h, s = LSTM(e(o), h, s); c attends over others on whom each pair decides; actions are linear in [h, c]"""

    gated = False

    def __init__(self, hidden, **_):
        super().__init__()
        self.cell = nn.LSTMCell(hidden, hidden)
        self.query, self.key = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.pair = nn.ModuleList([nn.Linear(hidden, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 1)])
        self.memory, self.features = 2 * hidden, 2 * hidden

    def mind(self, x, memory):
        h, s = (part.flatten(0, 1) for part in memory.chunk(2, -1))
        return [part.view_as(x) for part in self.cell(x.flatten(0, 1), (h, s))]

    def step(self, x, memory, heard, possible):
        h, s = self.mind(x, memory)
        others = heard * (1 - torch.eye(AGENTS))
        scores = self.query(h) @ self.key(h).transpose(-1, -2) / h.shape[-1] ** 0.5
        c = along(decide(self.pair, h, h), scores, h, others)
        return torch.cat([h, c], -1), torch.cat([h, s], -1)

    def names(self):
        layers = {"actor.attention.query": self.query, "actor.attention.key": self.key}
        names = ("actor.attention.pair.receiver", "actor.attention.pair.sender", "actor.decision")
        layers |= dict(zip(names, self.pair))
        return layers, cell_names("actor.lstm", self.cell, LSTM)


class GAT(nn.Module):
    """Scores leaky(a . x_i + b . x_j) of values W x_j"""

    def __init__(self, width):
        super().__init__()
        self.query, self.sent = nn.Linear(width, 1), nn.Linear(width, 1 + width)

    def forward(self, gate, x, counted):
        sent = self.sent(x)
        scores = F.leaky_relu(self.query(x) + sent[..., :1].transpose(-1, -2), 0.2)
        return along(gate, scores, sent[..., 1:], counted)


class MAGIC(GAComm):
    """e = GAT(1, h); g decides on pairs by e; z = f(GAT(g, h)); actions are linear in [h, GAT(g, z)]"""

    def __init__(self, hidden, **_):
        super().__init__(hidden)
        del self.query, self.key
        self.gats = nn.ModuleList(GAT(hidden) for _ in range(3))

    def step(self, x, memory, heard, possible):
        h, s = self.mind(x, memory)
        counted = ((heard + torch.eye(AGENTS)) > 0.5).float()
        encoder, first, second = self.gats
        e = encoder(torch.ones_like(counted), h, counted)
        gate = torch.where(torch.eye(AGENTS) > 0.5, 1.0, decide(self.pair, e, e))
        z = F.gelu(first(gate, h, counted))
        return torch.cat([h, second(gate, z, counted)], -1), torch.cat([h, s], -1)

    def names(self):
        layers = dict(zip(("actor.pair.receiver", "actor.pair.sender", "actor.decision"), self.pair))
        for name, gat in zip(("encoder", "processors.0", "processors.1"), self.gats):
            layers |= {f"actor.{name}.query": gat.query, f"actor.{name}.sent": gat.sent}
        return layers, cell_names("actor.lstm", self.cell, LSTM)


class Choose(TarMAC):
    """TarMAC along edges that receivers choose, by logits of h and of the GRU's input product with x."""

    gated = True
    chosen = 2

    def mind(self, memory, x):
        width = self.features
        return torch.cat([memory, x @ self.cell.weight_ih[:, :width].T + self.cell.bias_ih], -1)


def set_log_prob(logits, members, others):
    """Of draws without replacement: the sum over all orders."""
    if others.sum() <= len(members):
        return torch.zeros(())
    weights = logits.exp() * others
    total = 0
    for order in itertools.permutations(members):
        product, rest = 1, weights.sum()
        for member in order:
            product = product * weights[member] / rest
            rest = rest - weights[member]
        total = total + product
    return total.log()


METHODS = {
    "commnet": CommNet,
    "ic3net": IC3Net,
    "tarmac": TarMAC,
    "choose": Choose,
    "expocomm": ExpoComm,
    "slim": SLIM,
    "gacomm": GAComm,
    "magic": MAGIC,
}

CASES = {
    "commnet": {"kind": "commnet", "hidden": 8, "layers": 1, "rounds": 1},
    "commnet-2": {"kind": "commnet", "hidden": 6, "layers": 2, "rounds": 2, "activation": "tanh"},
    "ic3net": {"kind": "ic3net", "hidden": 8, "layers": 1, "rounds": 1},
    "ic3net-2": {"kind": "ic3net", "hidden": 6, "layers": 1, "rounds": 2},
    "tarmac": {"kind": "tarmac", "hidden": 8, "layers": 1, "rounds": 1, "message": 5, "critic": "trunk"},
    "tarmac-3": {"kind": "tarmac", "hidden": 6, "layers": 1, "rounds": 3, "message": 8, "critic": "trunk"},
    "choose": {"kind": "choose", "hidden": 6, "layers": 1, "rounds": 2, "message": 5, "critic": "trunk", "sparsity": 0.4},
    "expocomm": {"kind": "expocomm", "hidden": 8, "layers": 1, "critic": "trunk"},
    "slim": {"kind": "slim", "hidden": 8, "layers": 1, "message": 3, "critic": "trunk"},
    "gacomm": {"kind": "gacomm", "hidden": 8, "layers": 1},
    "magic": {"kind": "magic", "hidden": 7, "layers": 1},
}


def named(model, heads):
    """Every parameter as the crate calls it: tensors and slices of them."""
    encoder, talk = model
    layers, parts = talk.names()
    layers = {**encoder.names(), **layers, **heads}
    for name, layer in layers.items():
        parts[f"{name}.weight"] = layer.weight
        if layer.bias is not None:
            parts[f"{name}.bias"] = layer.bias
    return parts


def case(method, generator):
    settings = {key: value for key, value in method.items() if key != "kind"}
    f = torch.tanh if settings.get("activation") == "tanh" else torch.relu
    encoder = Encoder(settings["hidden"], settings["layers"], f)
    talk = METHODS[method["kind"]](**settings)
    heads = {"actor.head": nn.Linear(talk.features, ACTIONS), "actor.value": nn.Linear(talk.features, 1)}
    if talk.gated:
        hears = isinstance(talk, Choose)
        known = talk.features * (4 if hears else 1)
        heads["actor.gate"] = nn.Linear(known, AGENTS if hears else 1)
        heads["actor.gate.value"] = nn.Linear(known, 1)
    model = nn.ModuleList([encoder, talk])
    everything = nn.ModuleList([model, *heads.values()])
    for parameter in everything.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.6

    rows = STEPS * TEAMS
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    chance = lambda share, *shape: (torch.rand(*shape, generator=generator) < share).float()
    given = {
        "obs": normal(rows, AGENTS, OBS),
        "graphs": chance(0.6, 2, AGENTS, AGENTS),
        "graph_of": torch.randint(2, (rows,), generator=generator),
        "active": chance(0.85, rows, AGENTS),
        "begins": chance(0.2, STEPS, TEAMS, AGENTS),
        "memory": normal(TEAMS, AGENTS, talk.memory),
        "actions": torch.randint(ACTIONS, (rows, AGENTS), generator=generator),
    }
    sends = chance(0.6, rows, AGENTS)
    others = given["graphs"][given["graph_of"]] * (1 - torch.eye(AGENTS))
    if talk.gated and hears:
        _, best = (torch.rand(others.shape, generator=generator) + others).topk(talk.chosen, -1)
        given["open"] = torch.zeros_like(others).scatter(-1, best, 1.0) * others
    elif talk.gated:
        given["open"] = sends[:, None, :].expand(-1, AGENTS, -1).contiguous()

    x = encoder(given["obs"])
    memory, features, minds = given["memory"], [], []
    for index in range(STEPS):
        at = slice(index * TEAMS, (index + 1) * TEAMS)
        goes_on = 1 - given["begins"][index]
        if index > 0:
            goes_on = goes_on * given["active"][(index - 1) * TEAMS : index * TEAMS]
        memory = memory * goes_on[..., None]
        graph = given["graphs"][given["graph_of"][at]]
        active = given["active"][at]
        heard = graph * active[:, :, None] * active[:, None, :]
        if talk.gated:
            minds.append(talk.mind(memory, x[at]))
            heard = heard * given["open"][at]
        possible = (graph * (1 - torch.eye(AGENTS))).sum(-1, keepdim=True)
        u, memory = talk.step(x[at], memory, heard, possible)
        features.append(u)
    features = torch.cat(features)
    distribution = torch.distributions.Categorical(logits=heads["actor.head"](features))
    scores = {
        "log_probs": distribution.log_prob(given["actions"]),
        "entropy": distribution.entropy(),
        "values": heads["actor.value"](features)[..., 0],
    }
    if talk.gated:
        minds = torch.cat(minds)
        logits = heads["actor.gate"](minds)
        if hears:
            each = [
                set_log_prob(logits[row, agent], given["open"][row, agent].nonzero()[:, 0].tolist(), others[row, agent])
                for row in range(rows)
                for agent in range(AGENTS)
            ]
            scores["gate_log_probs"] = torch.stack(each).view(rows, AGENTS)
            logits = logits.masked_fill(others < 0.5, -1e9)  # of the first choice
            scores["gate_entropy"] = torch.distributions.Categorical(logits=logits).entropy() * (others.sum(-1) > 0)
        else:
            gate = torch.distributions.Bernoulli(logits=logits[..., 0])
            scores["gate_log_probs"] = gate.log_prob(sends)
            scores["gate_entropy"] = gate.entropy()
        scores["gate_values"] = heads["actor.gate.value"](minds)[..., 0]
    weights = {name: normal(rows, AGENTS) for name in scores}
    loss = sum((scores[name] * weights[name]).sum() for name in scores)
    loss.backward()

    tensors = {**given, "after": memory * given["active"][-TEAMS:, :, None]}
    tensors |= {f"score/{name}": score for name, score in scores.items()}
    tensors |= {f"weight/{name}": weight for name, weight in weights.items()}
    for what in ("param", "gradient"):
        tensors |= {f"{what}/{name}": part.detach().clone() for name, part in named(model, heads).items()}
        # Then the same slices of the gradients.
        for parameter in everything.parameters():
            grad = parameter.grad
            parameter.data = torch.zeros_like(parameter) if grad is None else grad
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(arguments.seed)
    found = {}
    for name, method in CASES.items():
        for what, tensor in case(method, generator).items():
            found[f"{name}.{what}"] = tensor.detach().contiguous().clone()
    save_file(found, arguments.out, {"cases": json.dumps(CASES)})


if __name__ == "__main__":
    main()
