"""Networks that are ready to train, made once for all folds and seeds of a recipe.

Building a graph and tracing (on JAX: compiling) its steps takes a few seconds, which for a small
data set is as long as training. Fold and seed only set the values of a graph's variables. So a
process keeps what it made and starts it anew, and a job comes to the same weights, bit for bit, as
if it had been the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from har.config import Augment, Training
from har.models.spec import ModelSpec
from har.signal.conditioning import statistics
from har.signal.windows import Windows
from har.training.averaging import EVERY


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network and the ways in which it is run; all share their weights.

    model : from raw windows to probabilities; this is what ships.
    trainer : the same from window starts, compiled for training: it gathers the windows itself.
    scorer : the same as the trainer, for predictions. Several batches in one call, as the trainer
        takes them, would be traced anew for each number of windows.
    optimizer_at_first : the values of the optimiser's variables before the first step.
    """

    model: Any
    trainer: Any
    scorer: Any
    optimizer_at_first: list[np.ndarray]

    def restart(self, fresh: Any, seed: int) -> None:
        """As it was when it was made, with the weights, and the seeds of dropout, of the same
        network just built; `seed` is of the augmentation."""
        import keras

        for mine, new in zip(self.model.variables, fresh.variables, strict=True):
            mine.assign(new)
        for layer in self.trainer.layers:
            if layer.name == "augment":
                layer.random.state.assign(keras.random.SeedGenerator(seed).state)
        for mine, first in zip(
            self.trainer.optimizer.variables, self.optimizer_at_first, strict=True
        ):
            mine.assign(first)

    def plan(self, steps: int, warmup: int) -> None:
        """Set the steps of the learning rate's schedule, and those in which it rises."""
        for variable in self.trainer.optimizer.variables:  # that has them, if it has a schedule
            if variable.name == "decay_steps":
                variable.assign(max(steps - warmup, 1))
            elif variable.name == "warmup_steps":
                variable.assign(warmup)


class Workshop:
    """What one process compiled last.

    What it gives is the caller's until it is asked again. After an error in the use of it, `clear`:
    on JAX the weights of a network are elsewhere while it trains.
    """

    def __init__(self) -> None:
        self._recipe: Any = None
        self._windows: Windows | None = None
        self._kept: Compiled | None = None

    def clear(self) -> None:
        """Forget it, and free its memory."""
        import keras

        self._recipe = self._windows = self._kept = None
        keras.backend.clear_session()

    def get(
        self,
        spec: ModelSpec,
        windows: Windows,
        train: np.ndarray,
        *,
        params: dict[str, Any],
        training: Training,
        seed: int,
    ) -> Compiled:
        """A network that is ready to train, with the arguments of `har.training.fit.fit`.

        The channels' mean and standard deviation over the windows `train`, and their number, are
        part of it.
        """
        # Keras fixes the size of a batch in the graph where every batch is full, and what divides
        # by it then rounds otherwise.
        full = len(train) % training.batch_size == 0
        recipe = (spec, spec.resolve(params), training.model_dump(exclude={"seeds"}), full)
        if recipe != self._recipe or windows is not self._windows:
            self.clear()
        model = _built(spec, windows, train, params, seed)
        if self._kept is None:
            self._kept = _compiled(model, windows, training, seed)
            self._recipe, self._windows = recipe, windows
        else:
            self._kept.restart(model, seed)
        n = len(train)
        steps = steps_per_epoch(n, training) * most_epochs(n, training)
        self._kept.plan(steps, warmup=int(training.warmup * steps))
        if training.class_weights == "logits":
            counts = np.bincount(windows.labels[train], minlength=len(windows.activities))
            # At least one: an activity that nobody trains must still be pushed down.
            shares = np.maximum(counts, 1) / n
            self._kept.trainer.get_layer("shares").shares.assign(shares)
        return self._kept


