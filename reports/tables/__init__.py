"""The tables of verdict.json that no rule needs: operations, classes, failures, rounds, resources."""
