"""``torchrun ... bench/all_reduce.py BYTES``: the median seconds in which processes sum so many bytes over all of them."""

from __future__ import annotations

import os
import statistics
import sys
import time

import torch
import torch.distributed as dist

WARM_UP, ROUNDS = 5, 20


def main() -> None:
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    gradients = torch.ones(int(sys.argv[1]) // 4, device="cuda" if on_gpu else "cpu")
    taken = []
    for _ in range(WARM_UP + ROUNDS):
        dist.barrier()
        began = time.perf_counter()
        dist.all_reduce(gradients)
        if on_gpu:
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    if dist.get_rank() == 0:
        print("SECONDS", statistics.median(taken[WARM_UP:]), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