def _compiled(model: Any, windows: Windows, training: Training, seed: int) -> Compiled:
    import keras

    scorer = _on_starts(model, windows, training.augment, seed)
    y = scorer.output
    if training.class_weights == "logits":
        y = _share_layer()(y)
    trainer = keras.Model(scorer.input, y)
    optimizer = _optimizer(training)
    on_jax = keras.backend.backend() == "jax"
    trainer.compile(
        optimizer=optimizer,
        loss=_loss(training),
        weighted_metrics=[],
        # JAX always compiles. TensorFlow's XLA gains nothing beyond the spread of what was measured
        # (reports/training-speed.md). A loop of steps inside the graph does, since a step of a
        # small network costs little more than its start from Python; on JAX it gains nothing.
        jit_compile=on_jax,
        steps_per_execution=1 if on_jax else EVERY,
    )
    optimizer.build(trainer.trainable_variables)
    at_first = [np.array(v) for v in optimizer.variables]
    return Compiled(model, trainer, scorer, at_first)


def steps_per_epoch(n_train: int, training: Training) -> int:
    """Batches of an epoch; the last may be smaller."""
    return -(-n_train // training.batch_size)


def epochs_of(steps: int, n_train: int, training: Training) -> int:
    """The whole epochs that hold so many steps."""
    return -(-steps // steps_per_epoch(n_train, training))


def most_epochs(n_train: int, training: Training) -> int:
    """The budget of a training on so many windows."""
    return training.epochs or epochs_of(training.steps or 0, n_train, training)


def as_long(epochs: int, of: int, n_train: int, training: Training) -> int:
    """Epochs on `n_train` windows that are as long as some on `of` windows, in the budget's unit.

    Examples
    --------
    >>> as_long(10, 6400, 12800, Training(steps=2000))
    5
    >>> as_long(10, 6400, 12800, Training(epochs=15))
    10
    """
    if training.epochs:
        return epochs
    steps = epochs * steps_per_epoch(of, training)
    return max(1, round(steps / steps_per_epoch(n_train, training)))


def _built(
    spec: ModelSpec, windows: Windows, train: np.ndarray, params: dict[str, Any], seed: int
) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    mean, std = statistics(windows, train, spec.resolve(params)["channels"])
    return spec.build(
        (windows.n_raw, windows.samples.shape[1]),
        len(windows.activities),
        taps=windows.taps,
        params=params,
        mean=mean,
        std=std,
    )


def _on_starts(model: Any, windows: Windows, augment: Augment, seed: int) -> Any:
    """The same network with window starts for input; it holds the samples."""
    import keras

    from har.training.augment import Augmentation
    from har.training.gather import Gather

    starts = keras.Input(shape=(), dtype="int32", name="start")
    x = Gather(np.asarray(windows.samples), windows.n_raw, name="gather")(starts)
    if any(augment.model_dump().values()):
        x = Augmentation(**augment.model_dump(), seed=seed, name="augment")(x)
    return keras.Model(starts, model(x))


def _share_layer() -> Any:
    """Probabilities times the activities' shares of the training windows.

    Their cross entropy, which divides by their sum, is that of logits to which the shares' logs
    were added: Menon and others 2021, "Long-tail learning via logit adjustment", arXiv:2007.07314,
    equation 10, τ = 1.
    """
    import keras

    class Shares(keras.layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.shares = self.add_weight(shape=(shape[-1],), trainable=False, name="shares")

        def call(self, x: Any) -> Any:
            return x * self.shares

    return Shares(name="shares")


def _loss(training: Training) -> Any:
    """Cross entropy; `focal` as in Lin and others 2017, arXiv:1708.02002, equation 4, γ = 2."""
    import keras

    smooth = {"label_smoothing": training.label_smoothing}
    if training.class_weights == "focal":
        return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, **smooth)
    return keras.losses.CategoricalCrossentropy(**smooth)


def _optimizer(training: Training) -> Any:
    import keras

    rate: Any = training.learning_rate
    if training.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=rate / 10 if training.warmup else rate,
            decay_steps=1,  # see below
            alpha=0.01,
            warmup_target=rate if training.warmup else None,
        )
    options = {"learning_rate": rate, "global_clipnorm": training.clip_norm}
    if training.weight_decay:
        optimizer = keras.optimizers.AdamW(weight_decay=training.weight_decay, **options)
    else:
        optimizer = keras.optimizers.Adam(**options)
    if training.schedule == "cosine":
        # A fold has its own number of steps: a variable of the graph, not a constant in it.
        rate.decay_steps = optimizer.add_variable((), dtype="float32", name="decay_steps")
        rate.warmup_steps = optimizer.add_variable((), dtype="float32", name="warmup_steps")
    return optimizer
