"""One file = one heavy model; weights load on first use."""
