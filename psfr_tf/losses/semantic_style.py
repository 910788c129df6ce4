"""Semantic-aware style loss: one Gram matrix per face region (paper equation 6).

Why not ``einsum("bpr,bpc,bpd->brcd")``: every order of that contraction holds 19 masked copies
of the features ([B, P, 19, C]), and the gradient keeps them. But the masks are one-hot: each
pixel belongs to one region, so P * C * C products are enough for all regions together. The
pixels are therefore sorted by region and cut into fixed-size blocks that never mix two regions
(the last block of a region is padded with zeros). One batched matrix product per block and a
sum of the blocks of each region give exactly the 19 Gram matrices, from one copy of the
features plus at most 19 padded blocks, with static shapes. A mask that multiplies the features
appears squared in their Gram matrix; for a one-hot mask that is the mask itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.losses.adversarial import check_form

EPSILON = 1e-8
MAX_BLOCK = 256


def nearest_resize_labels(labels: Any, height: int, width: int) -> Any:
    """Nearest-neighbor resize with source index ``floor(i * in / out)``, as PyTorch's.

    Args:
        labels: [B, H, W] integer label maps with static H and W.
        height: rows of the result.
        width: columns of the result.

    Returns:
        [B, height, width], same dtype.
    """
    for axis, size in ((1, height), (2, width)):
        source = labels.shape[axis]
        if source == size:
            continue
        scale = np.float32(source / size)
        index = np.floor(np.arange(size, dtype="float32") * scale).astype("int32")
        labels = ops.take(labels, np.minimum(index, source - 1), axis=axis)
    return labels


def _block_size(pixels: int, regions: int) -> int:
    """Pixels per block: about the mean region, so that padding at most doubles the work."""
    size = 8
    while size < MAX_BLOCK and size * regions < pixels:
        size *= 2
    return size


def _gather_blocks(labels: Any, regions: int, block: int) -> tuple[Any, Any, Any, Any]:
    """Assign every pixel to a block of its region.

    Args:
        labels: [B, P] int32; values outside [0, regions) belong to no region.
        regions: number of regions R.
        block: pixels per block K.

    Returns:
        pixel [B, N * K] int32 (index of the pixel in each slot), valid [B, N * K] float32
        (0 in padded slots), owner [B, N, R] float32 (one-hot region of each block, all zero
        for unused blocks), counts [B, R] int32.
    """
    pixels = labels.shape[1]
    blocks = pixels // block + regions  # enough whatever the sizes of the regions
    inside = ops.logical_and(labels >= 0, labels < regions)
    labels = ops.where(inside, labels, regions)
    # A sort of unique keys, so that no backend needs a stable argsort.
    order = ops.argsort(labels * pixels + ops.arange(pixels, dtype="int32"), axis=1)
    counts = ops.sum(
        ops.cast(labels[:, :, None] == ops.arange(regions, dtype="int32"), "int32"), axis=1
    )
    first_pixel = ops.cumsum(counts, axis=1) - counts
    used = (counts + block - 1) // block
    last_block = ops.cumsum(used, axis=1)
    first_block = last_block - used

    number = ops.arange(blocks, dtype="int32")[None, :, None]
    owner = ops.logical_and(number >= first_block[:, None], number < last_block[:, None])
    owner = ops.cast(owner, "int32")

    def of_owner(per_region):
        return ops.sum(owner * per_region[:, None], axis=2)[:, :, None]

    rank = (number - of_owner(first_block)) * block + ops.arange(block, dtype="int32")
    valid = ops.logical_and(rank >= 0, rank < of_owner(counts))
    slot = ops.where(valid, of_owner(first_pixel) + rank, 0)
    slot = ops.reshape(slot, (-1, blocks * block))
    pixel = ops.take_along_axis(order, slot, axis=1)
    valid = ops.reshape(ops.cast(valid, "float32"), (-1, blocks * block))
    return pixel, valid, ops.cast(owner, "float32"), counts


def _region_products(left: Any, right: Any, labels: Any, regions: int) -> tuple[Any, Any]:
    """``sum_p m_r(p) left(p) right(p)^T`` for every region r, and the pixels of each region."""
    height, width, channels = left.shape[1:]
    pixels = height * width
    block = _block_size(pixels, regions)
    labels = nearest_resize_labels(ops.cast(labels, "int32"), height, width)
    pixel, valid, owner, counts = _gather_blocks(ops.reshape(labels, (-1, pixels)), regions, block)
    blocks = owner.shape[1]

    def cut(features):
        flat = ops.reshape(ops.cast(features, "float32"), (-1, pixels, channels))
        rows = ops.take_along_axis(flat, pixel[:, :, None], axis=1)
        return ops.reshape(rows * valid[:, :, None], (-1, blocks, block, channels))

    left_blocks = cut(left)
    right_blocks = left_blocks if right is left else cut(right)
    products = ops.matmul(ops.transpose(left_blocks, (0, 1, 3, 2)), right_blocks)
    products = ops.reshape(products, (-1, blocks, channels * channels))
    summed = ops.matmul(ops.transpose(owner, (0, 2, 1)), products)
    counts = ops.cast(counts, "float32")
    return ops.reshape(summed, (-1, regions, channels, channels)), counts


def region_gram(features: Any, labels: Any, regions: int = NUM_CLASSES) -> Any:
    """Gram matrix of the features of each region, not normalized.

    Args:
        features: [B, h, w, C] with static h, w, C.
        labels: [B, H, W] integer label map, nearest-resized to h x w. Pixels with a label
            outside [0, regions) are left out.
        regions: number of regions R.

    Returns:
        float32 [B, R, C, C]; a region without pixels gives zeros.
    """
    return _region_products(features, features, labels, regions)[0]


def doubled_gram_difference(
    fake: Any, real: Any, labels: Any, regions: int = NUM_CLASSES
) -> tuple[Any, Any]:
    """Twice ``region_gram(fake) - region_gram(real)``, and the pixels of each region.

    The difference of two Gram matrices is one symmetrised product,
    ``x x^T - y y^T = (s d^T + d s^T) / 2`` with ``s = x + y`` and ``d = x - y``: half the work
    and no cancellation of two large sums when ``x`` and ``y`` are close.

    Args:
        fake: features [B, h, w, C] of the restored faces.
        real: the same of the HQ faces; no gradient flows into them.
        labels: [B, H, W] integer label map of the HQ faces (see :func:`region_gram`).
        regions: number of regions R.

    Returns:
        float32 [B, R, C, C] and float32 [B, R].
    """
    fake = ops.cast(fake, "float32")
    real = ops.stop_gradient(ops.cast(real, "float32"))
    half, counts = _region_products(fake + real, fake - real, labels, regions)
    return half + ops.transpose(half, (0, 1, 3, 2)), counts


def semantic_style_loss(
    fake_features: Sequence[Any],
    real_features: Sequence[Any],
    labels: Any,
    form: str = "paper",
    regions: int = NUM_CLASSES,
) -> Any:
    """Squared difference of the region-wise Gram matrices, summed over feature layers.

    paper: Gram / (pixels + 1e-8), mean squared error, summed over the regions.
    release: Gram / (C (pixels + 1e-8)), mean squared error over regions and channels.
    ``pixels`` is the size of the region on the grid of the feature map.

    Args:
        fake_features: feature maps [B, h, w, C] of the restored faces.
        real_features: the same of the HQ faces; no gradient flows into them.
        labels: [B, H, W] integer label map of the HQ faces (see :func:`region_gram`).
        form: "paper" or "release".
        regions: number of regions.

    Returns:
        float32 scalar, at least 0.
    """
    check_form(form)
    total = 0.0
    for fake, real in zip(fake_features, real_features, strict=True):
        double, counts = doubled_gram_difference(fake, real, labels, regions)
        # One factor for all constants: each product would keep a copy of the Gram matrices.
        factor = 0.5 / (counts + EPSILON)
        if form == "release":
            factor = factor / fake.shape[-1]
        loss = ops.mean(ops.square(double * factor[:, :, None, None]))
        total = total + (regions * loss if form == "paper" else loss)
    return total
