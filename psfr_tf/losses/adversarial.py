"""Hinge losses over the scales of the multi-scale discriminator."""

from collections.abc import Sequence
from typing import Any

from keras import ops

FORMS = ("paper", "release")


def check_form(form: str) -> None:
    """Raise ``ValueError`` unless ``form`` is "paper" or "release"."""
    if form not in FORMS:
        raise ValueError(f'`form` must be "paper" or "release". Received: form={form!r}')


def over_scales(terms: Sequence[Any], form: str) -> Any:
    """Sum (paper) or mean (release) of one scalar per discriminator scale."""
    check_form(form)
    if not terms:
        raise ValueError("At least one discriminator scale is needed. Received: 0")
    total = sum(terms[1:], terms[0])
    return total if form == "paper" else total / len(terms)


def hinge_term(scores: Sequence[Any], real: bool, form: str = "paper") -> Any:
    """One side of :func:`discriminator_hinge_loss`, of HQ (``real``) or of restored faces."""
    sign = -1.0 if real else 1.0
    terms = [ops.mean(ops.relu(1.0 + sign * ops.cast(score, "float32"))) for score in scores]
    loss = over_scales(terms, form)
    return loss if form == "paper" else 0.5 * loss


def discriminator_hinge_loss(
    real_scores: Sequence[Any], fake_scores: Sequence[Any], form: str = "paper"
) -> Any:
    """Hinge loss that the discriminator minimizes.

    Per scale: ``mean(relu(1 - real)) + mean(relu(1 + fake))``. The paper sums it over the
    scales; the authors' release takes the mean over the scales and halves both terms.

    Args:
        real_scores: one unbounded score map [B, h, w, 1] per scale, from HQ faces.
        fake_scores: the same from restored faces.
        form: "paper" or "release".

    Returns:
        float32 scalar, at least 0.
    """
    return hinge_term(real_scores, True, form) + hinge_term(fake_scores, False, form)


def generator_hinge_loss(fake_scores: Sequence[Any], form: str = "paper") -> Any:
    """Adversarial loss that the generator minimizes: ``-mean(score)`` per scale.

    Args:
        fake_scores: one score map [B, h, w, 1] per scale, from restored faces.
        form: "paper" (sum over the scales) or "release" (mean over the scales).

    Returns:
        float32 scalar, unbounded.
    """
    return over_scales([-ops.mean(ops.cast(score, "float32")) for score in fake_scores], form)
