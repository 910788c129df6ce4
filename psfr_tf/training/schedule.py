"""Learning rate over the steps of a run."""

import math

import keras
from keras import ops

FINAL_SHARE = 0.01


@keras.saving.register_keras_serializable(package="psfr_tf")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0, then constant, or a fall to 1% of the rate at the last step.

    Args:
        rate: the highest rate.
        steps: optimizer steps of the run.
        decay: "constant", "linear" or "cosine".
        warmup_steps: steps of the warm-up, fewer than ``steps``.
    """

    def __init__(self, rate: float, steps: int, decay: str = "constant", warmup_steps: int = 0):
        if decay not in ("constant", "linear", "cosine"):
            raise ValueError(
                f'`decay` must be "constant", "linear" or "cosine". Received: {decay!r}'
            )
        if not 0 <= warmup_steps < steps:
            raise ValueError(
                "`warmup_steps` must be at least 0 and below `steps`. "
                f"Received: warmup_steps={warmup_steps}, steps={steps}"
            )
        self.rate = rate
        self.steps = steps
        self.decay = decay
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        done = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        done = ops.clip(done, 0.0, 1.0)
        share = {
            "constant": ops.ones_like(done),
            "linear": 1.0 - done,
            "cosine": 0.5 * (1.0 + ops.cos(math.pi * done)),
        }[self.decay]
        rate = self.rate * (FINAL_SHARE + (1.0 - FINAL_SHARE) * share)
        if self.warmup_steps:
            rate = rate * ops.minimum(1.0, (step + 1.0) / (self.warmup_steps + 1.0))
        return rate

    def get_config(self):
        return {
            "rate": self.rate,
            "steps": self.steps,
            "decay": self.decay,
            "warmup_steps": self.warmup_steps,
        }
