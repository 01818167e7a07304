"""Population engines on a device: the classifiers of many masks as stacked matrices of torch.

Each module answers as the compiled engine of the same name in `vaega.fitness.population`, whose
settings and preparations it takes. What is here is tested on the CPU, against those engines; that
it runs on a CUDA device as it does here is meant, and unproven.
"""
