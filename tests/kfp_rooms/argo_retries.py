"""When Argo makes a further attempt of a step: its rule, as its controller has it.

Source: argoproj/argo-workflows, workflow/controller/operator.go, processNodeRetries (August
2026), with what kubeflow/pipelines' argocompiler/container.go hands to it: no retryPolicy, so
only a failed pod counts, and "0" for a duration that the package leaves out.
"""

import math

# A pod that is evicted has failed. One whose node vanished or that was deleted is in error.
RETRIED = {"Failed"}


def attempts(policy, seconds, ends="Failed"):
    """The seconds after the first start at which each attempt starts, all of which fail.

    Args:
      policy: the retryPolicy of a task.
      seconds: how long an attempt takes.
      ends: the phase in which it ends, Failed or Error.

    Returns:
      [(start, seconds that it may run)].
    """
    limit = policy.get("maxRetryCount", 0)
    first, most = (
        int(policy.get(key, "0s").removesuffix("s"))
        for key in ("backoffDuration", "backoffMaxDuration")
    )
    made = [(0, math.inf)]
    while ends in RETRIED:
        start, allowed = made[-1]
        finished = start + min(seconds, allowed)
        if finished > most or len(made) > limit:
            break
        begin = finished + first * int(policy.get("backoffFactor", 0)) ** (len(made) - 1)
        if begin > most:
            break
        made.append((begin, most - begin))
    return made
