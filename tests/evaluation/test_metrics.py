import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from har.evaluation import metrics


def labels(n=400, k=5, seed=0, classes=None):
    rng = np.random.default_rng(seed)
    true = rng.choice(classes if classes is not None else k, size=n)
    predicted = np.where(rng.random(n) < 0.6, true, rng.integers(k, size=n))
    return true, predicted


def counted(true, predicted, k=5):
    return metrics.confusion_by_subject(
        np.zeros_like(true), true, predicted, subjects=1, classes=k
    )[0]


def test_confusion_by_subject_is_a_loop_over_windows():
    true, predicted = labels()
    subject = np.random.default_rng(1).integers(4, size=len(true))
    naive = np.zeros((4, 5, 5), int)
    for s, t, p in zip(subject, true, predicted, strict=True):
        naive[s, t, p] += 1
    got = metrics.confusion_by_subject(subject, true, predicted, subjects=4, classes=5)
    np.testing.assert_array_equal(got, naive)


@pytest.mark.parametrize("classes", [None, [0, 2, 3], [1]])
def test_macro_f1_is_scikit_learns_over_the_classes_performed(classes):
    true, predicted = labels(classes=classes)
    want = f1_score(true, predicted, labels=np.unique(true), average="macro")
    assert metrics.macro_f1(counted(true, predicted)) == pytest.approx(want, abs=1e-12)
    assert metrics.accuracy(counted(true, predicted)) == pytest.approx(
        accuracy_score(true, predicted), abs=1e-12
    )


def test_a_class_nobody_performed_costs_only_the_windows_mistaken_for_it():
    # 3 of 4 right, 1 taken for a class that does not occur: F1 = 2·3 / (4 + 3)
    assert metrics.macro_f1(np.array([[3, 1], [0, 0]])) == pytest.approx(6 / 7)


def test_no_windows_give_nan():
    empty = np.zeros((2, 3, 3), int)
    assert np.isnan(metrics.macro_f1(empty)).all()
    assert np.isnan(metrics.accuracy(empty)).all()


def test_per_class_is_scikit_learns_mean_over_seeds():
    pairs = [labels(seed=0), labels(seed=1)]
    true = pairs[0][0]
    pairs[1] = (true, pairs[1][1])
    counts = np.stack([counted(t, p) for t, p in pairs])
    want = np.mean(
        [precision_recall_fscore_support(t, p, labels=range(5))[:3] for t, p in pairs], axis=0
    )
    got = metrics.per_class(counts)
    for name, expected in zip(("precision", "recall", "f1"), want, strict=True):
        np.testing.assert_allclose(got[name], expected, atol=1e-12)
    np.testing.assert_array_equal(got["support"], np.bincount(true))


def test_per_class_of_an_absent_class_is_nan():
    got = metrics.per_class(np.array([[[4, 1], [0, 0]]]))
    assert np.isnan(got["recall"][1])
    assert got["support"].tolist() == [5, 0]
