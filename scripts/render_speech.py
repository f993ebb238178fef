"""Renders the speech that the embedded separator is trained on.

`python scripts/render_speech.py FOLDER [--jobs N]`.

Speaks pseudo-words and common words with Debian's synthesisers into FOLDER/{train,heldout}/SYNTHESISER/VOICE/*.wav.
Everything is drawn from one seed. Nothing under heldout/ is ever trained on: all of flite's voices and festival's HTS
voice of one of the same speakers, two diphone voices of festival, and five languages and six variants of espeak-ng.

    apt-get install espeak-ng flite festival festvox-kdlpc16k festvox-italp16k festvox-itapc16k festvox-czech-dita \
        festvox-czech-krb festvox-czech-machac festvox-czech-ph festvox-ru festvox-us-slt-hts festvox-suopuhe-lj \
        festvox-suopuhe-mv festvox-ca-ona-hts
"""

# ruff: noqa: S311, S603, SIM905
from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SEED = 20250322
ESPEAK_UTTERANCES, VOICE_UTTERANCES, HELD_OUT_UTTERANCES = 1000, 70, 16

ESPEAK = (
    "af sq hy az eu be bn bs bg ca hr cs da nl en-gb en-gb-scotland en-gb-x-rp en-029 et fi fr fr-be ka el gu "
    "hi hu is id ga it kn ku lv lfn lt jbo ml ms mr ne nb fa pt pt-br pa ro ru sr sk sl es es-419 sv ta te tr "
    "uk ur vi vi-hue cy"
).split()
ESPEAK_VARIANTS = (
    "f1 f2 f3 f4 m1 m2 m3 m4 m5 m6 klatt klatt2 klatt3 Alex Alicia Andrea Annie Antonio Auntie Diogo "
    "Ed Gene Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen anikaRobot belinda benjamin "
    "boris caleb denis edward2 grandma iven john kaukovalta marcelo max quincy rob steph travis "
    "victor linda shelby"
).split()
ESPEAK_HELD_OUT = "de pl sw en-us ko".split()
ESPEAK_HELD_OUT_VARIANTS = "f5 m7 Andy aunty norbert zac".split()
FESTIVAL = {
    "czech_dita": "cs",
    "czech_krb": "cs",
    "czech_ph": "cs",
    "ked_diphone": "en",
    "lp_diphone": "it",
    "suo_fi_lj_diphone": "fi",
    "hy_fi_mv_diphone": "fi",
    "msu_ru_nsh_clunits": "ru",
    "upc_ca_ona_hts": "ca",
}
FESTIVAL_HELD_OUT = {"czech_machac": "cs", "pc_diphone": "it", "cmu_us_slt_arctic_hts": "en"}
FLITE_HELD_OUT = ("awb", "kal16", "rms", "slt")

WORDS = (
    "the of and a to in is you that it he was for on are as with his they at be this have from or one had by "
    "word but not what all were we when your can said there use an each which she do how their if will up other "
    "about out many then them these so some her would make like him into time has look two more write go see "
    "number no way could people my than first water been call who oil its now find long down day did get come "
    "made may part left right front center rear side open the door please wait here listen carefully everybody "
    "running through yesterday weather report tomorrow morning attention passengers goal score amazing shoot "
    "strange voice channel subscribe welcome back guys really beautiful machine engine thunder"
).split()
ONSETS = "b c d f g h j k l m n p r s t v z br cl dr fl gr pl pr sk sl sp st str tr ch sh".split()
VOWELS = "a e i o u a e i o ai ea io ou".split()
CODAS = ["", "", "", "", "n", "r", "s", "t", "l", "m", "nd", "st", "k"]
CYRILLIC = ("б в г д ж з к л м н п р с т ф х ч ш".split(), "а е и о у ы".split(), ["", "", "й", "н", "т", "л"])


@dataclass(frozen=True)
class Utterance:
    """A command that speaks `text` (given as its input) into `target`."""

    command: tuple[str, ...]
    text: str
    target: Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    missing = [name for name in ("espeak-ng", "festival", "text2wave", "flite") if not shutil.which(name)]
    if missing:
        print(f"not installed: {', '.join(missing)}; see the top of this file", file=sys.stderr)
        return 1
    wanted = list(utterances(arguments.folder, random.Random(SEED)))
    with ThreadPoolExecutor(arguments.jobs) as pool:
        spoken = list(pool.map(speak, wanted))
    print(f"{sum(spoken)} of {len(wanted)} utterances spoken")
    return 0 if all(spoken) else 2


