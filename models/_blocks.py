"""What U-Nets are built of."""


def convolutions(features, count: int):
    """Two convolutions of 3×3 with `count` filters, each normalised."""
    from keras import layers

    for _ in range(2):
        features = layers.Conv2D(count, 3, padding="same", use_bias=False)(features)
        # A momentum of 0.99 would need more steps than a small dataset has in all its epochs.
        features = layers.BatchNormalization(momentum=0.9)(features)
        features = layers.ReLU()(features)
    return features


def missing(side: int, divisor: int) -> tuple[int, int]:
    """Pixels to add before and after, so that `divisor` divides the side."""
    short = -side % divisor
    return short // 2, short - short // 2
