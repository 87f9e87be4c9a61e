"""Whether a comparison of pairs finds a target that is slower by a known 10 %, and nothing where there is nothing.

One set of pairs each, of a target that answers after 50 ms: against one that takes 55 ms, and against itself.
"""

import subprocess
import sys

PAIRS = 6


def main() -> int:
    """Run both sets; 1 if either says what it must not."""
    wrong = 0
    for fault, expected in (("paced_10_percent_more", "REGRESSED"), ("paced", "NO CHANGE")):
        command = [sys.executable, "-m", "harness", "ab", "sustained", "--profile", "smoke", "--base", "HEAD"]
        command += ["--base-fault", "paced", "--fault", fault, "--pairs", str(PAIRS)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(f"paced against {fault}: expected {expected}\n{done.stdout[done.stdout.rfind('closest') :]}")
        wrong += f" {expected}: " not in done.stdout
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
