"""Evolution of binary masks on DEAP: operators, algorithms behind ask and tell, the loop."""
