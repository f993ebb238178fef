"""What the stored goldens do not show: edges, and what is refused."""

import numpy as np
import pytest

from deepsound.errors import InputError
from deepsound.evaluate.av_sync import desync_s, ib_scores, offsets_s
from deepsound.evaluate.frechet_distance import frechet_distance, kernel_distance
from deepsound.evaluate.kl_divergence import inception_score, kl_divergence, kl_divergences
from deepsound.evaluate.pairing import clean_name, pair

RANDOM = np.random.default_rng(0)


def test_the_distance_of_two_gaussians_is_what_the_formula_says():
    first = RANDOM.normal(size=(200_000, 2)) * [1.0, 2.0] + [3.0, 0.0]
    second = RANDOM.normal(size=(200_000, 2)) * [2.0, 1.0]
    assert frechet_distance(first, second) == pytest.approx(9 + 1 + 1, rel=0.02)


def test_the_kernel_distance_stays_near_zero_for_few_samples_of_one_kind():
    def both(count):
        sides = [RANDOM.normal(size=(count, 8)) for _ in range(2)]
        return frechet_distance(*sides), kernel_distance(*sides, subsets=20)

    (few_fd, few_kid), (many_fd, many_kid) = both(12), both(800)
    assert few_fd > 10 * many_fd, "FD grows when clips are few"
    assert abs(few_kid.mean) < few_kid.std + 0.5 and abs(many_kid.mean) < 0.05


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize(("rows", "columns"), [((1, 4), (9, 4)), ((9, 4), (0, 4)), ((9, 4), (9, 5)), ((9,), (9, 4))])
def test_sets_that_cannot_be_compared_are_refused(distance, rows, columns):
    with pytest.raises(InputError):
        distance(np.ones(rows), np.ones(columns))


def test_numbers_that_are_not_finite_are_refused_not_passed_on():
    with pytest.raises(InputError, match="expected finite embeddings"):
        frechet_distance(np.full((4, 2), np.nan), np.ones((4, 2)))


def test_one_feature_and_constant_features_have_a_distance():
    assert frechet_distance(np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]])) == pytest.approx(1.0)
    assert frechet_distance(np.zeros((5, 3)), np.ones((5, 3))) == pytest.approx(3.0)


def test_the_divergence_of_a_set_is_the_mean_of_its_clips():
    predicted, reference = RANDOM.normal(size=(2, 7, 11))
    each = kl_divergences(predicted, reference)
    assert each.shape == (7,) and (each > 0).all()
    assert kl_divergence(predicted, reference).softmax == pytest.approx(each.mean())
    assert kl_divergence(reference, reference).softmax == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InputError):
        kl_divergence(predicted, reference[:6])
    with pytest.raises(InputError):
        kl_divergence(predicted[:0], reference[:0])


def test_extreme_logits_overflow_nowhere():
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]] * 10, dtype=np.float32)
    assert np.isfinite(kl_divergence(logits, logits[::-1]).sigmoid)
    assert inception_score(logits, splits=1).mean == pytest.approx(2.0)


def test_fewer_clips_than_splits_have_no_inception_score():
    assert inception_score(np.zeros((9, 5))) is None
    assert inception_score(RANDOM.normal(size=(10, 5))).mean == pytest.approx(1.0)


def test_scores_of_picture_and_sound():
    assert ib_scores(np.array([[2.0, 0.0]]), np.array([[3.0, 3.0]]))[0] == pytest.approx(0.5**0.5)
    assert ib_scores(np.zeros((1, 2)), np.ones((1, 2)))[0] == 0.0
    logits = np.zeros((1, 2, 21))
    logits[0, 0, 0], logits[0, 1, 11] = 1, 1
    assert offsets_s(logits)[0] == pytest.approx([2.0, 0.2])
    assert desync_s(logits) == pytest.approx([1.1])
    for wrong in (np.zeros((1, 2, 20)), np.zeros((2, 21))):
        with pytest.raises(InputError):
            desync_s(wrong)


def test_pairs_keep_the_predictions_order():
    paired = pair({"b": 1, "x": 2, "a": 3}, {"a": 30, "b": 10, "y": 0})
    assert list(paired.pairs.items()) == [("b", (1, 10)), ("a", (3, 30))]
    assert (paired.only_predicted, paired.only_reference) == (("x",), ("y",))


def test_the_clean_up_goes_by_length_alone():
    assert clean_name("abcdefghijklmnopqrst") == "abcdefghijklmnopqr" and clean_name("abcdefghij") == "abcdefghij"
