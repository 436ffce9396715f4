"""One step downhill at a time: Adam on the pixels, held within what a picture can show."""

import torch
from torch import Tensor

MEMORY = (0.9, 0.99)  # how long slopes are remembered, and their squares
LAST = 0.1  # the step size falls to this share of the first one
TINY = 1e-12


class Adam:
    """Adam (Kingma & Ba, 2015) for one picture, the step size falling linearly over the steps.

    Adam divides each slope by its usual size, so that every number moves equally far: where
    nothing pulls, that turns noise into coloured speckle. Here the usual size is that of a whole
    pixel, which keeps its colour, averaged with that of the whole picture, which keeps it quiet.

    Not built on `torch.optim`, whose first use imports torch's compiler: two seconds and a quarter
    of a gigabyte before the first preview.
    """

    def __init__(self, canvas: Tensor, learning_rate: float, steps: int) -> None:
        self.canvas, self.learning_rate, self.steps = canvas, learning_rate, steps
        self.slope, self.square = torch.zeros_like(canvas), torch.zeros_like(canvas[:, :1])
        self.taken = 0

    def step(self, gradient: Tensor) -> None:
        """Move the canvas against `gradient`, both (1, 3, H, W), and clamp it to [0, 1]."""
        done, (short, long) = self.taken / max(1, self.steps - 1), MEMORY
        self.taken += 1
        self.slope.lerp_(gradient, 1 - short)
        self.square.lerp_(gradient.square().mean(dim=1, keepdim=True), 1 - long)
        slope = self.slope / (1 - short**self.taken)
        usual = (self.square / (1 - long**self.taken)).sqrt()
        usual = (usual + usual.mean()) / 2 + TINY
        size = self.learning_rate * (1 + (LAST - 1) * done)
        self.canvas.sub_(size * slope / usual).clamp_(0, 1)

    def restarted(self, learning_rate: float) -> "Adam":
        """For the steps that are left: as at the beginning, with another step size."""
        return Adam(self.canvas, learning_rate, self.steps - self.taken)
