"""Cog predictor (https://cog.run): a video in, the video with its finished sound out."""

from pathlib import Path as FilePath
from tempfile import mkdtemp

from cog import BasePredictor, Input, Path

from deepsound import Pipeline
from deepsound.presets import PRESET_NAMES


class Predictor(BasePredictor):
    """The pipeline of `deepsound run`; networks stay in memory between requests."""

    def setup(self) -> None:
        """Keep one pipeline per preset."""
        self.pipelines: dict[str, Pipeline] = {}

    def predict(
        self,
        video: Path = Input(description="the video"),
        prompt: str = Input(description="what it should sound like", default=""),
        preset: str = Input(description="which engines", choices=list(PRESET_NAMES), default="embedded"),
        seed: int = Input(description="same seed, same samples", default=42, ge=0),
        replace_sound: bool = Input(description="make a new sound even where the video has one", default=False),
    ) -> Path:
        """Run the steps, and return the finished video."""
        generator = "draft" if replace_sound and preset == "embedded" else "auto"
        key = f"{preset} {generator}"
        if key not in self.pipelines:
            self.pipelines[key] = Pipeline(preset=preset, generator=generator)
        result = self.pipelines[key].run(FilePath(str(video)), mkdtemp(), prompt=prompt, seed=seed)
        return Path(str(result.final_video_path))
