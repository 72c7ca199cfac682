"""Quality in figures: the E-model's MOS from loss, delay and jitter (ITU-T G.107, simplified). Pure."""

from __future__ import annotations

# codec -> (equipment impairment Ie, robustness to loss Bpl), ITU-T G.113 appendix I and common practice
IMPAIRMENT = {"opus": (0.0, 20.0), "g722": (5.0, 10.0), "pcmu": (0.0, 4.3), "pcma": (0.0, 4.3)}
BAD_MOS = 3.1  # "many users dissatisfied" begins at R = 60


def mos(codec: str, loss: float, rtt_ms: float, jitter_ms: float) -> float:
    """Mean opinion score from 1.0 to 4.5. loss: 0-1; times in ms."""
    impairment, robustness = IMPAIRMENT.get(codec.lower(), (0.0, 10.0))
    delay = rtt_ms / 2 + 2 * jitter_ms + 20
    delay_part = 0.024 * delay + (0.11 * (delay - 177.3) if delay > 177.3 else 0.0)
    percent = 100 * max(0.0, min(1.0, loss))
    loss_part = impairment + (95 - impairment) * percent / (percent + robustness)
    rating = max(0.0, min(93.2, 93.2 - delay_part - loss_part))
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    return round(max(1.0, min(4.5, score)), 2)
