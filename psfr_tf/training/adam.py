"""Adam with epsilon where PyTorch has it."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="psfr_tf")
class Adam(keras.optimizers.Adam):
    """Adam as in Algorithm 1 of Kingma & Ba (arXiv 1412.6980), which PyTorch follows.

    Keras adds epsilon to the square root before it corrects the bias (the paper's "epsilon hat"),
    which makes it 1 / sqrt(1 - beta_2 ** step) times larger: 32 times in the first step. Here it
    is added after the correction, so that a step equals PyTorch's with the same epsilon. The
    arguments are those of ``keras.optimizers.Adam`` except ``amsgrad``; epsilon is 1e-8.

    Under a ``tf.distribute`` strategy the gradients must be summed over the replicas already, and
    every replica updates its own copy of the weights. Keras sums later: it would clip each
    replica's own part, and could not accumulate gradients (its reduction inside a branch of
    ``tf.cond`` is an error).
    """

    def __init__(self, learning_rate: Any = 1e-3, epsilon: float = 1e-8, **kwargs):
        if kwargs.pop("amsgrad", False):
            raise ValueError("`amsgrad` is not supported. Received: amsgrad=True")
        super().__init__(learning_rate, epsilon=epsilon, **kwargs)

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _backend_increment_gradient_accumulators(self, grads, acc_grads):
        for gradient, accumulator in zip(grads, acc_grads, strict=True):
            self.assign_add(accumulator, gradient)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        step = ops.cast(self.iterations + 1, dtype)
        momentum_bias = 1.0 - ops.power(ops.cast(self.beta_1, dtype), step)
        velocity_bias = 1.0 - ops.power(ops.cast(self.beta_2, dtype), step)
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]

        self.assign_add(momentum, (gradient - momentum) * (1.0 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity) * (1.0 - self.beta_2))
        denominator = ops.sqrt(velocity / velocity_bias) + self.epsilon
        rate = ops.cast(learning_rate, dtype) / momentum_bias
        self.assign_sub(variable, rate * momentum / denominator)