def utterances(folder: Path, rng: random.Random) -> Iterator[Utterance]:
    """All that is to be spoken, the synthesisers interleaved, so that a part of it is a fair sample."""
    everything = [
        *_espeak(folder / "train", ESPEAK, ESPEAK_VARIANTS, ESPEAK_UTTERANCES, rng),
        *_festival(folder / "train", FESTIVAL, VOICE_UTTERANCES, rng),
        *_espeak(folder / "heldout", ESPEAK_HELD_OUT, ESPEAK_HELD_OUT_VARIANTS, 3 * HELD_OUT_UTTERANCES, rng),
        *_festival(folder / "heldout", FESTIVAL_HELD_OUT, HELD_OUT_UTTERANCES, rng),
        *_flite(folder / "heldout", HELD_OUT_UTTERANCES, rng),
    ]
    rng.shuffle(everything)
    return iter(everything)


def speak(utterance: Utterance) -> bool:
    """Run one synthesiser; a finished file is kept, so that an interrupted rendering goes on where it was."""
    if utterance.target.exists():
        return True
    utterance.target.parent.mkdir(parents=True, exist_ok=True)
    aside = utterance.target.with_suffix(".part")
    command = [str(aside) if part == "OUT" else part for part in utterance.command]
    try:
        done = subprocess.run(command, input=utterance.text.encode(), capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode or not aside.exists() or aside.stat().st_size < 8000:
        aside.unlink(missing_ok=True)
        return False
    aside.replace(utterance.target)
    return True


def _espeak(
    folder: Path,
    languages: list[str],
    variants: list[str],
    count: int,
    rng: random.Random,
) -> Iterator[Utterance]:
    for index in range(count):
        language, variant = languages[index % len(languages)], rng.choice(variants)
        command = (
            "espeak-ng",
            "-v",
            f"{language}+{variant}",
            "-p",
            str(rng.randint(15, 85)),
            "-s",
            str(rng.randint(110, 230)),
            "-g",
            str(rng.choice((0, 0, 2, 5))),
            "-w",
            "OUT",
        )
        text = sentence("en" if language.startswith("en") else "xx", rng)
        yield Utterance(command, text, folder / "espeak-ng" / f"{language}+{variant}" / f"{index:04}.wav")


def _festival(folder: Path, voices: dict[str, str], count: int, rng: random.Random) -> Iterator[Utterance]:
    for voice, language in voices.items():
        for index in range(count):
            stretch = f"(Parameter.set 'Duration_Stretch {rng.uniform(0.75, 1.3):.2f})"
            command = ("text2wave", "-eval", f"(voice_{voice})", "-eval", stretch, "-o", "OUT")
            yield Utterance(command, sentence(language, rng), folder / "festival" / voice / f"{index:04}.wav")


def _flite(folder: Path, count: int, rng: random.Random) -> Iterator[Utterance]:
    for voice in FLITE_HELD_OUT:
        for index in range(count):
            command = (
                "flite",
                "-voice",
                voice,
                "--setf",
                f"duration_stretch={rng.uniform(0.8, 1.3):.2f}",
                "-t",
                sentence("en", rng),
                "-o",
                "OUT",
            )
            yield Utterance(command, "", folder / "flite" / voice / f"{index:04}.wav")


def sentence(language: str, rng: random.Random) -> str:
    """8 to 22 words and pseudo-words, with pauses and endings of every kind."""
    words = []
    for _ in range(rng.randint(8, 22)):
        words.append(rng.choice(WORDS) if language == "en" and rng.random() < 0.7 else _pseudo_word(language, rng))
        if rng.random() < 0.15:
            words[-1] += rng.choice((",", ".", "?", "!", ";"))
    return " ".join(words) + rng.choice(".?!")


def _pseudo_word(language: str, rng: random.Random) -> str:
    onsets, vowels, codas = CYRILLIC if language == "ru" else (ONSETS, VOWELS, CODAS)
    syllables = rng.choice((1, 2, 2, 3, 3, 4))
    return "".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(syllables)) + rng.choice(codas)


if __name__ == "__main__":
    sys.exit(main())
