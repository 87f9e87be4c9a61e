"""What a run left behind, as rows and series: the operations beside the plan that they followed."""
