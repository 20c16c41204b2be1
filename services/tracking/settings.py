"""tracking's variables, besides those of `CommonSettings`."""

from pydantic import Field

from shared.settings import CommonSettings


class Settings(CommonSettings):
    """What tracking is told from outside."""

    token_guesses_per_minute: float = Field(default=300, gt=0)
    """Tracking tokens that nobody holds which one address may ask for in a minute. Not about safety alone (tokens have 128 bits): somebody
    who polls a page before the event has arrived here is also counted."""
    token_guesses_burst: int = Field(default=300, gt=0)
    """How many of them at once."""

    board_max_age: int = Field(default=30, ge=0)
    """Seconds for which anybody may keep a page of the public board."""
