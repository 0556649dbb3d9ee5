"""From score files to evidence: metrics with intervals, comparisons, text and figures."""
