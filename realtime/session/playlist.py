"""What a participant is shown and asked: the playlist of a presentation, a TOML file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from realtime.errors import DataError
from realtime.untrusted import read_toml

OrderKind = Literal["fixed", "random", "latin"]
Pictures = Literal["none", "valence", "arousal"]
StimulusKind = Literal["video", "image", "fixation", "flash"]

IMAGE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""Files with these names are shown for a while; any other file is a video."""

BUILTIN = "builtin:"
_BUILTINS: dict[str, StimulusKind] = {"fixation": "fixation", "flash": "flash"}
_TAKEN = ("event", "trial", "emotion", "stimulus", "block", "simulated")
_MOST_TRIALS = 1000

Text = Annotated[str, Field(max_length=2000)]
Label = Annotated[str, Field(min_length=1, max_length=64)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="#rrggbb")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scale(_Part):
    """A rating from 1 to `points`, with words at both ends and, for valence and arousal, pictures on the way."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="its name in the marker and the summary")
    question: str = Field(min_length=1, max_length=200)
    low: str = Field(default="not at all", max_length=60)
    high: str = Field(default="very much", max_length=60)
    points: int = Field(default=9, ge=2, le=11)
    pictures: Pictures = "none"


_SCALES = (
    Scale(key="intensity", question="How strong was the feeling?", high="very strong"),
    Scale(key="arousal", question="How excited did you feel?", low="calm", high="excited", pictures="arousal"),
    Scale(key="valence", question="How pleasant was it?", low="unpleasant", high="pleasant", pictures="valence"),
    Scale(key="hidden", question="How well did you hide it?", high="completely"),
)


class SelfReport(_Part):
    """What is asked after each stimulus.

    References
    ----------
    Bradley and Lang (1994), "Measuring emotion: the Self-Assessment Manikin and the semantic differential": scales with
    pictures. Ours are drawn anew.
    """

    question: str = Field(default="What did you feel most?", min_length=1, max_length=200)
    emotions: tuple[Label, ...] = Field(
        default=("happy", "surprise", "calm", "sad", "fear", "tense", "disgust", "angry", "neutral"),
        max_length=12,
        description="the choices; none: the question is left out",
    )
    scales: tuple[Scale, ...] = Field(default=_SCALES, max_length=8)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        keys = [scale.key for scale in self.scales]
        if wrong := next((key for key, count in Counter(keys).items() if count > 1 or key in _TAKEN), None):
            raise ValueError(f"scale '{wrong}' comes twice or has a name that markers use otherwise")
        if len(set(self.emotions)) < len(self.emotions):
            raise ValueError("an emotion comes twice")
        if not self.scales and not self.emotions:
            raise ValueError("nothing is asked: leave trials out with 'report = false' instead")
        return self


class Trial(_Part):
    """One stimulus: a file, relative to the playlist, or 'builtin:fixation' or 'builtin:flash'."""

    stimulus: str = Field(min_length=1, max_length=500)
    emotion: Label = Field(description="what the stimulus is meant to elicit")
    duration_s: float | None = Field(
        default=None, gt=0, le=7200, description="wanted for images and what is built in; cuts a video short"
    )
    color: Color = "#ffffff"
    report: bool = Field(default=True, description="self-report afterwards")

    @property
    def kind(self) -> StimulusKind:
        """What is to be shown."""
        if self.stimulus.startswith(BUILTIN):
            return _BUILTINS[self.stimulus.removeprefix(BUILTIN)]
        return "image" if self.stimulus.lower().endswith(IMAGE_SUFFIXES) else "video"

    @model_validator(mode="after")
    def _showable(self) -> Self:
        if self.stimulus.startswith(BUILTIN) and self.stimulus.removeprefix(BUILTIN) not in _BUILTINS:
            raise ValueError(
                f"'{self.stimulus}' is not built in; there are: {', '.join(BUILTIN + b for b in _BUILTINS)}"
            )
        if self.kind != "video" and self.duration_s is None:
            raise ValueError(f"'{self.stimulus}' has no length of its own: give duration_s")
        return self


class Block(_Part):
    """Trials that belong together, after an instruction; their order is drawn within the block."""

    name: Label
    instruction: Text = ""
    trials: tuple[Trial, ...] = Field(min_length=1, max_length=_MOST_TRIALS)


class Texts(_Part):
    """What the participant reads."""

    welcome: Text = "Welcome.\n\nPlease sit comfortably and keep still while something is shown."
    baseline: Text = "First we record you at rest.\n\nLook at the cross in the middle of the screen."
    pause: Text = "A short break"
    thanks: Text = "Thank you.\n\nThat was all."


class Screen(_Part):
    """Colours of everything that is no stimulus, the same throughout so that brightness does not jump."""

    background: Color = "#2b2f36"
    text: Color = "#eef1f5"


class Playlist(_Part):
    """A whole presentation."""

    title: str = Field(min_length=1, max_length=200)
    simulated: bool = Field(default=False, description="patterns that elicit nothing, such as the example's")
    order: OrderKind = "fixed"
    baseline_s: float = Field(default=60.0, ge=0, le=3600, description="rest before the first block; 0 leaves it out")
    rest_s: float = Field(default=10.0, ge=0, le=3600, description="a cross before each stimulus")
    blank_s: float = Field(default=0.5, gt=0, le=60, description="an empty screen after each stimulus")
    texts: Texts = Texts()
    screen: Screen = Screen()
    self_report: SelfReport = SelfReport()
    blocks: tuple[Block, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        names = [block.name for block in self.blocks]
        if len(set(names)) < len(names):
            raise ValueError("two blocks have the same name")
        if (count := sum(len(block.trials) for block in self.blocks)) > _MOST_TRIALS:
            raise ValueError(f"{count} trials, at most {_MOST_TRIALS} are shown in a session")
        return self


def load_playlist(path: Path) -> Playlist:
    """Read a playlist; whether its stimuli are there is for `gui.present.media` to say.

    Raises
    ------
    DataError
        No such file, not TOML, an unknown key, or a value that cannot be; the message names the key.
    """
    try:
        return Playlist.model_validate(read_toml(path))
    except ValidationError as err:
        first = err.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise DataError(f"playlist '{path}': {f'{key}: ' if key else ''}{first['msg']}") from err
    except (OSError, ValueError) as err:
        reason = (err.strerror if isinstance(err, OSError) else None) or err
        hint = "'emostream present --example DIR' writes one that works"
        raise DataError(f"cannot read playlist '{path}': {reason}; {hint}") from err
