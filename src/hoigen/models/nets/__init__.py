"""Networks: what they are made of, how their published weights are read, and what they are given. One file each."""
