"""Trains the bundled network on CIFAR-10 pictures, on the CPU.

Writes a checkpoint after every epoch, continues from it when started again,
and refreshes the exported network beside it.
"""

import argparse
import math
import multiprocessing
import os
import time

import torch
from torch import nn

import export
import pictures
from network import Network, normalise

BATCH = 128
PEAK_RATE = 0.15
WARM_UP = 0.08  # The part of the training in which the rate rises.
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.05
# The averaged weights follow the trained ones; they are what gets exported.
AVERAGE_EVERY = 8
AVERAGE_DECAY = 0.99


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder with train_jpeg.zip and so on")
    parser.add_argument("--work", default="training_work", help="checkpoint folder")
    parser.add_argument("--models", default="samples/models", help="export folder")
    parser.add_argument("--epochs", type=int, default=45)
    parser.add_argument(
        "--minutes",
        type=float,
        default=math.inf,
        help="shortens the schedule so that it ends by then on a busy machine",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--f32", action="store_true", help="no bfloat16 arithmetic")
    return parser.parse_args()


def learning_rate(progress):
    if progress < WARM_UP:
        return PEAK_RATE * (0.1 + 0.9 * progress / WARM_UP)
    part = (progress - WARM_UP) / (1 - WARM_UP)
    return PEAK_RATE * max(0.5 * (1 + math.cos(math.pi * part)), 1e-3)


def make_optimizer(network):
    """Decays the weights, but neither batch norm's parameters nor biases."""
    weights = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() == 1]
    groups = [
        {"params": weights, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, PEAK_RATE, momentum=0.9, nesterov=True)


def update_average(average, network, steps):
    """Moves the averaged weights; young averages move faster."""
    decay = min(AVERAGE_DECAY, steps / (steps + 80))
    for a, b in zip(average.state_dict().values(), network.state_dict().values()):
        if a.is_floating_point():
            a.lerp_(b, 1 - decay)
        else:
            a.copy_(b)


def accuracy(network, pixels, labels):
    network.eval()
    correct = 0
    with torch.no_grad():
        for x, y in zip(pixels.split(250), labels.split(250)):
            correct += (network(normalise(x)).argmax(1) == y).sum().item()
    return correct / len(labels)


def produce_epochs(varied, train_pictures, first, last):
    """Runs beside the training, one epoch ahead of it."""
    for epoch in range(first, last):
        varied.put(pictures.vary(train_pictures, epoch))


class Training:
    def __init__(self, options):
        self.options = options
        self.network = Network().to(memory_format=torch.channels_last)
        self.average = Network().to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = make_optimizer(self.network)
        self.loss = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
        self.epoch = self.steps = 0
        self.seconds = 0.0
        self.progress = 0.0
        self.path = os.path.join(options.work, "checkpoint.pt")

    def load(self):
        if not os.path.exists(self.path):
            return
        state = torch.load(self.path)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.steps = state["epoch"], state["steps"]
        self.seconds = state["seconds"]
        self.update_progress(0)

    def save(self):
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "steps": self.steps,
            "seconds": self.seconds,
        }
        torch.save(state, self.path + ".new")
        os.replace(self.path + ".new", self.path)
        export.export(self.average, self.options.models)

    def update_progress(self, part):
        """How much of the schedule is over, by epochs or by the clock."""
        self.progress = max(
            (self.epoch + part) / self.options.epochs,
            self.seconds / (60 * self.options.minutes),
        )

    def run_epoch(self, pixels, labels):
        """One pass in random order; its end may be cut off by the clock."""
        options = self.options
        self.network.train()
        total = count = 0
        batches = torch.randperm(len(labels)).split(BATCH)
        began, seconds = time.time(), self.seconds
        for i, chosen in enumerate(batches):
            self.seconds = seconds + time.time() - began
            self.update_progress(i / len(batches))
            if self.progress >= 1:
                break
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.progress)
            with torch.autocast("cpu", torch.bfloat16, enabled=not options.f32):
                logits = self.network(normalise(pixels[chosen]))
            loss = self.loss(logits.float(), labels[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.steps += 1
            if self.steps % AVERAGE_EVERY == 0:
                update_average(self.average, self.network, self.steps)
            total += loss.item() * len(chosen)
            count += len(chosen)
        self.epoch += 1
        self.seconds = seconds + time.time() - began
        return total / max(count, 1)


def main():
    options = parse_arguments()
    os.makedirs(options.work, exist_ok=True)
    torch.set_num_threads(options.threads)
    (train_pictures, train_labels), held_out = pictures.read_training(options.data)
    labels = torch.from_numpy(train_labels)
    held_out = [torch.from_numpy(part) for part in held_out]
    torch.manual_seed(0)
    training = Training(options)
    training.load()
    torch.manual_seed(training.epoch)

    varied = multiprocessing.Queue(1)
    producer = multiprocessing.Process(
        target=produce_epochs,
        args=(varied, train_pictures, training.epoch, options.epochs),
        daemon=True,
    )
    producer.start()
    while training.epoch < options.epochs and training.progress < 1:
        pixels = torch.from_numpy(varied.get())
        loss = training.run_epoch(pixels, labels)
        training.save()
        print(
            f"epoch {training.epoch}: loss {loss:.3f}, held out "
            f"{100 * accuracy(training.average, *held_out):.2f} %, "
            f"{training.seconds / 60:.1f} minutes",
            flush=True,
        )
    producer.terminate()


if __name__ == "__main__":
    main()
