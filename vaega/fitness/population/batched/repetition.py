"""Work on a device that is repeated without any change of shapes."""

from collections.abc import Callable

import torch

from vaega.fitness.population.batched.memory import OUT_OF_MEMORY


class Repetition:
    """Work that is called again and again.

    On a CUDA device its launches are recorded once as a graph, and replayed: an epoch of small
    networks is hundreds of short steps, and launching each from Python takes longer than the step.
    """

    def __init__(self, work: Callable[[], object], device: torch.device) -> None:
        self._work, self._device = work, device
        self._n_calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Do the work once."""
        self._n_calls += 1
        if self._device.type != "cuda":
            self._work()
        elif self._n_calls == 1:
            self._warm_up()
        else:
            self._replay()

    def _warm_up(self) -> None:
        with torch.cuda.device(self._device):
            stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                self._work()
            current.wait_stream(stream)

    def _replay(self) -> None:
        with torch.cuda.device(self._device):
            if self._graph is None:
                self._graph = self._record()
            self._graph.replay()

    def _record(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._work()
        except RuntimeError as error:
            # Closing a recording that ran out of memory fails with an error of its own.
            if isinstance(error.__context__, OUT_OF_MEMORY):
                raise error.__context__ from None
            raise
        return graph
