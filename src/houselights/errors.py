"""Every error a caller can meet, under one root.

Error
├── SettingsError      an option or a file of settings is not usable
├── PolicyError        what was asked for is not allowed, or lacks what it needs
├── FootageError       footage cannot be read at all
├── PhotographError    a photograph cannot stand for a subject
├── GalleryError       a gallery cannot be searched
├── ModelError         weights are missing, altered or not accepted
├── CalibrationError   a score cannot be turned into a false-match rate
├── CastError          people for a synthetic event cannot be had
├── ReleaseError       a release cannot be made, or is not what its manifest says
└── RecordError        what was done cannot be recorded, so it is not shown
"""


class Error(Exception):
    """What went wrong, with the value and what was expected; a hint says what to do next."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n\nhint: {self.hint}"


class SettingsError(Error):
    """An option or a file of settings is not usable."""


class PolicyError(Error):
    """What was asked for is not allowed, or lacks what it needs."""

    def __init__(self, message: str, *, rule: str, hint: str | None = None) -> None:
        """A refusal, with the rule's name in the closed list of `entry.RULE`."""
        super().__init__(message, hint=hint)
        self.rule = rule


class FootageError(Error):
    """Footage cannot be read at all."""


class PhotographError(Error):
    """A photograph cannot stand for a subject."""


class GalleryError(Error):
    """A gallery cannot be searched."""


class ModelError(Error):
    """Weights are missing, altered or not accepted."""


class CalibrationError(Error):
    """A score cannot be turned into a false-match rate."""


class CastError(Error):
    """People for a synthetic event cannot be had."""


class ReleaseError(Error):
    """A release cannot be made, or is not what its manifest says."""


class RecordError(Error):
    """What was done cannot be recorded, so it is not shown."""
