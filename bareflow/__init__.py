"""BareFlow: grow a C program on bare metal, then freeze what converged."""
