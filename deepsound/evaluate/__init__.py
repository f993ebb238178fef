"""Evaluation: published metrics, voice rates and levels of one clip or of thousands.

    from deepsound.evaluate.evaluation import evaluate, find_sets
    report = evaluate(find_sets([Path("generated")], Path("reference")))
    report.sets[0].scores["FD_PaSST"].value

One clip: `deepsound.evaluate.single.score_clip`. On the command line: `deepsound evaluate`.
"""
