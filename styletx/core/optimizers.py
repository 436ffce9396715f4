"""Optimizers of the pixels: L-BFGS with bounded steps, and Adam."""

from typing import Protocol

import torch
from torch import Tensor

from styletx.settings import Settings

HISTORY_STEPS = 5  # kept for the curvature; twenty are no better
MAX_MOVE = 4  # times the learning rate that a single number may move
MIN_COSINE = 1e-4  # the least cosine between a step and the change of slope that it brought
EPSILON = 1e-12


class Optimizer(Protocol):
    """Changes the canvas that it was made for, given its gradient (1, 3, H, W)."""

    def step(self, gradient: Tensor) -> None: ...


def optimizer_for(canvas: Tensor, settings: Settings, learning_rate: float) -> Optimizer:
    """Return the optimizer of the settings, with this `learning_rate`, which may be lower than
    theirs."""
    kind = Adam if settings.optimizer == "adam" else LBFGS
    return kind(canvas, learning_rate)


class Adam:
    """torch's Adam, which bounds neither steps nor pixels."""

    def __init__(self, canvas: Tensor, learning_rate: float) -> None:
        self.canvas, self.adam = canvas, torch.optim.Adam([canvas], lr=learning_rate)

    def step(self, gradient: Tensor) -> None:
        self.canvas.grad = gradient
        self.adam.step()


class LBFGS:
    """Limited-memory BFGS (Nocedal & Wright, 2006, algorithm 7.4) for one picture, as Gatys et al.
    (2016) use it.

    There is no line search, which would cost further passes through the network. Each step is taken
    at once, and bounded by the learning rate: the root mean square of its changes, in pixel values
    from 0 to 1. Without line search and bound, as in torch, the classic objective often becomes
    infinite. Doubtful curvature gets zero weight instead of a test, so that nothing waits for the
    device.
    """

    def __init__(self, canvas: Tensor, learning_rate: float) -> None:
        self.canvas, self.learning_rate = canvas, learning_rate
        self.last: tuple[Tensor, Tensor] | None = None
        self.curvature: list[tuple[Tensor, Tensor, Tensor]] = []
        self.scale = torch.zeros((), device=canvas.device)  # of a step without curvature

    def step(self, gradient: Tensor) -> None:
        """Move the canvas against `gradient`, both (1, 3, H, W), and clamp it to [0, 1]."""
        if self.last is None:
            self.scale = self.learning_rate / 2 / (rms(gradient) + EPSILON)
        else:
            canvas, slope = self.last
            self.update_curvature(self.canvas - canvas, gradient - slope)
        self.last = self.canvas.clone(), gradient
        move = self.inverse_hessian_product(gradient)
        move *= (self.learning_rate / (rms(move) + EPSILON)).clamp(max=1)
        farthest = MAX_MOVE * self.learning_rate
        self.canvas.sub_(move.clamp_(-farthest, farthest)).clamp_(0, 1)

    def update_curvature(self, move: Tensor, change: Tensor) -> None:
        """Record that `move` of the canvas made this `change` of the gradient."""
        bend = dot(move, change)
        sound = bend > MIN_COSINE * move.norm() * change.norm()
        weight = torch.where(sound, 1 / bend, 0)
        self.scale = torch.where(sound, bend / dot(change, change), self.scale)
        self.curvature = [*self.curvature, (move, change, weight)][-HISTORY_STEPS:]

    def inverse_hessian_product(self, gradient: Tensor) -> Tensor:
        """Return the inverse Hessian, as far as it is known, times the gradient."""
        move, shares = gradient.clone(), []
        for moved, change, weight in reversed(self.curvature):
            shares.append(weight * dot(moved, move))
            move -= shares[-1] * change
        move *= self.scale
        for (moved, change, weight), share in zip(self.curvature, reversed(shares), strict=True):
            move += (share - weight * dot(change, move)) * moved
        return move


def dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum()


def rms(change: Tensor) -> Tensor:
    """Return the root mean square."""
    return change.square().mean().sqrt()
