"""x"""

import statistics


def summarise(rounds):
    s = sorted(rounds)
    n = len(s)
    return dict(
        rounds=n, min_s=s[0], median_s=statistics.median(s), low_s=s[max(0, -(-n // 10) - 1)]
    )
