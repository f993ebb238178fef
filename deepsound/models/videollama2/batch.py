"""Padded training batches: media embeddings spliced into prompts, masked cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

IGNORED = -100
# The ids that stand for media in a tokenised text.
PLACEHOLDERS = (-200, -201, -202)


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Embeddings [B, tokens, width], with labels and mask [B, tokens]; labels are IGNORED where nothing is learnt."""

    embeddings: Tensor
    labels: Tensor
    mask: Tensor


def expand(
    ids: Tensor,
    labels: Tensor,
    mask: Tensor,
    media: Sequence[Tensor],
    embed: Callable[[Tensor], Tensor],
) -> TrainingBatch:
    """Put each row's media tokens [tokens, width] where its placeholder is.

    `ids`, `labels` and `mask` are [B, tokens], padded on the right; rows that become shorter than the longest get zeros
    there, and a row without a placeholder takes none of its media. The mask grows at its left end: the original does
    so, and behind a causal mask it makes no difference to anything that has a label.
    """
    rows, targets, masks = [], [], []
    for row, row_labels, row_mask, tokens in zip(ids, labels, mask, media, strict=True):
        places = torch.isin(row, torch.tensor(PLACEHOLDERS, device=row.device)).nonzero()
        if not len(places):
            rows.append(embed(row))
            targets.append(row_labels)
            masks.append(row_mask)
            continue
        at = int(places[0])
        rows.append(torch.cat((embed(row[:at]), tokens, embed(row[at + 1 :]))))
        unlabelled = row_labels.new_full((len(tokens),), IGNORED)
        targets.append(torch.cat((row_labels[:at], unlabelled, row_labels[at + 1 :])))
        masks.append(F.pad(row_mask, (len(tokens) - 1, 0), value=1))
    return TrainingBatch(
        pad_sequence(rows, batch_first=True),
        pad_sequence(targets, batch_first=True, padding_value=IGNORED),
        pad_sequence(masks, batch_first=True),
    )


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean over all labelled tokens, each predicted by the row before it: logits [B, tokens, vocabulary]."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)


def visible_tokens(mask: Tensor) -> Tensor | None:
    """Who sees whom, bool [B, 1, tokens, tokens], of a mask [B, tokens]; None where causality alone says it.

    Padding behind a row is seen by nothing that has a label; a padding token inside a text is hidden from the rest.
    """
    if not bool((mask[:, 1:] > mask[:, :-1]).any()):
        return None
    tokens = mask.shape[1]
    causal = torch.ones(tokens, tokens, dtype=torch.bool, device=mask.device).tril()
    visible = causal[None, None] & mask[:, None, None].bool()
    # A row that sees nothing would be no number; it has no label.
    return visible | torch.eye(tokens, dtype=torch.bool, device=mask.device)
