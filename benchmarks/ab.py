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
        said = done.stdout.splitlines()
        begin = max(place for place, line in enumerate(said) if line.startswith("report.html")) + 1
        print(f"paced against {fault}: expected {expected}", *said[begin:], sep="\n")
        wrong += f" {expected}: " not in done.stdout
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
