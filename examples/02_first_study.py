"""Run 02_first_study.yaml from Python, and print the planned comparison."""

from pathlib import Path

from prettyuseful import load_study, run_study

if __name__ == "__main__":  # worker processes import this file
    study = load_study(Path(__file__).with_name("02_first_study.yaml"))
    result = run_study(study, store="prettyuseful-store", out="first-study-results")
    print(*result.summary.answer, sep="\n")
    print(result.report)
