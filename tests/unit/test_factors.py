"""Of a matrix of any shape the largest singular values are found, with their left vectors."""

import numpy as np
import pytest
from scipy import sparse

from trainer.next_purchase.factors import factored


@pytest.mark.parametrize("shape", [(30, 700), (700, 30), (40, 40), (600, 650)])
def test_the_largest_singular_values_come_first_whichever_side_is_longer(shape: tuple[int, int]) -> None:
    matrix = sparse.random(*shape, density=0.2, format="csr", dtype=np.float32, random_state=1)
    found = factored(matrix, 5)
    left, values, _ = np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(found.values, values[:5], rtol=1e-4)
    # Which way a vector points is nobody's choice.
    np.testing.assert_allclose(np.abs(np.sum(found.left * left[:, :5], axis=0)), 1, atol=1e-3)


def test_no_more_than_there_are_come_back() -> None:
    matrix = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    assert factored(matrix, 8).left.shape == (3, 3)
