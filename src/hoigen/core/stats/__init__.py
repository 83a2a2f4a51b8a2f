"""Statistics, each written once: whoever needs a number with its interval, a test or a threshold takes it from here.

resample    Estimate, the bootstrap and its intervals     paired     McNemar's test, the swap test, Holm's correction
agreement   raw, kappas, AC1, alpha of annotators         ranks      Spearman, Kendall, pairwise accuracy
annotators  of each: speed, gold, agreement, alerts       saving     which score bands need no person, and why
thresholds  AUC, precision and recall, which to choose    alike      reasons that differ in a name or number, as one
"""
