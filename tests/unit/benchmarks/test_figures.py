import pytest

from benchmarks import figures


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5.0], 50, 5.0),
        ([5.0], 99, 5.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        (list(range(1, 201)), 99, 198),
        (list(range(1, 51)), 99, 50),
        ([1.0, 2.0], 0, 1.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values, share, expected):
    """The smallest that so many per cent of the values do not exceed."""
    assert figures.percentile(values, share) == expected


def test_the_median_of_nothing_is_none():
    """What was not measured is missing, and no zero."""
    assert figures.median([]) is None
    assert figures.median([1.0, 4.0, 2.0]) == 2.0


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [(6.0, 3.0, 2.0), (0.0, 3.0, 0.0), (None, 3.0, None), (6.0, None, None), (6.0, 0.0, None)],
)
def test_a_ratio_needs_both(value, other, expected):
    """A value that is missing leaves the ratio missing."""
    assert figures.ratio(value, other) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0"),
        (0.00153, "0.00153"),
        (0.5, "0.500"),
        (1, "1.00"),
        (9.876, "9.88"),
        (54.32, "54.3"),
        (123.4, "123"),
        (18123.4, "18,123"),
    ],
)
def test_numbers_have_three_digits_that_count(number, expected):
    """Small ones keep theirs behind the point, large ones lose none before it."""
    assert figures.rounded(number) == expected


def test_the_slope_leaves_out_start_and_end():
    """A slow start and a slow end do not count: in between, 100 a second were done."""
    samples = [(0.0, 1000), (5.0, 950), (5.5, 900), (9.5, 500), (14.0, 50), (30.0, 10), (40.0, 1)]
    assert figures.slope(samples, 1000) == pytest.approx(100.0)


@pytest.mark.parametrize("samples", [[], [(0.0, 500)], [(0.0, 1000), (0.1, 0)]])
def test_what_is_too_quick_has_no_slope(samples):
    """Two looks in between are needed."""
    assert figures.slope(samples, 1000) is None
