"""Matrices in few columns."""

from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from serving.features import Float32s

DENSE = 512
"""Where there are fewer rows or columns all singular values are computed: iterating fails on matrices this small."""


class Factors(NamedTuple):
    """The largest singular values of a matrix [n, m], the largest first, and their left vectors."""

    left: Float32s
    """[n, k]"""
    values: Float32s
    """[k]"""


def factored(matrix: sparse.csr_matrix, width: int) -> Factors:
    """So many of its singular values, or as many as it has."""
    k, (n_rows, n_columns) = min(width, *matrix.shape), matrix.shape
    if n_rows <= min(n_columns, max(DENSE, width)):
        # However many columns there are: those of a shop may be all of its customers.
        exact = matrix.astype(np.float64)
        squares, left = linalg.eigh((exact @ exact.T).toarray())
        values = np.sqrt(np.maximum(squares, 0))
    elif n_columns <= max(DENSE, width):
        left, values, _ = linalg.svd(matrix.toarray(), full_matrices=False)
    else:
        start = np.ones(min(matrix.shape), matrix.dtype)
        left, values, _ = sparse.linalg.svds(matrix, k, v0=start, return_singular_vectors="u")
    largest = np.argsort(-values)[:k]
    return Factors(left[:, largest].astype(np.float32), values[largest].astype(np.float32))
