"""A reasoner that writes what a page might obey, slowly, and a generator that fails."""

import time
from pathlib import Path

from deepsound.types import ChainOfThought, Judgement, Plan, Verdict

WORDS = "<img src=x onerror=\"document.title='owned'\"> ${1+1} {{value}} `code`"


class Hostile:
    def plan(self, clip, progress):
        progress.say(WORDS)
        return Plan(("Step1: Generate audio from video.",))

    def judge(self, clip, audio, progress):
        progress.say("<SUMMARY> Written first. </SUMMARY>")
        # Until the test has seen the first section; the server works in the folder of its log.
        while not Path("go_on").exists():
            time.sleep(0.05)
            progress.check()
        progress.say(f"<CAPTION> {WORDS} </CAPTION>")
        return Judgement(Verdict.YES, "Yes", ChainOfThought("Written first.", WORDS, "", "A. Yes"))


class Broken:
    def generate(self, clip, request, progress):
        raise ValueError("out of <b>tune</b>")
