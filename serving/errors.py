"""What can go wrong when a model version is read or asked.

ServingError
 ├── RepositoryBusy        somebody else is changing which versions serve
 ├── VersionNotFound       the repository has no such version, or it is incomplete
 │    └── FeatureMismatch  the version was trained on other features than this code computes
 └── ModelUnavailable      Triton did not answer in time, or not as it should; say why
"""


class ServingError(Exception):
    """Base of all errors that this package raises on purpose."""


class RepositoryBusy(ServingError):
    """Somebody else is changing which versions of a model serve."""


class VersionNotFound(ServingError):
    """The repository has no such version, or one of its files is missing or damaged."""


class FeatureMismatch(VersionNotFound):
    """The version was trained on other features than this code computes; its answers would be noise."""


class ModelUnavailable(ServingError):
    """Triton did not answer in time, or what it answered cannot be used."""
