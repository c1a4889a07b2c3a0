"""The first half of the book chapter on Online Retail: one list for each order, by popularity and by vectors.

Protocol and metric are those of `chapter`; the sizes are the chapter's own, sections "Matrix factorization" and
"Bayesian personalized ranking". BPR is learnt here by the library `implicit`, by plain gradient descent from as many
drawn pairs as in the chapter, which uses Adam: so rate and penalty are other ones.

Each function gives the Precision@5 of one model.
"""

from trainer.backtest.chapter import Chapter, lists_by_model, lists_by_popularity, precision
from trainer.models.als import Als, Factors
from trainer.models.bpr import Bpr, Steps
from trainer.models.matrix_factorization import MatrixFactorization
from trainer.progress import Progress

ALS = Factors(128, alpha=1, penalty=1e-6)
BPR = Steps(128, learning_rate=0.02, penalty=0.0003, epochs=124)


def popularity(chapter: Chapter, seed: int, progress: Progress) -> float:
    """Published: 0.064."""
    return precision(chapter, lists_by_popularity(chapter))


def als(chapter: Chapter, seed: int, progress: Progress) -> float:
    """Published: 0.139."""
    return precision(chapter, lists_by_model(chapter, Als([ALS], seed), progress))


def sgd(chapter: Chapter, seed: int, progress: Progress) -> float:
    """Published: 0.152."""
    return precision(chapter, lists_by_model(chapter, MatrixFactorization(seed=seed), progress))


def bpr(chapter: Chapter, seed: int, progress: Progress) -> float:
    """Published: 0.154."""
    return precision(chapter, lists_by_model(chapter, Bpr([BPR], seed), progress))
