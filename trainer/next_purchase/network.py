"""The model: what does this customer buy next? An LSTM core with heads that learn how much to repeat and to explore."""

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow
from keras import layers, ops

from serving.features import FIRST_ITEM, UNKNOWN, Float32s
from trainer.next_purchase.facts import N_FACTS
from trainer.next_purchase.own_items import OwnItemFeatures, OwnItems
from trainer.next_purchase.tensors import Tensor, log1p

FAR = 1e9


@dataclass(frozen=True)
class Shape:
    vocabulary_size: int
    embedding: int = 64
    state: int = 128
    orders: int = 16
    members: int = 1
    item_dropout: float = 0.3
    state_dropout: float = 0.4
    lstm: int = 1
    own: int = 1
    pop: int = 1
    mlp: int = 64
    bucket: int = 0
    attn: int = 0


class Member(layers.Layer):
    def __init__(self, shape, bias):
        super().__init__()
        self.s = shape
        E, H = shape.embedding, shape.state
        self.items = layers.Embedding(shape.vocabulary_size, E, keras.initializers.RandomNormal(stddev=0.1))
        self.bias = self.add_weight(name="bias", shape=bias.shape, initializer=lambda sh, dtype=None: ops.cast(bias, "float32"))
        self.lstm = layers.LSTM(H, return_sequences=bool(shape.attn))
        self.taste, self.gate = layers.Dense(E), layers.Dense(N_FACTS - 1)
        self.drop_item, self.drop_state = layers.Dropout(shape.item_dropout), layers.Dropout(shape.state_dropout)
        self.h1, self.h2, self.h3 = layers.Dense(shape.mlp, activation="relu" if shape.mlp < 0 else "gelu"), layers.Dense(32, activation="gelu"), layers.Dense(1)
        self.user, self.match, self.item = layers.Dense(16), layers.Dense(E), layers.Dense(16)
        if shape.bucket:
            self.rec = layers.Embedding(101, 8)
        if shape.attn:
            self.q = layers.Dense(H, use_bias=False)

    def call(self, inputs, own, facts, rows, training=False):
        s = self.s
        item = inputs["item_index"]
        known = ops.cast(item >= FIRST_ITEM, "float32")
        line = self.items(item) * known[..., None]
        state = self.state(inputs, line, known, training)
        table = self.items.embeddings
        logits = ops.matmul(self.taste(state), ops.transpose(table)) + self.bias
        if s.pop:
            logits = logits + ops.einsum("bvf,bf->bv", facts[..., :-1], self.gate(state)) if len(facts.shape) == 3 and facts.shape[0] != 1 else logits + ops.matmul(self.gate(state), ops.transpose(facts[0, :, :-1]))
        if s.own:
            L = ops.shape(item)[1]
            m = ops.sum(line * self.match(state)[:, None], -1, keepdims=True)
            u = ops.broadcast_to(self.user(state)[:, None], (ops.shape(item)[0], L, 16))
            x = ops.concatenate([own.features, rows, m, self.drop_state(self.item(line), training=training), u], -1)
            c = self.h3(self.h2(self.h1(x)))[..., 0] * own.is_newest
            n = ops.shape(item)[0]
            who = ops.broadcast_to(ops.arange(n, dtype="int32")[:, None], ops.shape(item))
            logits = tensorflow.tensor_scatter_nd_add(logits, ops.stack([who, item], -1), c)
        return logits

    def state(self, inputs, line, known, training):
        s = self.s
        ago = inputs["orders_ago"]
        in_order = ops.one_hot(s.orders - ago, s.orders, dtype="float32") * ops.cast(inputs["item_index"] > 0, "float32")[..., None]
        n = ops.sum(in_order, 1)[..., None]
        present = ops.cast(n > 0, "float32")
        mean = lambda v: ops.einsum("bls,ble->bse", in_order, v) / ops.maximum(n, 1.0)
        e = self.drop_item(mean(line), training=training)
        days = mean(inputs["days_ago"][..., None])
        gap = ops.concatenate([ops.zeros_like(days[:, :1]), days[:, :-1] - days[:, 1:]], 1)
        before = ops.concatenate([ops.zeros_like(present[:, :1]), present[:, :-1]], 1)
        place = ops.broadcast_to(ops.log(ops.arange(s.orders, 0, -1, dtype="float32"))[None, :, None], ops.shape(days))
        X = [log1p(n) / 3 - 1, log1p(days) / 3 - 1, log1p(ops.maximum(gap, 0) * before) / 3 - 1, place]
        if s.bucket:
            b = ops.cast(1 + ops.clip(days[..., 0] / 3.65, 0, 99), "int32")
            X.append(self.rec(b))
        x = ops.concatenate([e * 5, *X], -1) * present
        r = self.lstm(x)
        if s.attn:
            new = r[:, -1]
            a = ops.softmax(ops.einsum("bsh,bh->bs", r, self.q(new)) / s.state**0.5 - FAR * (1 - present[..., 0]))
            r = ops.concatenate([new, ops.einsum("bs,bsh->bh", a, r)], -1)
        return self.drop_state(r * float(s.lstm), training=training)


class NextPurchaseModel(keras.Model):
    def __init__(self, shape, bias, price):
        super().__init__()
        self.s = shape
        self.price = ops.convert_to_tensor(price)
        self.own = OwnItemFeatures()
        self.members = [Member(shape, bias) for _ in range(shape.members)]

    def call(self, x, training=False):
        """[B, M, V]"""
        inputs, facts = x
        item = inputs["item_index"]
        own = self.own(inputs, ops.take(self.price, item))
        rows = tensorflow.gather(facts, item, batch_dims=1)
        out = [m(inputs, own, facts, rows, training=training) for m in self.members]
        not_item = ops.cast(ops.arange(self.s.vocabulary_size) < FIRST_ITEM, "float32") * FAR
        return ops.stack(out, 1) - not_item
