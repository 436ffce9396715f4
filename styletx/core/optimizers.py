"""One step downhill at a time: L-BFGS on the pixels, held within what a picture can show."""

from typing import Protocol

import torch
from torch import Tensor

from styletx.settings import Settings

REMEMBERED = 5  # steps whose curvature is known; twenty are no better
FARTHEST = 4  # times the learning rate that a single number may move
SOUND = 1e-4  # the least cosine between a step and the change of slope that it brought
TINY = 1e-12


class Optimizer(Protocol):
    """Whatever changes the canvas that it was made for, given its gradient (1, 3, H, W)."""

    def step(self, gradient: Tensor) -> None: ...


def optimizer_for(canvas: Tensor, settings: Settings, learning_rate: float) -> Optimizer:
    """As the settings want it; the `learning_rate` may be lower than theirs by now."""
    kind = Adam if settings.optimizer == "adam" else LBFGS
    return kind(canvas, learning_rate)


class Adam:
    """torch's own, which knows no limits to the pixels."""

    def __init__(self, canvas: Tensor, learning_rate: float) -> None:
        self.canvas, self.adam = canvas, torch.optim.Adam([canvas], lr=learning_rate)

    def step(self, gradient: Tensor) -> None:
        self.canvas.grad = gradient
        self.adam.step()


class LBFGS:
    """Limited-memory BFGS (Nocedal & Wright, 2006, algorithm 7.4) for one picture.

    Gatys et al. (2016) use it as well. Here no line search tries how far to go, which would cost
    another look through the network: each step is taken at once, but none further than the learning
    rate: the root mean square of what it changes, in pixel values from 0 to 1. Without either,
    as in torch's own, the classic objective is often infinite.

    Doubtful curvature weighs nothing instead of being tested for: so nothing waits for the device.
    """

    def __init__(self, canvas: Tensor, learning_rate: float) -> None:
        self.canvas, self.learning_rate = canvas, learning_rate
        self.last: tuple[Tensor, Tensor] | None = None
        self.curvature: list[tuple[Tensor, Tensor, Tensor]] = []
        self.scale = torch.zeros((), device=canvas.device)  # of a step without curvature

    def step(self, gradient: Tensor) -> None:
        """Move the canvas against `gradient`, both (1, 3, H, W), and clamp it to [0, 1]."""
        if self.last is None:
            self.scale = self.learning_rate / 2 / (rms(gradient) + TINY)
        else:
            canvas, slope = self.last
            self.remember(self.canvas - canvas, gradient - slope)
        self.last = self.canvas.clone(), gradient
        move = self.newton(gradient)
        move *= (self.learning_rate / (rms(move) + TINY)).clamp(max=1)
        farthest = FARTHEST * self.learning_rate
        self.canvas.sub_(move.clamp_(-farthest, farthest)).clamp_(0, 1)

    def remember(self, move: Tensor, change: Tensor) -> None:
        """That `move` of the canvas brought this `change` of the slope."""
        bend = dot(move, change)
        sound = bend > SOUND * move.norm() * change.norm()
        weight = torch.where(sound, 1 / bend, 0)
        self.scale = torch.where(sound, bend / dot(change, change), self.scale)
        self.curvature = [*self.curvature, (move, change, weight)][-REMEMBERED:]

    def newton(self, gradient: Tensor) -> Tensor:
        """The gradient times the inverse of the curvature, as far as that is known."""
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
    """Root mean square."""
    return change.square().mean().sqrt()
