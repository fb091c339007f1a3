import tensorflow as tf


def poly(logits, targets, epsilon: float = 1.0):
    """PolyLoss (Leng and others, 2022, arXiv:2204.12511): (batch, …) float32."""
    log_likelihoods = tf.nn.log_softmax(logits)
    entropy = -tf.reduce_sum(targets * log_likelihoods, -1)
    likelihood = tf.reduce_sum(targets * tf.exp(log_likelihoods), -1)
    return entropy + epsilon * (1 - likelihood)
